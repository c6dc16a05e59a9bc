package io.github.morseengine.engine.ffi.cublaslt;

import io.github.morseengine.bindings.cublaslt.CublasLt;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.MemorySegment;

/** Where the elements of a matrix lie, columns one after another; of one or a batch of matrices. */
public final class MatrixLayout extends LtObject {

  /**
   * Describes matrices.
   *
   * @param type element type
   * @param rows rows, which are contiguous
   * @param columns columns
   * @param pitch elements between neighbouring columns
   * @param batch number of matrices
   * @param stride elements between neighbouring matrices
   */
  public MatrixLayout(DType type, long rows, long columns, long pitch, int batch, long stride) {
    super(
        "cublasLtMatrixLayoutCreate",
        out -> CublasLt.cublasLtMatrixLayoutCreate(out, LtStatus.code(type), rows, columns, pitch),
        type,
        rows + "x" + columns,
        "pitch",
        pitch);
    if (batch > 1) {
      try {
        set(CublasLt.CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT(), batch);
        set(CublasLt.CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET(), stride);
      } catch (RuntimeException e) {
        close();
        throw e;
      }
    }
  }

  @Override
  int destroy(MemorySegment object) {
    return CublasLt.cublasLtMatrixLayoutDestroy(object);
  }

  @Override
  int set(int attribute, MemorySegment value, long bytes) {
    return CublasLt.cublasLtMatrixLayoutSetAttribute(handle(), attribute, value, bytes);
  }
}
