package io.github.morseengine.engine.ffi.cublaslt;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToIntFunction;

/** One object of the library, which its owner closes; close is idempotent. */
public abstract sealed class LtObject implements AutoCloseable
    permits LtHandle, MatmulDesc, MatmulPreference, MatrixLayout {

  private static final AtomicLong LIVE = new AtomicLong();

  private final MemorySegment handle;
  private boolean closed;

  /** Creates it by the call that is given the place for the handle. */
  LtObject(String function, ToIntFunction<MemorySegment> create, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      LtStatus.check(create.applyAsInt(out), function, arguments);
      handle = out.get(ValueLayout.ADDRESS, 0);
    }
    LIVE.incrementAndGet();
  }

  /** {@return how many objects of this process are created and not yet closed} */
  public static long live() {
    return LIVE.get();
  }

  final synchronized MemorySegment handle() {
    if (closed) {
      throw new IllegalStateException("this cuBLASLt object is closed");
    }
    return handle;
  }

  /** Destroys the object of the library. */
  abstract int destroy(MemorySegment object);

  /** Sets one attribute. */
  abstract int set(int attribute, MemorySegment value, long bytes);

  final void set(int attribute, int value) {
    try (Arena arena = Arena.ofConfined()) {
      set(attribute, arena.allocateFrom(ValueLayout.JAVA_INT, value));
    }
  }

  final void set(int attribute, long value) {
    try (Arena arena = Arena.ofConfined()) {
      set(attribute, arena.allocateFrom(ValueLayout.JAVA_LONG, value));
    }
  }

  private void set(int attribute, MemorySegment value) {
    int status = set(attribute, value, value.byteSize());
    LtStatus.check(status, getClass().getSimpleName() + "SetAttribute", "attribute", attribute);
  }

  @Override
  public final synchronized void close() {
    if (!closed) {
      closed = true;
      LIVE.decrementAndGet();
      LtStatus.check(destroy(handle), getClass().getSimpleName() + "Destroy");
    }
  }
}
