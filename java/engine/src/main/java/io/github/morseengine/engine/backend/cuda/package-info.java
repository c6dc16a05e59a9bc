/**
 * Runs graphs on NVIDIA GPUs: the same optimised graph as on the CPU, activations with channels
 * innermost in one arena, our own kernels and NVIDIA's libraries, one captured graph per run.
 */
package io.github.morseengine.engine.backend.cuda;
