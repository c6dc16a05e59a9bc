package io.github.morseengine.engine.device;

import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/** Weights in host memory, each distinct content once. Safe for use by several threads. */
public final class WeightStore extends ContentStore<WeightStore.Buffer> {

  private static final long ALIGNMENT = 64;

  /** A counted reference to packed bytes; close gives it back, once. */
  public static final class Weight implements AutoCloseable {
    private final WeightStore store;
    private final Entry<Buffer> entry;
    private final AtomicBoolean closed = new AtomicBoolean();

    private Weight(WeightStore store, Entry<Buffer> entry) {
      this.store = store;
      this.entry = entry;
    }

    /** {@return the bytes, valid until close} */
    public MemorySegment data() {
      return entry.buffer().data;
    }

    /** {@return a number that equal contents share within the store} */
    public long id() {
      return entry.id();
    }

    @Override
    public void close() {
      if (closed.compareAndSet(false, true)) {
        store.release(entry);
      }
    }
  }

  record Buffer(Arena arena, MemorySegment data) {}

  /** Creates an empty store. */
  public WeightStore() {}

  /**
   * Finds or packs a weight.
   *
   * @param source hash of the bytes as stored in the file
   * @param recipe how they are packed: views, then the packed layout
   * @param layout the packed layout alone
   * @param pack makes the packed bytes; called only if nobody packed the same source the same way
   * @return a reference that the caller closes
   */
  public Weight acquire(
      ContentHash source, String recipe, String layout, Supplier<MemorySegment> pack) {
    return new Weight(this, find(source, recipe, layout, pack));
  }

  @Override
  protected Buffer store(MemorySegment packed) {
    Arena arena = Arena.ofShared();
    try {
      MemorySegment data = arena.allocate(Math.max(1, packed.byteSize()), ALIGNMENT);
      MemorySegment.copy(packed, 0, data, 0, packed.byteSize());
      return new Buffer(arena, data.asSlice(0, packed.byteSize()));
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new DeviceOutOfMemoryException(
          "no memory for " + packed.byteSize() + " bytes of weights: close other models", e);
    }
  }

  @Override
  protected boolean holds(Buffer buffer, MemorySegment packed) {
    return buffer.data.mismatch(packed) < 0;
  }

  @Override
  protected void free(Buffer buffer) {
    buffer.arena.close();
  }
}
