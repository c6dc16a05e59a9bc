/**
 * cuDNN and cuBLASLt: the engine's plans on the simulated device against plain arithmetic, and
 * their graphs in the real cuDNN without a GPU.
 */
package io.github.morseengine.tests.cudnn;
