/** Native bindings, generated; for the engine's checked layer only. */
module io.github.morseengine.bindings {
  exports io.github.morseengine.bindings.cublaslt to
      io.github.morseengine.engine;
  exports io.github.morseengine.bindings.cuda to
      io.github.morseengine.engine;
  exports io.github.morseengine.bindings.cudnn to
      io.github.morseengine.engine;
  exports io.github.morseengine.bindings.nvrtc to
      io.github.morseengine.engine;
  exports io.github.morseengine.bindings.nvtx to
      io.github.morseengine.engine;
  exports io.github.morseengine.bindings.onednn to
      io.github.morseengine.engine;
  exports io.github.morseengine.bindings.openmp to
      io.github.morseengine.engine;
}
