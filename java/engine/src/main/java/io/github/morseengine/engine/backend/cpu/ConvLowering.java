package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitive.Arg;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.DType;
import java.util.Arrays;
import java.util.function.Function;

/** Convolutions and transposed convolutions, with bias, residual and SiLU in the epilogue. */
final class ConvLowering {

  private ConvLowering() {}

  /** Whether an activation may stand in the epilogue of a convolution. */
  static boolean takes(Node conv, Node activation) {
    boolean plain =
        conv.is("Conv")
            || conv.isFused(FusedOps.CONV)
                && conv.attributes().getString("activation", "none").equals("none")
                && conv.attributes().getInt("upsample", 1) == 1;
    Value y = activation.output(0);
    return plain
        && CpuCompiler.type(y.dtype()) == DType.FLOAT32
        && y.elements() > 0
        && UnaryLowering.function(activation) != null;
  }

  /**
   * Lowers Conv, the fused Conv and ConvTranspose.
   *
   * @param follower an activation that becomes part of it, or null
   * @return false where oneDNN has no kernel for it
   */
  static boolean lower(Program p, Node node, Node follower) {
    boolean transposed = node.opType().equals("ConvTranspose");
    Value weight = node.input(1);
    if (!weight.isConstant() || node.input(0).rank() > 5) {
      return false;
    }
    if (follower == null && EnlargedConv.lower(p, node)) {
      return true;
    }
    View input = p.channelsLast(p.get(node.input(0)));
    boolean upsample = node.attributes().getInt("upsample", 1) == 2;
    View x = p.operand(upsample ? ResizeLowering.twice(p, input) : input);
    long[] w = weight.shape();
    long[] spatial = Arrays.copyOfRange(x.shape(), 2, x.rank());
    long[] kernel = Arrays.copyOfRange(w, 2, w.length);
    Window win =
        transposed ? Window.transposed(node, spatial, kernel) : Window.of(node, spatial, kernel);
    int group = (int) node.attributes().getInt("group", 1);
    long[] shape = node.output(0).shape();
    View y = p.allocate(DType.FLOAT32, shape, View.channelsLast(shape));
    Constant source = weight.constant().cast(p.products);
    long[] dims = weightDims(w, group, transposed);
    long[] strides = weightStrides(source, group, transposed);
    Value bias = node.input(2);
    Value residual = transposed ? null : node.input(3);
    View r = residual == null ? null : p.channelsLast(p.get(residual));
    boolean silu = node.attributes().getString("activation", "none").equals("silu");
    MemoryDesc xd = open(x);
    MemoryDesc yd = open(y);
    MemoryDesc rd = r == null ? null : desc(r);
    MemoryDesc bd =
        bias == null
            ? null
            : MemoryDesc.strided(DType.FLOAT32, new long[] {shape[1]}, new long[] {1});
    long bytes = 4 * (weight.elements() + x.elements() + y.elements());
    boolean alone = p.alone(Flops.of(node), bytes);
    Primitive primitive;
    int residualArg = 0;
    try (Attributes attributes = new Attributes();
        MemoryDesc any = MemoryDesc.any(p.products, dims)) {
      if (rd != null) {
        residualArg = attributes.add(rd);
      }
      if (silu) {
        attributes.eltwise(Attributes.Eltwise.SWISH, 1, 0);
      }
      if (follower != null) {
        UnaryLowering.Function f = UnaryLowering.function(follower);
        attributes.eltwise(f.f(), f.alpha(), f.beta());
      }
      long[][] geometry = {
        win.strides(), win.dilations(), win.padsBegin(), padsEnd(win, spatial, transposed)
      };
      Function<MemoryDesc, Primitive> maker =
          layout ->
              p.make(
                  alone,
                  () ->
                      Primitives.convolution(
                          p.engine, transposed, xd, layout, bd, yd, geometry, attributes));
      primitive = p.choose(source, dims.length, maker);
      boolean gathers = primitive == null && !transposed && GatheredConv.fits(x, y, group);
      if (gathers && follower != null && !p.knownLayouts(source, dims.length).isEmpty()) {
        // Shared weights come first: the activation is a step of its own then.
        close(xd, yd, rd, bd);
        return false;
      }
      if (gathers && follower == null) {
        GatheredConv gathered = new GatheredConv(p, node, x, y, r, win);
        try (MemoryDesc plain = MemoryDesc.strided(p.products, dims, strides)) {
          if (gathered.lower(source, plain, bias == null ? null : p.floatsOf(bias), silu)) {
            close(xd, yd, rd, bd);
            return true;
          }
        }
      }
      primitive = primitive == null ? maker.apply(any) : primitive;
    }
    xd.close();
    yd.close();
    boolean fits =
        primitive != null
            && primitive.source().bytes() == x.dtype().bytes() * x.elements()
            && primitive.destination().bytes() == 4 * y.elements();
    if (!fits) {
      close(rd, bd);
      if (primitive != null) {
        primitive.close();
      }
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    try (MemoryDesc plain = MemoryDesc.strided(p.products, dims, strides)) {
      View packed = p.packed(source, dims.length, plain, primitive.weights());
      step.withShared(Arg.WEIGHTS.code(), primitive.weights(), packed);
    }
    step.withShared(Arg.SRC.code(), primitive.source(), x);
    step.withShared(Arg.DST.code(), primitive.destination(), y);
    if (bd != null) {
      step.with(Arg.BIAS.code(), bd, p.floatsOf(bias));
    }
    if (rd != null) {
      step.with(residualArg, rd, r);
    }
    scratch(p, step);
    String act = silu ? "+SiLU" : follower == null ? "" : "+" + follower.opType();
    p.add(step, "Conv" + (r == null ? "" : "+residual") + act, Flops.of(node));
    p.put((follower == null ? node : follower).output(0), y);
    return true;
  }

  /** Closes those that are there. */
  static void close(MemoryDesc... descs) {
    for (MemoryDesc d : descs) {
      if (d != null) {
        d.close();
      }
    }
  }

  /**
   * The layout of an image; left open where there is one position only, because all layouts are the
   * same memory then, but oneDNN would take it for channels first and use its reference.
   */
  private static MemoryDesc open(View v) {
    for (int d = 2; d < v.rank(); d++) {
      if (v.shape()[d] != 1) {
        return desc(v);
      }
    }
    return MemoryDesc.any(v.dtype(), v.shape());
  }

  static MemoryDesc desc(View v) {
    return MemoryDesc.strided(v.dtype(), v.shape(), v.strides());
  }

  static void scratch(Program p, DnnStep step) {
    MemoryDesc pad = step.primitive().scratchpad();
    if (pad != null && pad.bytes() > 0) {
      View view = p.allocateDense(DType.UINT8, pad.bytes());
      step.withShared(Arg.SCRATCHPAD.code(), pad, view);
    }
  }

  private static long[] padsEnd(Window win, long[] spatial, boolean transposed) {
    if (!transposed) {
      return win.padsEnd();
    }
    // Whatever the output padding leaves out, seen from the larger side.
    long[] out = new long[spatial.length];
    for (int i = 0; i < out.length; i++) {
      long extent = (win.kernel()[i] - 1) * win.dilations()[i] + 1;
      out[i] = (spatial[i] - 1) * win.strides()[i] + extent - win.padsBegin()[i] - win.output()[i];
    }
    return out;
  }

  /** [M,C/g,k..] with a leading group; a transposed convolution stores [C,M/g,k..]. */
  private static long[] weightDims(long[] w, int group, boolean transposed) {
    long[] dims = w.clone();
    if (transposed) {
      dims[0] = w[1];
      dims[1] = w[0] / group;
    } else {
      dims[0] = w[0] / group;
    }
    if (group == 1) {
      return dims;
    }
    long[] grouped = new long[w.length + 1];
    grouped[0] = group;
    System.arraycopy(dims, 0, grouped, 1, dims.length);
    return grouped;
  }

  /** The same dimensions over the elements as they are stored. */
  private static long[] weightStrides(Constant weight, int group, boolean transposed) {
    long[] s = weight.strides();
    if (transposed) {
      long swap = s[0];
      s[0] = s[1];
      s[1] = swap;
    }
    if (group == 1) {
      return s;
    }
    long[] grouped = new long[s.length + 1];
    // The channels that groups divide are those of the input in a transposed convolution.
    int axis = transposed ? 1 : 0;
    grouped[0] = weight.shape()[0] / group * s[axis];
    System.arraycopy(s, 0, grouped, 1, s.length);
    return grouped;
  }
}
