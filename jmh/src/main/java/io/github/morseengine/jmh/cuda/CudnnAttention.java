package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlans;
import io.github.morseengine.engine.device.cuda.CudaStream;

/** Attention by cuDNN. */
public class CudnnAttention extends AttentionBenchmark {

  private CudnnPlans plans;
  private CudnnPlan plan;
  private CudnnPlan.Bound bound;

  /** Created by JMH. */
  public CudnnAttention() {}

  @Override
  void bindCall() {
    plans = new CudnnPlans(device, cache(), !isSimulated());
    plan =
        plans
            .find(spec)
            .orElseThrow(() -> new IllegalStateException("cuDNN has no engine for " + spec));
    bound = plan.bind(onDevice(plan.workspaceBytes()), place(q), place(k), place(v), place(o));
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
