/** What the paper says: schedule, samplers, Dash and Dot, guidance, pipeline. Knows no device. */
package io.github.morseengine.engine.morse;
