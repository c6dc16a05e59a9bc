package io.github.morseengine.engine.ffi.cuda;

import io.github.morseengine.bindings.cuda.CUgraphExecUpdateResultInfo_st;
import io.github.morseengine.bindings.cuda.Cuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Checked calls on graphs: captured, instantiated, updated, launched. */
public final class Graphs {

  private Graphs() {}

  /**
   * Begins to collect a stream's work instead of running it. Other threads stay free to make calls
   * that a capture forbids, such as allocations.
   *
   * @param context the GPU
   * @param stream the stream's handle
   */
  public static void beginCapture(CudaContext context, MemorySegment stream) {
    context.enter();
    int mode = Cuda.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL();
    int status = Cuda.cuStreamBeginCapture_v2(stream, mode);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuStreamBeginCapture_v2", stream, "thread-local");
    }
  }

  /**
   * Ends a capture.
   *
   * @param context the GPU
   * @param stream the stream's handle
   * @return the graph's handle
   */
  public static MemorySegment endCapture(CudaContext context, MemorySegment stream) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      int status = Cuda.cuStreamEndCapture(stream, out);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuStreamEndCapture", stream);
      }
      return out.get(Cuda.C_POINTER, 0);
    }
  }

  /**
   * Ends a capture that went wrong; a graph that it leaves is destroyed.
   *
   * @param context the GPU
   * @param stream the stream's handle
   */
  public static void abandonCapture(CudaContext context, MemorySegment stream) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      // An invalidated capture answers with its own code: the stream is free again either way.
      int status = Cuda.cuStreamEndCapture(stream, out);
      MemorySegment graph = out.get(Cuda.C_POINTER, 0);
      if (status == CudaStatus.SUCCESS && graph.address() != 0) {
        destroy(context, graph);
      }
    }
  }

  /**
   * Counts a graph's nodes that are kernels.
   *
   * @param context the GPU
   * @param graph the graph's handle
   * @return the number of kernels
   */
  public static int kernels(CudaContext context, MemorySegment graph) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(ValueLayout.JAVA_LONG);
      int status = Cuda.cuGraphGetNodes(graph, MemorySegment.NULL, count);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuGraphGetNodes", graph);
      }
      long n = count.get(ValueLayout.JAVA_LONG, 0);
      MemorySegment nodes = arena.allocate(ValueLayout.ADDRESS, Math.max(1, n));
      status = Cuda.cuGraphGetNodes(graph, nodes, count);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuGraphGetNodes", graph, n);
      }
      MemorySegment type = arena.allocate(ValueLayout.JAVA_INT);
      int kernels = 0;
      for (long i = 0; i < n; i++) {
        MemorySegment node = nodes.getAtIndex(ValueLayout.ADDRESS, i);
        status = Cuda.cuGraphNodeGetType(node, type);
        if (status != CudaStatus.SUCCESS) {
          throw context.failure(status, "cuGraphNodeGetType", node);
        }
        if (type.get(ValueLayout.JAVA_INT, 0) == Cuda.CU_GRAPH_NODE_TYPE_KERNEL()) {
          kernels++;
        }
      }
      return kernels;
    }
  }

  /**
   * Makes an executable of a graph.
   *
   * @param context the GPU
   * @param graph the graph's handle; not needed afterwards
   * @return the executable's handle
   */
  public static MemorySegment instantiate(CudaContext context, MemorySegment graph) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Cuda.C_POINTER);
      int status = Cuda.cuGraphInstantiateWithFlags(out, graph, 0);
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuGraphInstantiateWithFlags", graph);
      }
      return out.get(Cuda.C_POINTER, 0);
    }
  }

  /**
   * Gives an executable the parameters of a graph of the same shape.
   *
   * @param context the GPU
   * @param executable the executable's handle
   * @param graph the graph's handle
   * @return false if their shapes differ too much: instantiate the graph instead
   */
  public static boolean update(CudaContext context, MemorySegment executable, MemorySegment graph) {
    context.enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = CUgraphExecUpdateResultInfo_st.allocate(arena);
      int status = Cuda.cuGraphExecUpdate_v2(executable, graph, result);
      if (status == Cuda.CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE()) {
        return false;
      }
      if (status != CudaStatus.SUCCESS) {
        throw context.failure(status, "cuGraphExecUpdate_v2", executable, graph);
      }
      return true;
    }
  }

  /**
   * Moves an executable to the device ahead of its first launch.
   *
   * @param context the GPU
   * @param executable the executable's handle
   * @param stream the stream's handle
   */
  public static void upload(CudaContext context, MemorySegment executable, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuGraphUpload(executable, stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuGraphUpload", executable, stream);
    }
  }

  /**
   * Runs an executable, in the order of a stream. One downcall beside making the context current;
   * allocates nothing.
   *
   * @param context the GPU
   * @param executable the executable's handle
   * @param stream the stream's handle
   */
  public static void launch(CudaContext context, MemorySegment executable, MemorySegment stream) {
    context.enter();
    int status = Cuda.cuGraphLaunch(executable, stream);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuGraphLaunch", executable, stream);
    }
  }

  /**
   * Destroys an executable.
   *
   * @param context the GPU
   * @param executable its handle
   */
  public static void destroyExecutable(CudaContext context, MemorySegment executable) {
    context.enter();
    int status = Cuda.cuGraphExecDestroy(executable);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuGraphExecDestroy", executable);
    }
  }

  /**
   * Destroys a graph.
   *
   * @param context the GPU
   * @param graph its handle
   */
  public static void destroy(CudaContext context, MemorySegment graph) {
    context.enter();
    int status = Cuda.cuGraphDestroy(graph);
    if (status != CudaStatus.SUCCESS) {
      throw context.failure(status, "cuGraphDestroy", graph);
    }
  }
}
