package io.github.morseengine.engine.morse;

/**
 * One step of a request.
 *
 * @param index position, from 0
 * @param timestep its time, in training timesteps
 * @param kind which model ran
 * @param ms median over the request's batches of the time for model and update, in milliseconds
 */
public record StepReport(int index, double timestep, StepKind kind, double ms) {}
