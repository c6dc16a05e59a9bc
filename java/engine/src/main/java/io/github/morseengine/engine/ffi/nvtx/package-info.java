/** Ranges that profilers show. */
package io.github.morseengine.engine.ffi.nvtx;
