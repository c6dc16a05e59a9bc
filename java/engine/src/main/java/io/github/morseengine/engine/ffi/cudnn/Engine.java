package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;

/** An empty engine descriptor, to be filled by a configuration. */
final class Engine extends Descriptor {

  Engine() {
    super(Cudnn.CUDNN_BACKEND_ENGINE_DESCRIPTOR());
  }
}
