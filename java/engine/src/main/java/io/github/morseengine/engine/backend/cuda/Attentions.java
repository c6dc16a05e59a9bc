package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.cuda.cudnn.AttentionSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.Stopwatch;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;

/**
 * The one place that chooses between our attention and cuDNN's: the faster one as measured on the
 * device and remembered; ours where nothing is measured.
 */
final class Attentions {

  private Attentions() {}

  /**
   * Chooses.
   *
   * @param h the operands
   * @param own our kernel for them
   * @return the step to add
   */
  static CudaStep choose(CudaProgram p, AttentionLowering.Heads h, KernelStep own) {
    Libraries.Attention wish = p.libraries.attention();
    Optional<AttentionSpec> spec = wish == Libraries.Attention.OWN ? Optional.empty() : spec(p, h);
    if (spec.isEmpty()) {
      return own;
    }
    Optional<CudnnPlan> found = p.libraries.attention(spec.get());
    if (found.isEmpty()) {
      return own.because("not cuDNN: " + p.libraries.noCudnn());
    }
    CudnnPlan plan = found.get();
    if (wish == Libraries.Attention.FASTEST
        && !p.libraries.cudnnIsFaster(spec.get(), () -> cudnnWins(p, h, plan))) {
      return own.because("faster than cuDNN's here");
    }
    List<View> operands = List.of(h.q(), h.k(), h.v(), h.y());
    return new CudnnStep(plan, operands, p.scratch(plan.workspaceBytes()));
  }

  /** What cuDNN has: half precision, no mask, heads beside each other in evenly spaced tokens. */
  private static Optional<AttentionSpec> spec(CudaProgram p, AttentionLowering.Heads h) {
    if (!ElementTypes.isHalf(p.type) || h.mask() != null || !h.isAligned()) {
      return Optional.empty();
    }
    for (View v : new View[] {h.q(), h.k(), h.v(), h.y()}) {
      long[] shape = v.shape();
      long[] strides = v.strides();
      boolean even =
          (shape[1] == 1 || strides[1] == shape[3])
              && (shape[0] == 1 || strides[0] == shape[2] * strides[2]);
      if (!even) {
        return Optional.empty();
      }
    }
    long[] q = h.q().shape();
    return Optional.of(
        new AttentionSpec(
            p.type,
            q[0],
            q[1],
            q[2],
            h.k().shape()[2],
            h.size(),
            h.v().shape()[3],
            h.scale(),
            new AttentionSpec.Pitch(pitch(h.q()), pitch(h.k()), pitch(h.v()), pitch(h.y()))));
  }

  private static long pitch(View v) {
    return v.strides()[2];
  }

  /** Both in turn on memory beside the program's. */
  private static boolean cudnnWins(CudaProgram p, AttentionLowering.Heads h, CudnnPlan plan) {
    View[] views = {h.q(), h.k(), h.v(), h.y()};
    long[] bytes = new long[views.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = extent(views[i]) * views[i].dtype().bytes();
    }
    try (Stopwatch watch = new Stopwatch(p.device, bytes);
        DeviceBuffer workspace = p.device.allocate(Math.max(1, plan.workspaceBytes()));
        Arena arena = Arena.ofConfined()) {
      long[] at = watch.addresses();
      for (int i = 0; i < views.length; i++) {
        views[i] = FixedSlot.view(at[i], bytes[i], views[i]);
      }
      AttentionLowering.Heads apart =
          new AttentionLowering.Heads(views[0], views[1], views[2], views[3], null, h.scale());
      CudaBinding binding = new CudaBinding(p.device, 0, new long[0], arena);
      try (CudaStep.Bound ours = AttentionLowering.fused(p, apart).bind(binding);
          CudnnPlan.Bound theirs = plan.bind(workspace.address(), at)) {
        return watch.micros(theirs::enqueue) < watch.micros(ours::enqueue);
      }
    }
  }

  /** Elements from the first to the last. */
  private static long extent(View v) {
    long last = 0;
    for (int d = 0; d < v.rank(); d++) {
      last += (v.shape()[d] - 1) * v.strides()[d];
    }
    return last + 1;
  }
}
