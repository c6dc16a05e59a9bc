/** cuBLASLt: checked calls and descriptors that are owned by one object each. */
package io.github.morseengine.engine.ffi.cublaslt;
