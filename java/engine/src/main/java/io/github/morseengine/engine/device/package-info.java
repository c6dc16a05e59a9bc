/** Who owns memory: weights, addressed by content, and the arenas of runs. */
package io.github.morseengine.engine.device;
