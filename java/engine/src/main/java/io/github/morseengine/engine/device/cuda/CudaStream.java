package io.github.morseengine.engine.device.cuda;

import io.github.morseengine.engine.error.DeviceFatalException;
import io.github.morseengine.engine.ffi.cuda.CudaContext;
import io.github.morseengine.engine.ffi.cuda.Graphs;
import io.github.morseengine.engine.ffi.cuda.Memory;
import io.github.morseengine.engine.ffi.cuda.Modules;
import io.github.morseengine.engine.ffi.cuda.Streams;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Work of a GPU in the order in which it was given. All calls but {@link #synchronize} return
 * before the work is done. Safe for use by several threads, which then take turns; close is
 * idempotent.
 */
public final class CudaStream implements AutoCloseable {

  private final CudaDevice device;
  private final CudaContext context;
  private final MemorySegment handle;
  private boolean capturing;
  private boolean closed;

  CudaStream(CudaDevice device) {
    this.device = device;
    this.context = device.context();
    this.handle = Streams.create(context);
  }

  private MemorySegment open() {
    if (closed) {
      throw new IllegalStateException("this stream is closed");
    }
    return handle;
  }

  /** {@return the driver's handle, for libraries that take one} */
  public synchronized long handle() {
    return open().address();
  }

  /**
   * Copies from the host.
   *
   * @param target device address
   * @param source host memory, at least so many bytes; pinned memory must stay unchanged until the
   *     copy is done, other memory is read before the call returns
   * @param bytes how many
   */
  public synchronized void copyToDevice(long target, MemorySegment source, long bytes) {
    MemorySegment part = source.asSlice(0, bytes);
    if (part.isNative()) {
      Memory.toDevice(context, target, part, bytes, open());
    } else {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment copy = arena.allocate(Math.max(1, bytes)).copyFrom(part);
        Memory.toDevice(context, target, copy, bytes, open());
        Streams.synchronize(context, handle);
      }
    }
  }

  /**
   * Copies to the host.
   *
   * @param target host memory outside the Java heap, at least so many bytes; its content is valid
   *     after {@link #synchronize}
   * @param source device address
   * @param bytes how many
   */
  public synchronized void copyToHost(MemorySegment target, long source, long bytes) {
    MemorySegment part = target.asSlice(0, bytes);
    if (!part.isNative()) {
      throw new IllegalArgumentException("the GPU cannot write to the Java heap");
    }
    Memory.toHost(context, part, source, bytes, open());
  }

  /**
   * Copies within the device.
   *
   * @param target device address
   * @param source device address; the two ranges must not overlap
   * @param bytes how many
   */
  public synchronized void copy(long target, long source, long bytes) {
    Memory.copy(context, target, source, bytes, open());
  }

  /**
   * Fills device memory.
   *
   * @param target device address
   * @param value each byte
   * @param bytes how many
   */
  public synchronized void fill(long target, byte value, long bytes) {
    Memory.fill(context, target, value, bytes, open());
  }

  /**
   * Starts a kernel.
   *
   * @param launch what to start; its arguments are read before the call returns
   */
  public synchronized void launch(KernelLaunch launch) {
    Modules.launch(
        context,
        launch.kernel().handle(),
        launch.kernel().entry(),
        launch.gridX(),
        launch.gridY(),
        launch.gridZ(),
        launch.blockX(),
        launch.blockY(),
        launch.blockZ(),
        launch.sharedBytes(),
        open(),
        launch.arguments().pointers());
  }

  /**
   * Starts a graph.
   *
   * @param graph the graph
   */
  public synchronized void launch(CudaGraph graph) {
    Graphs.launch(context, graph.executable(), open());
  }

  /**
   * Waits for all work given so far.
   *
   * @throws DeviceFatalException if a kernel failed: the GPU is then unusable in this process
   */
  public synchronized void synchronize() {
    Streams.synchronize(context, open());
  }

  /**
   * Marks the work given so far.
   *
   * @param event the mark; an earlier one is forgotten
   */
  public synchronized void record(CudaEvent event) {
    Streams.record(context, event.handle(), open());
  }

  /**
   * Lets later work wait for a mark in another stream.
   *
   * @param event the mark, recorded already
   */
  public synchronized void waitFor(CudaEvent event) {
    Streams.await(context, open(), event.handle());
  }

  /**
   * Collects the following work instead of running it, until the end of the capture. The thread
   * that begins a capture ends it, and meanwhile neither allocates nor synchronises.
   */
  public synchronized void beginCapture() {
    Graphs.beginCapture(context, open());
    capturing = true;
  }

  /**
   * Ends a capture.
   *
   * @return what was collected, on the device and ready
   */
  public synchronized CudaGraph endCapture() {
    MemorySegment graph = captured();
    try {
      CudaGraph out = device.newGraph(graph);
      try {
        Graphs.upload(context, out.executable(), handle);
        return out;
      } catch (RuntimeException e) {
        new Closing(e).run(out::close);
        throw e;
      }
    } finally {
      Graphs.destroy(context, graph);
    }
  }

  /**
   * Ends a capture and makes an existing graph do what was collected; cheap where only arguments
   * differ.
   *
   * @param graph the graph, none of whose launches is under way
   */
  public synchronized void endCapture(CudaGraph graph) {
    MemorySegment captured = captured();
    try {
      graph.replace(captured);
    } finally {
      Graphs.destroy(context, captured);
    }
  }

  private MemorySegment captured() {
    open();
    capturing = false;
    return Graphs.endCapture(context, handle);
  }

  /** Ends a capture and forgets what was collected; does nothing outside a capture. */
  public synchronized void abandonCapture() {
    if (capturing) {
      capturing = false;
      Graphs.abandonCapture(context, open());
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      try {
        if (context.usable()) {
          if (capturing) {
            Graphs.abandonCapture(context, handle);
          }
          Streams.destroy(context, handle);
        }
      } finally {
        device.letGo();
      }
    }
  }
}
