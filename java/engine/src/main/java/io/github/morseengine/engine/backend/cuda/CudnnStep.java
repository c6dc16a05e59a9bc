package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaStream;
import java.util.ArrayList;
import java.util.List;

/**
 * A plan of cuDNN. The plan belongs to the backend.
 *
 * @param plan the plan
 * @param operands its tensors in its order
 * @param workspace scratch memory; null for none
 */
record CudnnStep(CudnnPlan plan, List<View> operands, View workspace) implements CudaStep {

  @Override
  public String kernel() {
    return "cuDNN " + plan.tag();
  }

  @Override
  public List<View> views() {
    List<View> all = new ArrayList<>(operands);
    if (workspace != null) {
      all.add(workspace);
    }
    return all;
  }

  @Override
  public Bound bind(CudaBinding b) {
    long[] addresses = operands.stream().mapToLong(b::address).toArray();
    CudnnPlan.Bound bound = plan.bind(workspace == null ? 0 : b.address(workspace), addresses);
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
}
