package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec.Place;
import io.github.morseengine.engine.backend.plan.View;
import java.util.Optional;

/**
 * The one place that chooses what runs a matrix product: cuBLASLt where it can, else our own
 * kernels.
 */
final class Products {

  private static final int NO_ACTIVATION = 0;
  private static final int GELU_TANH = 3;

  private Products() {}

  /**
   * Adds the step of a product.
   *
   * @return false where nothing runs it
   */
  static boolean add(CudaProgram p, Product product, String what, long flops) {
    String refusal = refusal(product);
    if (refusal == null) {
      Optional<MatmulPlan> plan = p.libraries.product(spec(p, product));
      if (plan.isPresent()) {
        View bias = product.bias() == null ? null : p.dense(product.bias(), product.type());
        View workspace = p.scratch(plan.get().workspaceBytes());
        p.add(new CublasLtStep(plan.get(), product, bias, workspace), what, flops);
        return true;
      }
      refusal = p.libraries.noCublasLt();
    }
    KernelStep step = ProductKernels.step(p, product);
    if (step == null) {
      return false;
    }
    p.add(step.because("not cuBLASLt: " + refusal), what, flops);
    return true;
  }

  /** Why cuBLASLt is not asked; null where it is. */
  private static String refusal(Product g) {
    if (g.activation() != NO_ACTIVATION && g.activation() != GELU_TANH) {
      return "it has no such activation";
    }
    if (g.batches().outer() != 1 && g.batches().inner() != 1) {
      return "batches in two levels";
    }
    boolean rows = g.a().column() == 1 && (g.b().column() == 1 || g.b().row() == 1);
    boolean apart = g.a().row() >= g.k() && pitch(g) >= (g.b().column() == 1 ? g.n() : g.k());
    return rows && apart ? null : "the order of the factors";
  }

  private static long pitch(Product g) {
    return g.b().column() == 1 ? g.b().row() : g.b().column();
  }

  private static MatmulSpec spec(CudaProgram p, Product g) {
    long[] s = g.batches().strides();
    int level = g.batches().outer() == 1 ? 1 : 0;
    return new MatmulSpec(
        g.type(),
        g.m(),
        g.n(),
        g.k(),
        new Place(g.a().row(), s[level]),
        new Place(pitch(g), s[2 + level]),
        g.b().column() != 1,
        g.residual() == null ? null : new Place(g.residual().row(), s[4 + level]),
        new Place(g.c().row(), s[6 + level]),
        Math.toIntExact(g.batches().count()),
        g.bias() != null,
        g.activation() == GELU_TANH,
        (float) g.alpha(),
        p.tf32,
        g.alignment());
  }
}
