package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitive.Arg;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ffi.onednn.Primitives.BinaryKind;
import io.github.morseengine.engine.ffi.onednn.Primitives.PoolingKind;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Group normalisation out of oneDNN's primitives, for Java machines that do not vectorise our own
 * loops. With k the first position's values, per sample n and channel c:
 *
 * <pre>
 *   y = (x - k)^2;  m1 = average of x;  m2 = average of y     over the positions
 *   a, b from m1 - k and m2 by {@link GroupNormCoefficients}
 *   y = act(x * a + b)
 * </pre>
 *
 * <p>oneDNN's own group normalisation goes over the few channels of one group at a time and takes
 * four times as long. Its averages are running sums in float32, so only as many positions are given
 * to them as keeps their error below that of the convolutions.
 */
final class GroupNormPrimitives {

  private static final long LEAST_ELEMENTS = 4096;
  private static final long MOST_POSITIONS = 4096;

  /** What a sigmoid counts as. */
  private static final long SILU_FLOPS = 32;

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;

  private final Program p;
  private final GroupNormKernel.Spec spec;
  private final View x;
  private final View y;
  private final long batch;
  private final long channels;
  private final long positions;
  private final List<DnnStep> made = new ArrayList<>();

  private GroupNormPrimitives(Program p, GroupNormKernel.Spec spec, View x, View y) {
    this.p = p;
    this.spec = spec;
    this.batch = x.shape()[0];
    this.channels = x.shape()[1];
    this.positions = x.elements() / Math.max(1, batch * channels);
    this.x = image(x);
    this.y = image(y);
  }

  /**
   * Adds the steps.
   *
   * @param x channels innermost, without gaps
   * @param y the same
   * @param extra gamma, beta, pre-add, multiplier and shift; null where there is none
   * @return false where a kernel is missing; nothing was added then
   */
  static boolean add(Program p, GroupNormKernel.Spec spec, View x, View y, View[] extra) {
    GroupNormPrimitives g = new GroupNormPrimitives(p, spec, x, y);
    return x.elements() >= LEAST_ELEMENTS && g.positions <= MOST_POSITIONS && g.add(extra);
  }

  /** All positions as one column of pixels. */
  private View image(View v) {
    long row = channels;
    return new View(
        v.slot(),
        v.offset(),
        DType.FLOAT32,
        new long[] {batch, channels, positions, 1},
        new long[] {positions * row, 1, row, row});
  }

  /** One number per sample and channel. */
  private View perChannel() {
    return p.allocate(
        DType.FLOAT32,
        new long[] {batch, channels, 1, 1},
        new long[] {channels, 1, channels, channels});
  }

  private boolean add(View[] extra) {
    View origin = perChannel();
    View mean = perChannel();
    View squares = perChannel();
    View a = perChannel();
    View b = perChannel();
    boolean done =
        binary(BinaryKind.SUB, x, origin, null, Attributes.Eltwise.SQUARE)
            && average(x, mean)
            && average(y, squares);
    int statistics = made.size();
    Attributes.Eltwise act = spec.silu() ? Attributes.Eltwise.SWISH : null;
    if (done && batch == 1) {
      done = binary(BinaryKind.MUL, x, a, b, act);
    } else if (done) {
      // As a post-op oneDNN repeats an operand over the samples only where it is the same for all.
      done = binary(BinaryKind.MUL, x, a, null, null) && binary(BinaryKind.ADD, y, b, null, act);
    }
    if (!done) {
      made.forEach(DnnStep::close);
      return false;
    }
    String what = spec.silu() ? "GroupNorm+SiLU" : "GroupNorm";
    p.add(
        new JavaStep("first position", List.of(x, origin), m -> first(m, origin)),
        what,
        x.elements() * 8);
    made.subList(0, statistics).forEach(step -> p.addHelper(step, what));
    List<View> views = new ArrayList<>(List.of(origin, mean, squares, a, b));
    for (View v : extra) {
      if (v != null) {
        views.add(v);
      }
    }
    View[] statisticsOf = {origin, mean, squares};
    View[] results = {a, b};
    p.addHelper(
        new JavaStep(
            "group norm coefficients",
            views,
            m -> new Coefficients(m, spec, statisticsOf, extra, results)),
        what);
    made.subList(statistics, made.size()).forEach(step -> p.addHelper(step, what));
    return true;
  }

  private Step.Bound first(Binding m, View origin) {
    MemorySegment from = m.of(x);
    MemorySegment to = m.of(origin);
    long row = 4 * channels;
    return () -> {
      for (long n = 0; n < batch; n++) {
        MemorySegment.copy(from, n * positions * row, to, n * row, row);
      }
    };
  }

  /** y = act(v op w + addend). */
  private boolean binary(BinaryKind kind, View v, View w, View addend, Attributes.Eltwise act) {
    boolean alone = p.alone(act == null ? 0 : SILU_FLOPS * x.elements(), v, y);
    MemoryDesc vd = ConvLowering.desc(v);
    MemoryDesc wd = ConvLowering.desc(w);
    MemoryDesc yd = ConvLowering.desc(y);
    MemoryDesc ad = addend == null ? null : ConvLowering.desc(addend);
    Primitive primitive;
    int argument = 0;
    try (Attributes attributes = new Attributes()) {
      if (ad != null) {
        argument = attributes.add(ad);
      }
      if (act != null) {
        attributes.eltwise(act, act == Attributes.Eltwise.SWISH ? 1 : 0, 0);
      }
      primitive = p.make(alone, () -> Primitives.binary(p.engine, kind, vd, wd, yd, attributes));
    }
    if (unfit(primitive)) {
      ConvLowering.close(vd, wd, yd, ad);
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Arg.SRC.code(), vd, v).with(Arg.SRC_1.code(), wd, w).with(Arg.DST.code(), yd, y);
    if (ad != null) {
      step.with(argument, ad, addend);
    }
    ConvLowering.scratch(p, step);
    made.add(step);
    return true;
  }

  private boolean average(View v, View to) {
    boolean alone = p.alone(0, v);
    MemoryDesc vd = ConvLowering.desc(v);
    MemoryDesc td = ConvLowering.desc(to);
    long[] ones = {1, 1};
    long[] none = {0, 0};
    long[][] whole = {{positions, 1}, ones, ones, none, none};
    Primitive primitive;
    try (Attributes attributes = new Attributes()) {
      primitive =
          p.make(
              alone,
              () -> Primitives.pooling(p.engine, PoolingKind.AVERAGE, vd, td, whole, attributes));
    }
    if (unfit(primitive)) {
      ConvLowering.close(vd, td);
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    step.with(Arg.SRC.code(), vd, v).with(Arg.DST.code(), td, to);
    ConvLowering.scratch(p, step);
    made.add(step);
    return true;
  }

  private static boolean unfit(Primitive primitive) {
    if (primitive != null && primitive.isReference()) {
      primitive.close();
      return true;
    }
    return primitive == null;
  }

  /** From averages to factors and summands, sample by sample. */
  private static final class Coefficients implements Step.Bound {
    private final GroupNormKernel.Spec spec;
    private final MemorySegment[] statistics;
    private final MemorySegment[] extra;
    private final boolean[] perSample;
    private final MemorySegment a;
    private final MemorySegment b;
    private final int batch;
    private final int channels;
    private final GroupNormCoefficients own;

    Coefficients(
        Binding m, GroupNormKernel.Spec spec, View[] statistics, View[] extra, View[] results) {
      this.spec = spec;
      this.statistics = new MemorySegment[statistics.length];
      for (int i = 0; i < statistics.length; i++) {
        this.statistics[i] = m.of(statistics[i]);
      }
      this.extra = new MemorySegment[extra.length];
      this.perSample = new boolean[extra.length];
      for (int i = 0; i < extra.length; i++) {
        this.extra[i] = extra[i] == null ? null : m.of(extra[i]);
        perSample[i] =
            i >= GroupNormCoefficients.PRE && extra[i] != null && extra[i].shape()[0] > 1;
      }
      a = m.of(results[0]);
      b = m.of(results[1]);
      batch = (int) results[0].shape()[0];
      channels = (int) results[0].shape()[1];
      own = new GroupNormCoefficients(channels);
    }

    @Override
    public void run() {
      for (int n = 0; n < batch; n++) {
        long at = 4L * n * channels;
        MemorySegment.copy(statistics[0], F, at, own.origin, 0, channels);
        MemorySegment.copy(statistics[1], F, at, own.sum, 0, channels);
        MemorySegment.copy(statistics[2], F, at, own.squares, 0, channels);
        for (int c = 0; c < channels; c++) {
          own.sum[c] -= own.origin[c];
        }
        for (int i = 0; i < extra.length; i++) {
          if (extra[i] != null && (n == 0 || perSample[i])) {
            MemorySegment.copy(extra[i], F, perSample[i] ? at : 0, own.values[i], 0, channels);
          }
        }
        // Averages are sums over one element.
        own.compute(spec.groups(), spec.epsilon(), 1);
        MemorySegment.copy(own.a, 0, a, F, at, channels);
        MemorySegment.copy(own.b, 0, b, F, at, channels);
      }
    }
  }
}
