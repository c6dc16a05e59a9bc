package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.Schedule;

/**
 * A schedule that is evaluated.
 *
 * @param setting index of its setting
 * @param withDot whether it belongs to the curve of Morse rather than to that of Dash alone
 * @param budget what it was chosen for, in latencies of Dash
 * @param schedule the schedule
 */
record EvaluationPoint(int setting, boolean withDot, double budget, Schedule schedule) {}
