package io.github.morseengine.engine.ffi.cublaslt;

import io.github.morseengine.bindings.cublaslt.CublasLt;
import java.lang.foreign.MemorySegment;

/** What is computed: {@code D = epilogue(alpha * op(A) op(B) + beta * C)}, summed in float32. */
public final class MatmulDesc extends LtObject {

  /** What follows the sum, the bias first. */
  public enum Epilogue {
    /** Nothing. */
    NONE,
    /** Adds one number per row of D, of the type of D. */
    BIAS,
    /** GELU by its approximation with tanh. */
    GELU,
    /** Both. */
    BIAS_GELU;

    int code() {
      return switch (this) {
        case NONE -> CublasLt.CUBLASLT_EPILOGUE_DEFAULT();
        case BIAS -> CublasLt.CUBLASLT_EPILOGUE_BIAS();
        case GELU -> CublasLt.CUBLASLT_EPILOGUE_GELU();
        case BIAS_GELU -> CublasLt.CUBLASLT_EPILOGUE_GELU_BIAS();
      };
    }
  }

  /**
   * Describes a product.
   *
   * @param tf32 whether float32 may be multiplied as TF32
   * @param transposeA whether A is transposed first
   * @param epilogue what follows
   * @param bias device address of the bias; without an epilogue that has one, 0
   */
  public MatmulDesc(boolean tf32, boolean transposeA, Epilogue epilogue, long bias) {
    super(
        "cublasLtMatmulDescCreate",
        out ->
            CublasLt.cublasLtMatmulDescCreate(
                out,
                tf32 ? CublasLt.CUBLAS_COMPUTE_32F_FAST_TF32() : CublasLt.CUBLAS_COMPUTE_32F(),
                CublasLt.CUDA_R_32F()));
    try {
      if (transposeA) {
        set(CublasLt.CUBLASLT_MATMUL_DESC_TRANSA(), CublasLt.CUBLAS_OP_T());
      }
      if (epilogue != Epilogue.NONE) {
        set(CublasLt.CUBLASLT_MATMUL_DESC_EPILOGUE(), epilogue.code());
      }
      if (bias != 0) {
        set(CublasLt.CUBLASLT_MATMUL_DESC_BIAS_POINTER(), bias);
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  @Override
  int destroy(MemorySegment object) {
    return CublasLt.cublasLtMatmulDescDestroy(object);
  }

  @Override
  int set(int attribute, MemorySegment value, long bytes) {
    return CublasLt.cublasLtMatmulDescSetAttribute(handle(), attribute, value, bytes);
  }
}
