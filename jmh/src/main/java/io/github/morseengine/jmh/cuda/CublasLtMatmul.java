package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.backend.cuda.cublaslt.CublasLtPlans;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.tensor.DType;
import org.openjdk.jmh.annotations.Param;

/** Linear layers by cuBLASLt. */
public class CublasLtMatmul extends MatmulBenchmark {

  /** What follows the sum; accumulate adds to what is there, as LoRA does. */
  @Param({"bias", "gelu", "accumulate"})
  public String epilogue = "bias";

  private CublasLtPlans plans;
  private MatmulPlan.Bound bound;

  /** Created by JMH. */
  public CublasLtMatmul() {}

  @Override
  String epilogue() {
    return epilogue;
  }

  @Override
  DType biasType() {
    return elements();
  }

  @Override
  void bindCall() {
    MatmulSpec layer =
        MatmulSpec.linear(elements(), m, n, k, false, !accumulates(), epilogue.equals("gelu"));
    MatmulSpec spec =
        new MatmulSpec(
            layer.type(),
            layer.m(),
            layer.n(),
            layer.k(),
            layer.a(),
            layer.b(),
            false,
            accumulates() ? layer.d() : null,
            layer.d(),
            1,
            layer.bias(),
            layer.gelu(),
            1,
            true,
            layer.alignment());
    plans = new CublasLtPlans(device, cache(), !isSimulated());
    MatmulPlan plan =
        plans
            .find(spec)
            .orElseThrow(() -> new IllegalStateException("cuBLASLt has no kernel for " + spec));
    bound =
        plan.bind(
            onDevice(plan.workspaceBytes()),
            place(a),
            place(b),
            spec.bias() ? place(bias) : 0,
            accumulates() ? place(d) : 0,
            place(d));
  }

  @Override
  protected void enqueue(CudaStream on) {
    bound.enqueue(on);
  }

  @Override
  protected String kernel() {
    return "cuBLASLt " + plans.version();
  }

  @Override
  protected void unbind() {
    bound.close();
    plans.close();
  }
}
