/** The sources of the CUDA kernels and the list of what is shipped of them. */
package io.github.morseengine.kernels;
