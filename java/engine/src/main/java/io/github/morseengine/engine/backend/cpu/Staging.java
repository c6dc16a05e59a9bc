package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.MemoryPlan;
import io.github.morseengine.engine.ffi.openmp.Team;
import io.github.morseengine.engine.ir.Constant;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * Brings weights from mapped files into memory, on all threads. They pass through one buffer, as
 * large as the largest of late, and the file's pages are given back after each, so that loading
 * never holds a second copy of a model. For one thread; close frees the buffer.
 *
 * <p>Java copies them, not oneDNN: so a file that is cut while it is read is an error and not a
 * crash inside native code.
 */
final class Staging implements AutoCloseable {

  /** Elements that one thread copies at a time. */
  private static final long PIECE = 1 << 20;

  private final Team team;
  private Arena arena;
  private MemorySegment buffer;

  /** Bytes that went through since the latest that took a good part of the buffer. */
  private long since;

  /** The most of these at a time. */
  private long largest;

  Staging(int threads) {
    this.team = new Team(threads);
  }

  /** Does numbered parts on all threads, each thread the next one that is left. */
  void run(int count, IntConsumer part) {
    AtomicInteger next = new AtomicInteger();
    try {
      team.parallel(
          (thread, threads) -> {
            for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
              part.accept(i);
            }
          });
    } catch (IllegalStateException e) {
      if (e.getCause() instanceof InternalError cut) {
        throw cut;
      }
      throw e;
    }
  }

  /**
   * The elements as stored, see {@link Constant#copyStored}.
   *
   * @return memory that is valid until the next call
   */
  MemorySegment of(Constant c) {
    long bytes = c.elements() * c.dtype().bytes();
    if (buffer == null || buffer.byteSize() < bytes) {
      allocate(bytes);
    } else if (bytes > buffer.byteSize() / 4) {
      since = 0;
      largest = 0;
    } else {
      since += bytes;
      largest = Math.max(largest, bytes);
      if (since > buffer.byteSize()) {
        // The end of a U-Net is narrow, and there the weights before it are in memory already.
        allocate(largest);
      }
    }
    copy(c, buffer);
    return buffer.asSlice(0, bytes);
  }

  private void allocate(long bytes) {
    free();
    arena = Arena.ofShared();
    buffer = arena.allocate(Math.max(1, bytes), MemoryPlan.ALIGNMENT);
    since = 0;
    largest = 0;
  }

  /** Writes the elements in row-major order of the constant's shape. */
  void dense(Constant c, MemorySegment to) {
    if (c.isTransposed()) {
      try (Arena own = Arena.ofConfined()) {
        to.copyFrom(c.materialize(own).data());
      }
      release(c.source().data());
    } else {
      copy(c, to);
    }
  }

  private void copy(Constant c, MemorySegment to) {
    long n = c.elements();
    int bytes = c.dtype().bytes();
    if (n <= PIECE) {
      c.copyStored(to, 0, n);
    } else {
      run(
          Math.toIntExact((n + PIECE - 1) / PIECE),
          i -> {
            long first = i * PIECE;
            c.copyStored(to.asSlice(first * bytes), first, Math.min(PIECE, n - first));
          });
    }
    release(c.source().data());
  }

  /** Lets the system forget the pages of a mapped file; reading them again brings them back. */
  static void release(MemorySegment data) {
    if (data.isMapped() && data.byteSize() > 0) {
      data.unload();
    }
  }

  private void free() {
    if (arena != null) {
      arena.close();
      arena = null;
      buffer = null;
    }
  }

  @Override
  public void close() {
    free();
    team.close();
  }
}
