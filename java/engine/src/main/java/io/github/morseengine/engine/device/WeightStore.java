package io.github.morseengine.engine.device;

import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** Weights in host memory, each distinct content once. Safe for use by several threads. */
public final class WeightStore extends ContentStore<WeightStore.Buffer, WeightStore.Buffer> {

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
   * @param bytes size when packed
   * @param pack writes the packed bytes into zeroed memory, aligned to 64 bytes, where they stay;
   *     called only if nobody packed the same source the same way
   * @return a reference that the caller closes
   */
  public Weight acquire(
      ContentHash source, String recipe, String layout, long bytes, Consumer<MemorySegment> pack) {
    return new Weight(this, find(source, recipe, layout, () -> packed(bytes, pack)));
  }

  /** Packed in place: a copy of every weight would double the peak while a model is loaded. */
  private static Buffer packed(long bytes, Consumer<MemorySegment> pack) {
    Arena arena = Arena.ofShared();
    try {
      MemorySegment data = arena.allocate(Math.max(1, bytes), ALIGNMENT).asSlice(0, bytes);
      pack.accept(data);
      return new Buffer(arena, data);
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new DeviceOutOfMemoryException(
          "no memory for " + bytes + " bytes of weights: close other models", e);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  @Override
  protected MemorySegment bytes(Buffer packed) {
    return packed.data;
  }

  @Override
  protected Buffer store(Buffer packed) {
    return packed;
  }

  @Override
  protected boolean holds(Buffer buffer, Buffer packed) {
    return buffer.data.mismatch(packed.data) < 0;
  }

  @Override
  protected void discard(Buffer packed) {
    free(packed);
  }

  @Override
  protected void free(Buffer buffer) {
    buffer.arena.close();
  }
}
