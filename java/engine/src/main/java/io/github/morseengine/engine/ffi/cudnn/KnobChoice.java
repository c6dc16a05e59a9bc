package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** One setting of an engine, to be filled by a configuration. */
final class KnobChoice extends Descriptor {

  KnobChoice() {
    super(Cudnn.CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR());
  }

  int type() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
      get(Cudnn.CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE(), Cudnn.CUDNN_TYPE_KNOB_TYPE(), 1, out);
      return out.get(ValueLayout.JAVA_INT, 0);
    }
  }

  long value() {
    return int64(Cudnn.CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE());
  }
}
