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
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A convolution of few positions as im2col and a matrix product, on weights that another plan has
 * packed for its convolution. oneDNN blocks a convolution's weights by the size of the image, so
 * that Dot's trunk, which works on small maps, could not share them with Dash's otherwise; as a
 * batch of products (one per block of output channels) the same bytes serve both.
 *
 * <p>The packed layout is [O / block][kh][kw][I][block]; kernel positions that never meet the image
 * are left out, which at one position saves 8/9 of a 3x3 kernel's bytes.
 */
final class GatheredConv {

  /** More positions than these are left to oneDNN's convolution with weights of its own. */
  private static final long MOST_POSITIONS = 16;

  private final Program p;
  private final Node node;
  private final View x;
  private final View y;
  private final View residual;
  private final Window window;
  private final Im2col.Geometry geometry;
  private final int inputs;
  private final int outputs;

  GatheredConv(Program p, Node node, View x, View y, View residual, Window window) {
    this.p = p;
    this.node = node;
    this.x = x;
    this.y = y;
    this.residual = residual;
    this.window = window;
    this.geometry = new Im2col.Geometry(x, y, window);
    this.inputs = (int) x.shape()[1];
    this.outputs = (int) y.shape()[1];
  }

  /** Whether a convolution is of the kind that this can do. */
  static boolean fits(View x, View y, long group) {
    return group == 1
        && x.rank() == 4
        && x.dtype() == DType.FLOAT32
        && y.shape()[2] * y.shape()[3] <= MOST_POSITIONS
        && x.isPacked();
  }

  /**
   * Lowers on known packed weights.
   *
   * @param weight the constant [O, I, kh, kw]
   * @param plain its plain layout
   * @param bias per output channel, or null
   * @param silu whether SiLU follows
   * @return whether one of the known layouts could be used
   */
  boolean lower(Constant weight, MemoryDesc plain, View bias, boolean silu) {
    for (MemoryDesc layout : p.knownLayouts(weight, 4)) {
      int block = block(layout, weight);
      if (block > 0 && product(weight, plain, layout, block, bias, silu)) {
        return true;
      }
    }
    return false;
  }

  /** Channels per block if a layout is of the kind named above, else 0. */
  private int block(MemoryDesc layout, Constant weight) {
    MemoryDesc.Blocking b = layout.blocking(4);
    boolean one = b != null && b.sizes().length == 1 && b.dims()[0] == 0;
    if (!one) {
      return 0;
    }
    long block = b.sizes()[0];
    long blocks = (outputs + block - 1) / block;
    if (layout.bytes() != 4 * weight.elements() / outputs * blocks * block) {
      return 0;
    }
    long width = window.kernel()[1];
    // Distances of O / block, I, kh and kw.
    long[] wanted = {
      window.kernel()[0] * width * inputs * block, block, width * inputs * block, inputs * block
    };
    long[] sizes = {blocks, inputs, window.kernel()[0], width};
    for (int d = 0; d < 4; d++) {
      if (sizes[d] != 1 && b.strides()[d] != wanted[d]) {
        return 0;
      }
    }
    return (int) block;
  }

  private boolean product(
      Constant weight, MemoryDesc plain, MemoryDesc layout, int block, View bias, boolean silu) {
    int[] taps = usedTaps();
    long rows = x.shape()[0] * y.shape()[2] * y.shape()[3];
    long k = (long) (taps[1] - taps[0]) * inputs;
    boolean direct = k == inputs && rows * inputs == x.elements();
    int threads = p.threads();
    boolean split =
        threads > 1 && !direct && x.shape()[0] % threads == 0 && Im2col.isLarge(rows * k);
    int parts = split ? threads : 1;
    long own = rows / parts;
    View all = direct ? x : p.allocateDense(DType.FLOAT32, 1, rows, k);
    View columns =
        new View(all.slot(), all.offset(), DType.FLOAT32, new long[] {1, own, k}, strides(own, k));
    // oneDNN takes no bias per block (as a post-op of few rows it even crashes), so bias and
    // residual are added up beforehand.
    View addend = bias == null ? residual : p.allocate(DType.FLOAT32, y.shape(), y.strides());
    List<Product> products = new ArrayList<>();
    // Where the outputs fill no whole number of blocks, the last one is a product of its own.
    int full = outputs / block;
    boolean made = full == 0 || add(products, columns, parts, 0, full, block, block, addend, silu);
    int rest = outputs % block;
    made = made && (rest == 0 || add(products, columns, parts, full, 1, rest, block, addend, silu));
    if (!made) {
      products.forEach(Product::close);
      return false;
    }
    View packed = p.packed(weight, 4, plain, layout);
    View sum = bias == null || added(bias, addend) ? null : addend;
    View target = direct ? null : all;
    Function<Binding, Im2col> gather =
        b -> new Im2col(b, geometry, taps, target, new Im2col.Sum(bias, residual, sum));
    List<View> views = Stream.of(x, bias, residual, target, sum).filter(Objects::nonNull).toList();
    if (!split && (!direct || sum != null)) {
      p.addHelper(new JavaStep("im2col", views, gather::apply), "im2col");
    }
    String what = "Conv" + (residual == null ? "" : "+residual") + (silu ? "+SiLU" : "");
    products.forEach(product -> product.bind(p, columns, packed, taps[0] * (long) inputs * block));
    if (split) {
      List<List<DnnStep>> perThread = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        int part = t;
        perThread.add(products.stream().map(product -> product.part(p, part)).toList());
      }
      p.add(new ConvPerThread(gather, views, perThread), what, Flops.of(node));
    } else {
      products.forEach(
          product -> p.add(product.step, what, Flops.of(node) * product.outputs / outputs));
    }
    p.put(node.output(0), y);
    return true;
  }

  /**
   * Some blocks of output channels as one batched product.
   *
   * @param step the product, not yet bound
   * @param source layout of the columns
   * @param weights layout of the blocks
   * @param target layout of the outputs
   * @param addend layout of what is added; null for nothing
   * @param addendArg its argument code
   * @param out the outputs
   * @param extra what is added; null for nothing
   * @param weightShape shape and strides of the blocks, in no memory yet
   * @param weightOffset first element within the packed weights
   * @param outputs output channels
   */
  private record Product(
      DnnStep step,
      MemoryDesc source,
      MemoryDesc weights,
      MemoryDesc target,
      MemoryDesc addend,
      int addendArg,
      View out,
      View extra,
      View weightShape,
      long weightOffset,
      long outputs) {

    void bind(Program p, View columns, View packed, long tapOffset) {
      View own =
          new View(
              packed.slot(),
              weightOffset + tapOffset,
              DType.FLOAT32,
              weightShape.shape(),
              weightShape.strides());
      step.with(Arg.SRC.code(), source, columns).with(Arg.WEIGHTS.code(), weights, own);
      step.with(Arg.DST.code(), target, out);
      if (addend != null) {
        step.with(addendArg, addend, extra);
      }
      ConvLowering.scratch(p, step);
    }

    /** The step of one thread, on as many rows as that of the first, which owns the primitive. */
    DnnStep part(Program p, int thread) {
      if (thread == 0) {
        return step;
      }
      List<View> views = new ArrayList<>(step.views());
      for (int i = 0; i < views.size(); i++) {
        View v = views.get(i);
        // In the order of bind: columns, weights, outputs, what is added, scratchpad.
        boolean weight = i == 1;
        boolean scratch = v.dtype() == DType.UINT8;
        if (scratch) {
          views.set(i, p.allocateDense(DType.UINT8, v.elements()));
        } else if (!weight) {
          long at = v.offset() + thread * v.shape()[1] * v.strides()[1];
          views.set(i, new View(v.slot(), at, v.dtype(), v.shape(), v.strides()));
        }
      }
      return step.elsewhere(views.toArray(View[]::new));
    }

    void close() {
      step.close();
      ConvLowering.close(source, weights, target, addend);
    }
  }

  /**
   * Makes the product of some blocks; false where oneDNN has no fast kernel for it.
   *
   * @param columns those of one part
   * @param parts more than one if each thread takes its own
   */
  private boolean add(
      List<Product> to,
      View columns,
      int parts,
      int first,
      int blocks,
      int width,
      int block,
      View addend,
      boolean silu) {
    long rows = columns.shape()[1];
    long k = columns.shape()[2];
    long all = window.kernel()[0] * window.kernel()[1] * inputs;
    View weights =
        new View(
            null,
            0,
            DType.FLOAT32,
            new long[] {blocks, k, width},
            new long[] {all * block, block, 1});
    View out = blocked(y, rows, first * block, blocks, width, block);
    View extra = addend == null ? null : blocked(addend, rows, first * block, blocks, width, block);
    MemoryDesc cd = ConvLowering.desc(columns);
    MemoryDesc wd = ConvLowering.desc(weights);
    MemoryDesc od = ConvLowering.desc(out);
    MemoryDesc ed = extra == null ? null : ConvLowering.desc(extra);
    long channels = (long) blocks * width;
    boolean alone =
        parts > 1
            || p.alone(2 * rows * k * channels, 4 * (rows * k + k * channels + rows * channels));
    Primitive primitive;
    int extraArg = 0;
    try (Attributes attributes = new Attributes()) {
      if (ed != null) {
        extraArg = attributes.add(ed);
      }
      if (silu) {
        attributes.eltwise(Attributes.Eltwise.SWISH, 1, 0);
      }
      primitive = p.make(alone, () -> Primitives.matmul(p.engine, cd, wd, null, od, attributes));
    }
    if (primitive == null || primitive.isReference()) {
      ConvLowering.close(cd, wd, od, ed);
      if (primitive != null) {
        primitive.close();
      }
      return false;
    }
    DnnStep step = new DnnStep(primitive, alone);
    long offset = first * all * block;
    to.add(new Product(step, cd, wd, od, ed, extraArg, out, extra, weights, offset, channels));
    return true;
  }

  /** Adds the bias to a residual by oneDNN where there are enough of them. */
  private boolean added(View bias, View to) {
    if (residual == null || !Arrays.equals(residual.strides(), to.strides())) {
      return false;
    }
    View perChannel =
        new View(
            bias.slot(),
            bias.offset(),
            DType.FLOAT32,
            new long[] {1, outputs, 1, 1},
            new long[] {outputs, 1, outputs, outputs});
    return ElementwiseLowering.binary(
        p, Primitives.BinaryKind.ADD, residual, perChannel, to, "Conv: bias+residual");
  }

  private static long[] strides(long rows, long k) {
    return new long[] {rows * k, k, 1};
  }

  /** Some channels of an image with channels innermost as [blocks, rows, width]. */
  private View blocked(View v, long rows, int first, int blocks, int width, int block) {
    return new View(
        v.slot(),
        v.offset() + first,
        DType.FLOAT32,
        new long[] {blocks, rows, width},
        new long[] {block, outputs, 1});
  }

  /** The range of kernel positions, row by row, that meet the image somewhere. */
  private int[] usedTaps() {
    int width = (int) window.kernel()[1];
    int first = Integer.MAX_VALUE;
    int last = -1;
    for (int tap = 0; tap < window.kernel()[0] * width; tap++) {
      if (meets(0, tap / width) && meets(1, tap % width)) {
        first = Math.min(first, tap);
        last = tap;
      }
    }
    return last < 0 ? new int[] {0, 1} : new int[] {first, last + 1};
  }

  private boolean meets(int axis, int tap) {
    for (long o = 0; o < y.shape()[2 + axis]; o++) {
      long at = geometry.at(axis, o, tap);
      if (at >= 0 && at < x.shape()[2 + axis]) {
        return true;
      }
    }
    return false;
  }
}
