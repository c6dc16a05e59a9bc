/**
 * Operators of the domain com.microsoft that ONNX Runtime's optimiser for diffusion models writes,
 * taken apart into ONNX's own as soon as the types of their inputs are known.
 */
package io.github.morseengine.engine.graph.contrib;
