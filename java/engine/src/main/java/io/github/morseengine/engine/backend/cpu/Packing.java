package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.DnnEngine;
import io.github.morseengine.engine.ffi.onednn.Memory;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Brings weights into the layout that a primitive wants, once at compile time. */
final class Packing {

  private Packing() {}

  static void reorder(
      DnnEngine engine, MemorySegment plain, MemoryDesc from, MemoryDesc to, MemorySegment out) {
    if (from.sameAs(to)) {
      out.copyFrom(plain.asSlice(0, out.byteSize()));
      return;
    }
    try (Arena arena = Arena.ofConfined();
        Attributes attributes = new Attributes();
        Primitive reorder = Primitives.reorder(engine, from, to, attributes);
        Memory source = new Memory(engine, from, plain);
        Memory target = new Memory(engine, to, out)) {
      MemoryDesc scratch = reorder.scratchpad();
      long bytes = scratch == null ? 0 : scratch.bytes();
      int[] codes = {Primitive.Arg.SRC.code(), Primitive.Arg.DST.code()};
      if (bytes == 0) {
        Memory[] memories = {source, target};
        reorder.execute(2, Primitive.arguments(arena, codes, memories));
      } else {
        try (Memory pad = new Memory(engine, scratch, arena.allocate(bytes, 64))) {
          int[] three = {codes[0], codes[1], Primitive.Arg.SCRATCHPAD.code()};
          Memory[] memories = {source, target, pad};
          reorder.execute(3, Primitive.arguments(arena, three, memories));
        }
      }
    }
  }
}
