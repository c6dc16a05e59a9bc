package io.github.morseengine.engine.device.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** A kernel's arguments, encoded once as the driver reads them: an array of pointers to values. */
public final class KernelArguments {

  private static final long SLOT = Long.BYTES;

  private final MemorySegment pointers;

  private KernelArguments(MemorySegment pointers) {
    this.pointers = pointers;
  }

  MemorySegment pointers() {
    return pointers;
  }

  /** {@return an empty list of arguments} */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects arguments in the order of the kernel's parameters. */
  public static final class Builder {

    /** The bits of each; small types are the low bits, where a little-endian reader finds them. */
    private final List<Long> values = new ArrayList<>();

    private Builder() {}

    /**
     * Adds a device address.
     *
     * @param address the address; 0 for null
     * @return this
     */
    public Builder pointer(long address) {
      values.add(address);
      return this;
    }

    /**
     * Adds a 32-bit integer.
     *
     * @param value the value
     * @return this
     */
    public Builder i32(int value) {
      values.add((long) value);
      return this;
    }

    /**
     * Adds a 64-bit integer.
     *
     * @param value the value
     * @return this
     */
    public Builder i64(long value) {
      values.add(value);
      return this;
    }

    /**
     * Adds a 32-bit floating-point number.
     *
     * @param value the value
     * @return this
     */
    public Builder f32(float value) {
      values.add((long) Float.floatToRawIntBits(value));
      return this;
    }

    /**
     * Encodes the arguments.
     *
     * @param lifetime how long they are valid; launches read them, captured graphs keep a copy
     * @return the arguments
     */
    public KernelArguments build(Arena lifetime) {
      int n = values.size();
      MemorySegment block = lifetime.allocate(Math.max(1, 2 * SLOT * n), SLOT);
      for (int i = 0; i < n; i++) {
        block.setAtIndex(ValueLayout.JAVA_LONG, n + i, values.get(i));
        block.setAtIndex(ValueLayout.JAVA_LONG, i, block.address() + SLOT * (n + i));
      }
      return new KernelArguments(block);
    }
  }
}
