/** Checked calls of NVRTC, CUDA's run-time compiler. */
package io.github.morseengine.engine.ffi.nvrtc;
