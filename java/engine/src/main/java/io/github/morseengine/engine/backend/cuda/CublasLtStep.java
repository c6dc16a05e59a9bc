package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaStream;
import java.util.List;

/**
 * A product by cuBLASLt. The plan belongs to the backend.
 *
 * @param plan the plan
 * @param product its matrices
 * @param bias one number per column, in the matrices' type; null for none
 * @param workspace scratch memory; null for none
 */
record CublasLtStep(MatmulPlan plan, Product product, View bias, View workspace)
    implements CudaStep {

  @Override
  public String kernel() {
    return "cuBLASLt";
  }

  @Override
  public List<View> views() {
    List<View> all = product.views();
    if (bias != null) {
      all.add(bias);
    }
    if (workspace != null) {
      all.add(workspace);
    }
    return all;
  }

  @Override
  public Bound bind(CudaBinding b) {
    MatmulPlan.Bound bound =
        plan.bind(
            address(b, workspace),
            b.address(product.a().view()),
            b.address(product.b().view()),
            address(b, bias),
            address(b, product.residual() == null ? null : product.residual().view()),
            b.address(product.c().view()));
    return new Bound() {
      @Override
      public void enqueue(CudaStream stream) {
        bound.enqueue(stream);
      }

      @Override
      public void close() {
        bound.close();
      }
    };
  }

  private static long address(CudaBinding b, View v) {
    return v == null ? 0 : b.address(v);
  }
}
