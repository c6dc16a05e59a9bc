/**
 * Benchmarks of the CUDA layers, on a GPU or on the simulated device. Each verifies before it
 * times.
 */
package io.github.morseengine.jmh.cuda;
