package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnPlan;
import io.github.morseengine.engine.backend.plan.View;
import java.util.Optional;

/** The one place that chooses what runs a convolution: cuDNN where it can, else our own kernels. */
final class Convolutions {

  private static final int PLAIN_TILE = 64;
  private static final int VECTOR = 8;
  private static final Optional<CudnnPlan> NONE = Optional.empty();

  private Convolutions() {}

  /** Adds the step of a convolution. */
  static void add(CudaProgram p, ConvProblem c, String what, long flops) {
    Optional<CudnnPlan> plan = c.upsample() == 1 ? p.libraries.convolution(spec(p, c)) : NONE;
    if (plan.isPresent()) {
      View workspace = p.scratch(plan.get().workspaceBytes());
      p.add(new CudnnStep(plan.get(), c.views(), workspace), what, flops);
      return;
    }
    String refusal = refusal(p, c);
    KernelStep step = refusal == null ? tensorCores(p, c) : plain(p, c).because(refusal);
    String why =
        c.upsample() == 1 ? p.libraries.noCudnn() : "the image is enlarged while it is read";
    p.add(step.because("not cuDNN: " + why), what, flops);
  }

  private static ConvSpec spec(CudaProgram p, ConvProblem c) {
    ConvProblem.Geometry g = c.geometry();
    Rows residual = c.residual();
    long alignment = Math.min(c.x().pixels().alignment(), c.y().pixels().alignment());
    return new ConvSpec(
        c.type(),
        c.x().n(),
        c.x().channels(),
        c.x().h(),
        c.x().w(),
        c.y().channels(),
        g.r(),
        g.s(),
        new ConvSpec.Window(
            g.strideH(),
            g.strideW(),
            g.dilationH(),
            g.dilationW(),
            g.padH(),
            g.padW(),
            g.endH(),
            g.endW()),
        c.groups(),
        new ConvSpec.Epilogue(c.bias() != null, residual != null, c.silu()),
        new ConvSpec.Pitch(
            c.x().pixels().ld(), c.y().pixels().ld(), residual == null ? 0 : residual.ld()),
        residual == null ? alignment : Math.min(alignment, residual.alignment()),
        p.tf32);
  }

  /** Why the tensor-core kernel does not take a convolution; null where it does. */
  static String refusal(CudaProgram p, ConvProblem c) {
    if (!ElementTypes.isHalf(c.type())) {
      return "float32";
    }
    if (p.device.computeCapability() < 80) {
      return "tensor cores of sm_80 are needed";
    }
    if (c.depth() % VECTOR != 0 || c.filters() % 2 != 0) {
      return "channels that do not divide by " + VECTOR;
    }
    boolean aligned =
        c.x().pixels().isAligned()
            && c.y().pixels().isEven()
            && (c.residual() == null || c.residual().isEven());
    return aligned ? null : "pixels that do not start at 16 bytes";
  }

  private static KernelStep tensorCores(CudaProgram p, ConvProblem c) {
    String name =
        "conv_"
            + ProductKernels.tile(p, c.positions(), c.filters(), c.groups())
            + (c.silu() ? "_silu" : "");
    return arguments(p.kernel(name, c.type()), c)
        .grid(
            Math.ceilDiv(c.positions(), Kernels.macro(name, "MORSE_BM")),
            Math.ceilDiv(c.filters(), Kernels.macro(name, "MORSE_BN")),
            c.groups());
  }

  private static KernelStep plain(CudaProgram p, ConvProblem c) {
    String name = "conv_plain" + (c.silu() ? "_silu" : "");
    return arguments(p.kernel(name, c.type()), c)
        .grid(
            Math.ceilDiv(c.positions(), PLAIN_TILE),
            Math.ceilDiv(c.filters(), PLAIN_TILE),
            c.groups());
  }

  private static KernelStep arguments(KernelStep step, ConvProblem c) {
    ConvProblem.Geometry g = c.geometry();
    Rows residual = c.residual();
    return step.view(c.x().pixels().view())
        .view(c.w())
        .view(c.bias())
        .view(residual == null ? null : residual.view())
        .view(c.y().pixels().view())
        .i32(c.x().n(), c.x().h(), c.x().w(), c.x().channels())
        .i32(c.x().pixels().ld(), c.y().channels())
        .i32(residual == null ? 0 : residual.ld(), c.y().pixels().ld())
        .i32(g.r(), g.s(), c.y().h(), c.y().w())
        .i32(g.strideH(), g.strideW(), g.padH(), g.padW(), g.dilationH(), g.dilationW())
        .i32(c.groups(), c.upsample());
  }
}
