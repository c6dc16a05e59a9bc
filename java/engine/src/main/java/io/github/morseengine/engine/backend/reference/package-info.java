/**
 * Every operator in plain Java: slow, right, double accumulation; the oracle of all other backends.
 */
package io.github.morseengine.engine.backend.reference;
