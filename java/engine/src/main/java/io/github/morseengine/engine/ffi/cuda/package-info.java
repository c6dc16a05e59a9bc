/**
 * Checked calls of the CUDA driver API. Every call makes its context current first, so any thread
 * may call; a sticky failure poisons the context and with it every later call.
 */
package io.github.morseengine.engine.ffi.cuda;
