package io.github.morseengine.engine.morse;

/**
 * Bytes of weights as they lie on the device, each distinct content once.
 *
 * @param dash what Dash uses
 * @param dot what Dot uses; 0 without Dot
 * @param shared what both use
 * @param device what is allocated for both: dash + dot - shared
 */
public record WeightBytes(long dash, long dot, long shared, long device) {}
