/** The OpenMP runtime that oneDNN's threads belong to. */
package io.github.morseengine.engine.ffi.openmp;
