package io.github.morseengine.engine.ffi.cublaslt;

import io.github.morseengine.bindings.cublaslt.CublasLt;
import io.github.morseengine.bindings.cublaslt.cublasLtMatmulAlgo_t;
import io.github.morseengine.bindings.cublaslt.cublasLtMatmulHeuristicResult_t;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * cuBLASLt on the device whose context is current in the thread that creates it. Safe for use by
 * several threads.
 */
public final class LtHandle extends LtObject {

  /**
   * A product's descriptors. They belong to whoever made them.
   *
   * @param desc what is computed
   * @param a layout of A
   * @param b layout of B
   * @param c layout of C
   * @param d layout of D
   */
  public record Layouts(
      MatmulDesc desc, MatrixLayout a, MatrixLayout b, MatrixLayout c, MatrixLayout d) {}

  /**
   * A way to compute a product.
   *
   * @param code the library's description, of {@link #ALGORITHM_BYTES}
   * @param workspaceBytes device memory that it needs
   */
  public record Algorithm(byte[] code, long workspaceBytes) {}

  /** Size of an algorithm's description. */
  public static final int ALGORITHM_BYTES = 64;

  /** Creates a handle; the library must be open. */
  public LtHandle() {
    super("cublasLtCreate", CublasLt::cublasLtCreate);
  }

  /**
   * Asks for algorithms.
   *
   * @param product the product
   * @param most how many at most
   * @param workspaceBytes device memory that they may need
   * @param alignment bytes that all addresses are a multiple of
   * @return algorithms, the most promising first; none where there is no kernel for the product
   */
  public List<Algorithm> heuristics(Layouts product, int most, long workspaceBytes, int alignment) {
    try (MatmulPreference preference = new MatmulPreference(workspaceBytes, alignment);
        Arena arena = Arena.ofConfined()) {
      MemorySegment results = cublasLtMatmulHeuristicResult_t.allocateArray(most, arena);
      MemorySegment count = arena.allocate(ValueLayout.JAVA_INT);
      int status =
          CublasLt.cublasLtMatmulAlgoGetHeuristic(
              handle(),
              product.desc.handle(),
              product.a.handle(),
              product.b.handle(),
              product.c.handle(),
              product.d.handle(),
              preference.handle(),
              most,
              results,
              count);
      if (LtStatus.unsupported(status)) {
        return List.of();
      }
      LtStatus.check(status, "cublasLtMatmulAlgoGetHeuristic");
      List<Algorithm> out = new ArrayList<>();
      for (int i = 0; i < count.get(ValueLayout.JAVA_INT, 0); i++) {
        MemorySegment r = cublasLtMatmulHeuristicResult_t.asSlice(results, i);
        if (cublasLtMatmulHeuristicResult_t.state(r) == CublasLt.CUBLAS_STATUS_SUCCESS()) {
          byte[] code = cublasLtMatmulHeuristicResult_t.algo(r).toArray(ValueLayout.JAVA_BYTE);
          out.add(new Algorithm(code, cublasLtMatmulHeuristicResult_t.workspaceSize(r)));
        }
      }
      return out;
    }
  }

  /**
   * Checks an algorithm that was stored.
   *
   * @param product the product
   * @param code its description
   * @return the algorithm, or nothing where this library refuses it for the product
   */
  public Optional<Algorithm> check(Layouts product, byte[] code) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment algorithm = arena.allocate(cublasLtMatmulAlgo_t.layout());
      MemorySegment.copy(code, 0, algorithm, ValueLayout.JAVA_BYTE, 0, ALGORITHM_BYTES);
      MemorySegment result = cublasLtMatmulHeuristicResult_t.allocate(arena);
      int status =
          CublasLt.cublasLtMatmulAlgoCheck(
              handle(),
              product.desc.handle(),
              product.a.handle(),
              product.b.handle(),
              product.c.handle(),
              product.d.handle(),
              algorithm,
              result);
      return status == CublasLt.CUBLAS_STATUS_SUCCESS()
          ? Optional.of(
              new Algorithm(code.clone(), cublasLtMatmulHeuristicResult_t.workspaceSize(result)))
          : Optional.empty();
    }
  }

  /**
   * Enqueues a product on a stream; nothing is allocated.
   *
   * @param call the product with its memory
   * @param stream the stream's handle
   */
  public void multiply(MatmulCall call, long stream) {
    int status =
        CublasLt.cublasLtMatmul(
            handle(),
            call.product.desc.handle(),
            call.alpha,
            call.a,
            call.product.a.handle(),
            call.b,
            call.product.b.handle(),
            call.beta,
            call.c,
            call.product.c.handle(),
            call.d,
            call.product.d.handle(),
            call.algorithm,
            call.workspace,
            call.workspaceBytes,
            MemorySegment.ofAddress(stream));
    LtStatus.check(status, "cublasLtMatmul");
  }

  @Override
  int destroy(MemorySegment object) {
    return CublasLt.cublasLtDestroy(object);
  }

  @Override
  int set(int attribute, MemorySegment value, long bytes) {
    throw new UnsupportedOperationException("a handle has no attributes");
  }
}
