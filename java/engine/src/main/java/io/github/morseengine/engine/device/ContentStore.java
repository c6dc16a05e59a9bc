package io.github.morseengine.engine.device;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Buffers addressed by content: equal bytes in an equal packed layout are one buffer, whoever asks
 * and whatever the tensor is called. Reference-counted; safe for use by several threads. Where the
 * buffers lie is for sub-classes to say.
 *
 * @param <P> packed bytes before they are stored
 * @param <B> a buffer
 */
public abstract class ContentStore<P, B> {

  /**
   * A shared buffer and how often it is in use.
   *
   * @param <B> a buffer
   */
  protected static final class Entry<B> {
    private final long id;
    private final B buffer;
    private final Content key;
    private int references;

    private Entry(long id, B buffer, Content key) {
      this.id = id;
      this.buffer = buffer;
      this.key = key;
    }

    /** {@return a number that equal contents share within the store} */
    public long id() {
      return id;
    }

    /** {@return the buffer, valid while the entry is counted} */
    public B buffer() {
      return buffer;
    }
  }

  private record Origin(ContentHash source, String recipe) {}

  private record Content(ContentHash sample, String layout) {}

  private final Map<Origin, Entry<B>> byOrigin = new HashMap<>();
  private final Map<Content, Entry<B>> byContent = new HashMap<>();
  private long nextId;
  private long bytes;

  /** Creates an empty store. */
  protected ContentStore() {}

  /**
   * Where packed bytes are.
   *
   * @param packed what was packed
   * @return its bytes
   */
  protected abstract MemorySegment bytes(P packed);

  /**
   * Makes a buffer.
   *
   * @param packed its bytes, which the buffer may take over
   * @return the buffer
   */
  protected abstract B store(P packed);

  /**
   * Compares; called where size, layout and samples are equal.
   *
   * @param buffer a buffer of this store
   * @param packed the bytes
   * @return whether the buffer has exactly these bytes
   */
  protected abstract boolean holds(B buffer, P packed);

  /**
   * Frees packed bytes that are not stored, because a buffer has them already.
   *
   * @param packed the bytes
   */
  protected abstract void discard(P packed);

  /**
   * Frees a buffer that nobody uses.
   *
   * @param buffer the buffer
   */
  protected abstract void free(B buffer);

  /**
   * Finds or makes a buffer.
   *
   * @param source hash of the bytes as stored in the file
   * @param recipe how they are packed: views, then the packed layout
   * @param layout the packed layout alone
   * @param pack makes the packed bytes; called only if nobody packed the same source the same way
   * @return an entry, counted once more
   */
  protected final synchronized Entry<B> find(
      ContentHash source, String recipe, String layout, Supplier<P> pack) {
    Origin origin = new Origin(source, recipe);
    Entry<B> entry = byOrigin.get(origin);
    if (entry == null) {
      P packed = pack.get();
      // A sample is enough to look one up: whether it has the same bytes is then compared.
      Content key = new Content(ContentHash.ofSample(bytes(packed)), layout);
      entry = byContent.get(key);
      if (entry == null || !holds(entry.buffer, packed)) {
        entry = new Entry<>(nextId++, store(packed), key);
        byContent.put(key, entry);
        bytes += key.sample().bytes();
      } else {
        discard(packed);
      }
      byOrigin.put(origin, entry);
    }
    entry.references++;
    return entry;
  }

  /**
   * Counts an entry once less, and frees its buffer with the last use.
   *
   * @param entry the entry
   */
  protected final synchronized void release(Entry<B> entry) {
    if (--entry.references == 0) {
      byContent.remove(entry.key, entry);
      byOrigin.values().removeIf(e -> e == entry);
      bytes -= entry.key.sample().bytes();
      free(entry.buffer);
    }
  }

  /** {@return bytes held now} */
  public final synchronized long bytes() {
    return bytes;
  }
}
