package io.github.morseengine.engine.backend.cuda.cublaslt;

import io.github.morseengine.engine.ffi.cublaslt.LtHandle;
import io.github.morseengine.engine.ffi.cublaslt.MatmulDesc;
import io.github.morseengine.engine.ffi.cublaslt.MatrixLayout;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * A product in the library's terms. It sees matrices by columns, so that ours are transposed to it:
 * {@code D^T = act(alpha * B^T A^T + C^T)} with the bias along its rows.
 */
final class Layouts implements AutoCloseable {

  private final MatmulSpec spec;
  private final List<MatrixLayout> made = new ArrayList<>();
  private final MatrixLayout a;
  private final MatrixLayout b;
  private final MatrixLayout c;
  private final MatrixLayout d;

  Layouts(MatmulSpec s) {
    spec = s;
    try {
      a = layout(s.transposedB() ? s.k() : s.n(), s.transposedB() ? s.n() : s.k(), s.b());
      b = layout(s.k(), s.m(), s.a());
      c = layout(s.n(), s.m(), s.c() == null ? s.d() : s.c());
      d = layout(s.n(), s.m(), s.d());
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private MatrixLayout layout(long rows, long columns, MatmulSpec.Place place) {
    MatrixLayout out =
        new MatrixLayout(spec.type(), rows, columns, place.pitch(), spec.batch(), place.stride());
    made.add(out);
    return out;
  }

  MatmulSpec spec() {
    return spec;
  }

  /** What is computed, with the address of the bias, which the caller closes. */
  MatmulDesc desc(long bias) {
    MatmulDesc.Epilogue epilogue =
        spec.bias()
            ? spec.gelu() ? MatmulDesc.Epilogue.BIAS_GELU : MatmulDesc.Epilogue.BIAS
            : spec.gelu() ? MatmulDesc.Epilogue.GELU : MatmulDesc.Epilogue.NONE;
    boolean tf32 = spec.tf32() && spec.type() == DType.FLOAT32;
    return new MatmulDesc(tf32, spec.transposedB(), epilogue, bias);
  }

  LtHandle.Layouts with(MatmulDesc desc) {
    return new LtHandle.Layouts(desc, a, b, c, d);
  }

  @Override
  public void close() {
    made.forEach(MatrixLayout::close);
  }
}
