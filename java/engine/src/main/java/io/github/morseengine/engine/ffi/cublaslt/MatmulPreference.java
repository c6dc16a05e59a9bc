package io.github.morseengine.engine.ffi.cublaslt;

import io.github.morseengine.bindings.cublaslt.CublasLt;
import java.lang.foreign.MemorySegment;

/** What an algorithm may need. */
final class MatmulPreference extends LtObject {

  MatmulPreference(long workspaceBytes, int alignment) {
    super("cublasLtMatmulPreferenceCreate", CublasLt::cublasLtMatmulPreferenceCreate);
    try {
      set(CublasLt.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES(), workspaceBytes);
      set(CublasLt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES(), alignment);
      set(CublasLt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES(), alignment);
      set(CublasLt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES(), alignment);
      set(CublasLt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES(), alignment);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  @Override
  int destroy(MemorySegment object) {
    return CublasLt.cublasLtMatmulPreferenceDestroy(object);
  }

  @Override
  int set(int attribute, MemorySegment value, long bytes) {
    return CublasLt.cublasLtMatmulPreferenceSetAttribute(handle(), attribute, value, bytes);
  }
}
