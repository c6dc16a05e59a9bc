/** Linear layers and other matrix products by cuBLASLt, with a cache of the choices on disk. */
package io.github.morseengine.engine.backend.cuda.cublaslt;
