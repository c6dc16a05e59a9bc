/** Measures of quality, and what they say about a speedup. Knows no model. */
package io.github.morseengine.engine.morse.evaluate;
