/** Native bindings, generated; for the engine's checked layer only. */
module io.github.morseengine.bindings {
  exports io.github.morseengine.bindings.onednn to
      io.github.morseengine.engine;
  exports io.github.morseengine.bindings.openmp to
      io.github.morseengine.engine;
}
