package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlans;
import io.github.morseengine.engine.device.cuda.CudaStream;

/** Convolutions by cuDNN, with the epilogue in the same kernel. */
public class CudnnConvolution extends ConvolutionBenchmark {

  private CudnnPlans plans;
  private CudnnPlan plan;
  private CudnnPlan.Bound bound;

  /** Created by JMH. */
  public CudnnConvolution() {}

  @Override
  void bindCall() {
    plans = new CudnnPlans(device, cache(), !isSimulated());
    plan =
        plans
            .find(spec)
            .orElseThrow(() -> new IllegalStateException("cuDNN has no engine for " + spec));
    long workspace = onDevice(plan.workspaceBytes());
    bound =
        residual == null
            ? plan.bind(workspace, place(x), place(w), place(bias), place(y))
            : plan.bind(workspace, place(x), place(w), place(bias), place(residual), place(y));
  }

  @Override
  protected void enqueue(CudaStream on) {
    bound.enqueue(on);
  }

  @Override
  protected String kernel() {
    return "cuDNN " + plans.version() + " " + plan.tag();
  }

  @Override
  protected void unbind() {
    bound.close();
    plans.close();
  }
}
