/** The CUDA kernels as sources; whoever has NVRTC compiles them. */
module io.github.morseengine.kernels {
  exports io.github.morseengine.kernels;
}
