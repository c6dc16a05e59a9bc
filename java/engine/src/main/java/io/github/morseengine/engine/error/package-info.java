/** The sealed family of failures that the engine reports. */
package io.github.morseengine.engine.error;
