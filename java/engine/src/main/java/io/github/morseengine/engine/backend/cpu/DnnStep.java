package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Memory;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A oneDNN primitive with its operands. */
final class DnnStep implements Step {

  private record Operand(int code, MemoryDesc desc, View view, boolean ownsDesc) {}

  private final Primitive primitive;
  private final boolean alone;
  private final boolean ownsPrimitive;
  private final List<Operand> operands = new ArrayList<>();

  /**
   * A step without operands.
   *
   * @param primitive closed with the step
   * @param alone whether it was made for one thread, see {@link Program#alone}
   */
  DnnStep(Primitive primitive, boolean alone) {
    this(primitive, alone, true);
  }

  private DnnStep(Primitive primitive, boolean alone, boolean ownsPrimitive) {
    this.primitive = primitive;
    this.alone = alone;
    this.ownsPrimitive = ownsPrimitive;
  }

  /**
   * The same primitive on other memory of the same layouts, valid until this step is closed.
   *
   * @param views of the first operands; the others, such as the scratchpad, stay
   */
  DnnStep elsewhere(View... views) {
    DnnStep out = new DnnStep(primitive, alone, false);
    for (int i = 0; i < operands.size(); i++) {
      Operand o = operands.get(i);
      out.withShared(o.code, o.desc, i < views.length ? views[i] : o.view);
    }
    return out;
  }

  /** Adds an operand; the descriptor is closed with the step. */
  DnnStep with(int code, MemoryDesc desc, View view) {
    operands.add(new Operand(code, desc, view, true));
    return this;
  }

  /** Adds an operand whose descriptor belongs to the primitive. */
  DnnStep withShared(int code, MemoryDesc desc, View view) {
    operands.add(new Operand(code, desc, view, false));
    return this;
  }

  Primitive primitive() {
    return primitive;
  }

  @Override
  public String kernel() {
    return "oneDNN " + primitive.implementation();
  }

  @Override
  public boolean alone() {
    return alone;
  }

  @Override
  public List<View> views() {
    List<View> out = new ArrayList<>();
    for (Operand o : operands) {
      out.add(o.view);
    }
    return out;
  }

  @Override
  public Bound bind(Binding b) {
    int n = operands.size();
    int[] codes = new int[n];
    Memory[] memories = new Memory[n];
    for (int i = 0; i < n; i++) {
      Operand o = operands.get(i);
      codes[i] = o.code;
      memories[i] = new Memory(b.engine(), o.desc, b.of(o.view));
    }
    MemorySegment block = Primitive.arguments(b.lifetime(), codes, memories);
    Primitive p = primitive;
    return new Bound() {
      @Override
      public void run() {
        p.execute(n, block);
      }

      @Override
      public void close() {
        for (Memory m : memories) {
          m.close();
        }
      }
    };
  }

  @Override
  public void close() {
    for (Operand o : operands) {
      if (o.ownsDesc) {
        o.desc.close();
      }
    }
    if (ownsPrimitive) {
      primitive.close();
    }
  }
}
