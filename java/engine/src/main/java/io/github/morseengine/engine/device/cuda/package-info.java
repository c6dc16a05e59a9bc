/**
 * An NVIDIA GPU: who owns its memory, streams, events, kernels and graphs, and in which order its
 * work runs. Objects belong to the device that made them; the device itself goes when it is closed
 * and the last of them is.
 */
package io.github.morseengine.engine.device.cuda;
