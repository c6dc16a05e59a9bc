/**
 * The CPU backend: oneDNN for convolutions and products, our own vector kernels on the same threads
 * for the rest. Tensors are strided views into one arena; images lie channels-last, so that
 * reshapes, transposes, slices and the heads of attention are views and not copies.
 */
package io.github.morseengine.engine.backend.cpu;
