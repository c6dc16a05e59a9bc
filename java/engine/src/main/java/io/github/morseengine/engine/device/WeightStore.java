package io.github.morseengine.engine.device;

import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Weights in host memory, each distinct content once: equal bytes in an equal packed layout are one
 * buffer, whoever asks and whatever the tensor is called. Reference-counted; safe for use by
 * several threads.
 */
public final class WeightStore {

  private static final long ALIGNMENT = 64;

  /** A counted reference to packed bytes; close gives it back, once. */
  public static final class Weight implements AutoCloseable {
    private final WeightStore store;
    private final Buffer buffer;
    private boolean closed;

    private Weight(WeightStore store, Buffer buffer) {
      this.store = store;
      this.buffer = buffer;
    }

    /** {@return the bytes, valid until close} */
    public MemorySegment data() {
      return buffer.data;
    }

    /** {@return a number that equal contents share within the store} */
    public long id() {
      return buffer.id;
    }

    @Override
    public void close() {
      synchronized (store) {
        if (!closed) {
          closed = true;
          store.release(buffer);
        }
      }
    }
  }

  private record Origin(ContentHash source, String recipe) {}

  private record Packed(ContentHash content, String layout) {}

  private static final class Buffer {
    final long id;
    final Arena arena;
    final MemorySegment data;
    final Packed key;
    int references;

    Buffer(long id, Arena arena, MemorySegment data, Packed key) {
      this.id = id;
      this.arena = arena;
      this.data = data;
      this.key = key;
    }
  }

  private final Map<Origin, Buffer> byOrigin = new HashMap<>();
  private final Map<Packed, Buffer> byContent = new HashMap<>();
  private long nextId;
  private long bytes;

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
  public synchronized Weight acquire(
      ContentHash source, String recipe, String layout, Supplier<MemorySegment> pack) {
    Origin origin = new Origin(source, recipe);
    Buffer buffer = byOrigin.get(origin);
    if (buffer == null) {
      MemorySegment packed = pack.get();
      Packed key = new Packed(ContentHash.of(packed), layout);
      buffer = byContent.get(key);
      if (buffer == null || buffer.data.mismatch(packed) >= 0) {
        buffer = store(packed, key);
      }
      byOrigin.put(origin, buffer);
    }
    buffer.references++;
    return new Weight(this, buffer);
  }

  private Buffer store(MemorySegment packed, Packed key) {
    Arena arena = Arena.ofShared();
    try {
      MemorySegment data = arena.allocate(Math.max(1, packed.byteSize()), ALIGNMENT);
      MemorySegment.copy(packed, 0, data, 0, packed.byteSize());
      Buffer buffer = new Buffer(nextId++, arena, data.asSlice(0, packed.byteSize()), key);
      byContent.put(key, buffer);
      bytes += packed.byteSize();
      return buffer;
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new DeviceOutOfMemoryException(
          "no memory for " + packed.byteSize() + " bytes of weights: close other models", e);
    }
  }

  private void release(Buffer buffer) {
    if (--buffer.references == 0) {
      byContent.remove(buffer.key, buffer);
      byOrigin.values().removeIf(b -> b == buffer);
      bytes -= buffer.data.byteSize();
      buffer.arena.close();
    }
  }

  /** {@return bytes held now} */
  public synchronized long bytes() {
    return bytes;
  }
}
