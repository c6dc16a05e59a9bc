package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One backend descriptor. Its attributes are set by one thread, then it is finalised; after that it
 * does not change and may be read by several threads. Close is idempotent.
 */
public abstract sealed class Descriptor implements AutoCloseable
    permits ConvolutionGeometry,
        DeviceProperties,
        Engine,
        EngineConfig,
        ExecutionPlan,
        Heuristics,
        KnobChoice,
        Operation,
        OperationGraph,
        PointwiseMode,
        Tensor,
        VariantPack {

  private static final AtomicLong LIVE = new AtomicLong();

  private final MemorySegment handle;
  private boolean closed;

  /**
   * Creates a descriptor without attributes.
   *
   * @param type value of {@code cudnnBackendDescriptorType_t}
   */
  Descriptor(int type) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      int status = Cudnn.cudnnBackendCreateDescriptor(type, out);
      CudnnStatus.check(status, "cudnnBackendCreateDescriptor", getClass().getSimpleName());
      handle = out.get(ValueLayout.ADDRESS, 0);
    }
    LIVE.incrementAndGet();
  }

  /** {@return how many descriptors of this process are created and not yet closed} */
  public static long live() {
    return LIVE.get();
  }

  final synchronized MemorySegment handle() {
    if (closed) {
      throw new IllegalStateException("this cuDNN descriptor is closed");
    }
    return handle;
  }

  final void int64s(int attribute, long... values) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_LONG, values);
      set(attribute, Cudnn.CUDNN_TYPE_INT64(), values.length, data);
    }
  }

  /** Sets an attribute of one of the enumerated types, or of 32 bits. */
  final void code(int attribute, int type, int value) {
    try (Arena arena = Arena.ofConfined()) {
      set(attribute, type, 1, arena.allocateFrom(ValueLayout.JAVA_INT, value));
    }
  }

  final void float32(int attribute, float value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_FLOAT, value);
      set(attribute, Cudnn.CUDNN_TYPE_FLOAT(), 1, data);
    }
  }

  final void yes(int attribute) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 1);
      set(attribute, Cudnn.CUDNN_TYPE_BOOLEAN(), 1, data);
    }
  }

  final void text(int attribute, byte[] characters) {
    try (Arena arena = Arena.ofConfined()) {
      // One more than the count: cuDNN 9 takes either, but reads up to the NUL in places.
      MemorySegment data = arena.allocate(characters.length + 1L);
      MemorySegment.copy(characters, 0, data, ValueLayout.JAVA_BYTE, 0, characters.length);
      set(attribute, Cudnn.CUDNN_TYPE_CHAR(), characters.length, data);
    }
  }

  final void pointers(int attribute, int type, MemorySegment... values) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(ValueLayout.ADDRESS, values.length);
      for (int i = 0; i < values.length; i++) {
        data.setAtIndex(ValueLayout.ADDRESS, i, values[i]);
      }
      set(attribute, type, values.length, data);
    }
  }

  final void descriptors(int attribute, List<? extends Descriptor> values) {
    MemorySegment[] handles = values.stream().map(Descriptor::handle).toArray(MemorySegment[]::new);
    pointers(attribute, Cudnn.CUDNN_TYPE_BACKEND_DESCRIPTOR(), handles);
  }

  final void descriptor(int attribute, Descriptor value) {
    descriptors(attribute, List.of(value));
  }

  private void set(int attribute, int type, long count, MemorySegment data) {
    int status = Cudnn.cudnnBackendSetAttribute(handle(), attribute, type, count, data);
    CudnnStatus.check(
        status, "cudnnBackendSetAttribute", getClass().getSimpleName(), "attribute", attribute);
  }

  /**
   * Number of elements that an attribute has, at most {@code room} of them copied to the target.
   */
  final long get(int attribute, int type, long room, MemorySegment target) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(ValueLayout.JAVA_LONG);
      int status = Cudnn.cudnnBackendGetAttribute(handle(), attribute, type, room, count, target);
      CudnnStatus.check(
          status, "cudnnBackendGetAttribute", getClass().getSimpleName(), "attribute", attribute);
      return count.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  final long int64(int attribute) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      get(attribute, Cudnn.CUDNN_TYPE_INT64(), 1, out);
      return out.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  private void finalise() {
    int status = tryFinalise();
    CudnnStatus.check(status, "cudnnBackendFinalize", this);
  }

  /** Finalises and leaves the status to the caller. */
  final int tryFinalise() {
    return Cudnn.cudnnBackendFinalize(handle());
  }

  /** Sets attributes and finalises; closes this where that fails. */
  final void complete(Runnable setters) {
    try {
      setters.run();
      finalise();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      LIVE.decrementAndGet();
      int status = Cudnn.cudnnBackendDestroyDescriptor(handle);
      CudnnStatus.check(status, "cudnnBackendDestroyDescriptor", getClass().getSimpleName());
    }
  }

  @Override
  public String toString() {
    return getClass().getSimpleName();
  }
}
