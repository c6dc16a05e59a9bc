package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitive.Arg;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.Function;

/**
 * A 3x3 convolution of an image that is first doubled by nearest neighbour, as four 2x2
 * convolutions of the small image. Of the three rows that an output row sees, two are the same row
 * of the small image: their weights add up. Four ninths of the operations, and the large image is
 * never written; the weights take 16/9 of the memory. The transposed convolution that does the same
 * is slower where oneDNN walks it backwards (1280 channels at 16x16: as slow as the 3x3 one).
 *
 * <p>An even output row (of phase 0) sees the row above with weight row 0, its own with 1 + 2; an
 * odd one (phase 1) its own with 0 + 1, the row below with 2. Columns likewise.
 */
final class EnlargedConv {

  /** Below, four primitives and four copies cost what they save. */
  private static final long LEAST_FLOPS = 50_000_000;

  private static final int TAPS = 9;
  private static final int KEPT = 4;

  private EnlargedConv() {}

  /** Lowers a fused Conv with {@code upsample}; false where another way must be taken. */
  static boolean lower(Program p, Node node) {
    Constant weight = node.input(1).constant();
    long[] w = weight.shape();
    boolean plain =
        node.attributes().getInt("upsample", 1) == 2
            && node.input(3) == null
            && node.attributes().getInt("group", 1) == 1
            && Arrays.equals(new long[] {3, 3}, Arrays.copyOfRange(w, 2, w.length))
            && !weight.isTransposed()
            && are(node, "strides", 1, 1)
            && are(node, "dilations", 1, 1)
            && are(node, "pads", 1, 1, 1, 1)
            && Flops.of(node) >= LEAST_FLOPS;
    return plain && phases(p, node, weight.cast(DType.FLOAT32), w);
  }

  private static boolean are(Node node, String attribute, long... wanted) {
    long[] given = node.attributes().getInts(attribute);
    return given == null ? wanted.length == 2 : Arrays.equals(given, wanted);
  }

  private static boolean phases(Program p, Node node, Constant weight, long[] w) {
    View x = p.operand(p.channelsLast(p.get(node.input(0))));
    long[] large = node.output(0).shape();
    long[] small = {large[0], large[1], large[2] / 2, large[3] / 2};
    Primitive[] made = new Primitive[4];
    boolean alone = p.alone(Flops.of(node) / TAPS, 4 * x.elements());
    boolean silu = node.attributes().getString("activation", "none").equals("silu");
    long[] kernel = {w[0], w[1], 2, 2};
    View part = p.allocate(DType.FLOAT32, small, View.channelsLast(small));
    MemoryDesc bias = node.input(2) == null ? null : row(w[0]);
    try (MemoryDesc xd = ConvLowering.desc(x);
        MemoryDesc yd = ConvLowering.desc(part);
        MemoryDesc any = MemoryDesc.any(p.products, kernel);
        Attributes attributes = new Attributes()) {
      if (silu) {
        attributes.eltwise(Attributes.Eltwise.SWISH, 1, 0);
      }
      for (int phase = 0; phase < 4; phase++) {
        long[] before = {1 - phase / 2, 1 - phase % 2};
        long[] after = {phase / 2, phase % 2};
        long[] ones = {1, 1};
        long[][] geometry = {ones, ones, before, after};
        Function<MemoryDesc, Primitive> maker =
            layout ->
                p.make(
                    alone,
                    () ->
                        Primitives.convolution(
                            p.engine, false, xd, layout, bias, yd, geometry, attributes));
        Primitive known = p.choose(weight, recipe(phase), 4, maker);
        made[phase] = known == null ? maker.apply(any) : known;
        boolean fits =
            made[phase] != null
                && !made[phase].isReference()
                && made[phase].source().bytes() == x.dtype().bytes() * x.elements()
                && made[phase].destination().bytes() == 4 * part.elements();
        if (!fits) {
          close(made, bias);
          return false;
        }
      }
    }
    View y = p.allocate(DType.FLOAT32, large, View.channelsLast(large));
    long[] s = y.strides();
    for (int phase = 0; phase < 4; phase++) {
      DnnStep step = new DnnStep(made[phase], alone);
      int which = phase;
      try (MemoryDesc dense =
          MemoryDesc.strided(DType.FLOAT32, kernel, new long[] {w[1] * KEPT, KEPT, 2, 1})) {
        Program.Derived sums = new Program.Derived(recipe(phase), memory -> sums(which, memory));
        View packed = p.packed(weight, sums, 4, dense, made[phase].weights());
        step.withShared(Arg.WEIGHTS.code(), made[phase].weights(), packed);
      }
      step.withShared(Arg.SRC.code(), made[phase].source(), x);
      step.withShared(Arg.DST.code(), made[phase].destination(), part);
      if (bias != null) {
        step.with(Arg.BIAS.code(), row(w[0]), p.floatsOf(node.input(2)));
      }
      ConvLowering.scratch(p, step);
      long operations = Flops.of(node) / TAPS * KEPT / 4;
      p.add(step, "enlarged Conv" + (silu ? "+SiLU" : ""), operations);
      long offset = phase / 2 * s[2] + phase % 2 * s[3];
      long[] apart = {s[0], s[1], 2 * s[2], 2 * s[3]};
      p.copy(part, new View(y.slot(), offset, DType.FLOAT32, small, apart), "interleave");
    }
    ConvLowering.close(bias);
    p.put(node.output(0), y);
    return true;
  }

  private static MemoryDesc row(long elements) {
    return MemoryDesc.strided(DType.FLOAT32, new long[] {elements}, new long[] {1});
  }

  private static String recipe(int phase) {
    return "nearest doubling, phase " + phase;
  }

  private static void close(Primitive[] made, MemoryDesc bias) {
    for (Primitive primitive : made) {
      if (primitive != null) {
        primitive.close();
      }
    }
    ConvLowering.close(bias);
  }

  /** Filters [3][3] to filters [2][2] of one phase, in front of the same memory; float32. */
  static void sums(int phase, MemorySegment memory) {
    int filters = (int) (memory.byteSize() / 4 / TAPS);
    int piece = Math.min(filters, 4096);
    float[] in = new float[piece * TAPS];
    float[] out = new float[piece * KEPT];
    for (int first = 0; first < filters; first += piece) {
      int n = Math.min(piece, filters - first);
      MemorySegment.copy(memory, ValueLayout.JAVA_FLOAT, 4L * first * TAPS, in, 0, n * TAPS);
      for (int f = 0; f < n; f++) {
        for (int row = 0; row < 2; row++) {
          for (int column = 0; column < 2; column++) {
            out[f * KEPT + 2 * row + column] = sum(in, f * TAPS, phase / 2, row, phase % 2, column);
          }
        }
      }
      MemorySegment.copy(out, 0, memory, ValueLayout.JAVA_FLOAT, 4L * first * KEPT, n * KEPT);
    }
  }

  /** The weights of the rows and columns that fall on one of the small image. */
  private static float sum(float[] in, int filter, int rows, int row, int columns, int column) {
    int firstRow = row == 0 ? 0 : rows + 1;
    int lastRow = row == 0 ? rows : 2;
    int firstColumn = column == 0 ? 0 : columns + 1;
    int lastColumn = column == 0 ? columns : 2;
    float sum = 0;
    for (int r = firstRow; r <= lastRow; r++) {
      for (int c = firstColumn; c <= lastColumn; c++) {
        sum += in[filter + 3 * r + c];
      }
    }
    return sum;
  }
}
