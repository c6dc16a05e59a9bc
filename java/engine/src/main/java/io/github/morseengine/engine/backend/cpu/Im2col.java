package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Window;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Copies what each kernel position sees of each output position, zeros outside the image, and adds
 * bias and residual up. Images have their channels innermost.
 */
final class Im2col implements Step.Bound {

  /**
   * A convolution's sides.
   *
   * @param x inputs, [N, C, H, W]
   * @param y outputs, [N, O, H, W]
   * @param window of the kernel
   */
  record Geometry(View x, View y, Window window) {

    /** {@return the position of the input that one of the output sees at a tap; may lie outside} */
    long at(int axis, long o, int tap) {
      return o * window.strides()[axis] - window.padsBegin()[axis] + tap * window.dilations()[axis];
    }
  }

  /**
   * What is added up beforehand, one value per output channel and position.
   *
   * @param bias per output channel, or null for zeros
   * @param residual of the outputs' shape, or null
   * @param to where the sum goes; null for nowhere
   */
  record Sum(View bias, View residual, View to) {}

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;
  private static final long SMALL = 32768;

  /** {@return whether so many elements of columns are worth a region of all threads} */
  static boolean isLarge(long elements) {
    return 4 * elements >= SMALL;
  }

  private final Binding binding;
  private final Geometry geometry;
  private final MemorySegment from;
  private final MemorySegment to;
  private final MemorySegment addend;
  private final MemorySegment added;

  /** The bias of every output channel, for each position of an image. */
  private final float[] bias;

  private final float[][] sums;
  private final MemorySegment biasMemory;

  /**
   * Pieces that are copied as a whole, for each output position: the source's offset in elements
   * within an image, the target's within a row of columns, and the length.
   */
  private final int[][] pieces;

  /**
   * Per thread, an image, and its columns, where what lies outside of the image stays zero. Steps
   * of the same geometry share them, so that they stay in the first caches.
   */
  private final float[][] image;

  private final float[][] columns;
  private final int taps;
  private final int inputs;
  private final int outputs;
  private final int positions;
  private final int batch;

  /**
   * Binds to memory.
   *
   * @param range first kernel position that is copied, and the one behind the last
   * @param target columns, [1, N * positions, taps * C]; null where the image is its own columns
   */
  Im2col(Binding b, Geometry geometry, int[] range, View target, Sum sum) {
    this.binding = b;
    this.geometry = geometry;
    View x = geometry.x();
    View y = geometry.y();
    batch = (int) x.shape()[0];
    inputs = (int) x.shape()[1];
    outputs = (int) y.shape()[1];
    from = b.of(x);
    to = target == null ? null : b.of(target);
    biasMemory = sum.bias() == null ? null : b.of(sum.bias());
    addend = sum.to() == null ? null : b.of(sum.to());
    added = sum.residual() == null ? null : b.of(sum.residual());
    taps = range[1] - range[0];
    int width = (int) y.shape()[3];
    positions = (int) (y.shape()[2] * width);
    bias = new float[positions * outputs];
    sums = new float[b.team().threads()][added == null ? 0 : bias.length];
    pieces = new int[positions][];
    for (int o = 0; o < positions; o++) {
      pieces[o] = pieces(o / width, o % width, range);
    }
    String key = to == null ? "" : Arrays.deepToString(pieces);
    image = b.floats("image" + key, to == null ? 0 : (int) (x.elements() / batch));
    columns = b.floats("columns" + key, to == null ? 0 : positions * taps * inputs);
  }

  /** Neighbouring taps whose pixels lie beside each other are one piece. */
  private int[] pieces(long row, long column, int[] range) {
    long[] sides = geometry.x().shape();
    int kernel = (int) geometry.window().kernel()[1];
    int[] out = new int[3 * taps];
    int n = 0;
    for (int tap = range[0]; tap < range[1]; tap++) {
      long r = geometry.at(0, row, tap / kernel);
      long c = geometry.at(1, column, tap % kernel);
      if (r < 0 || r >= sides[2] || c < 0 || c >= sides[3]) {
        continue;
      }
      int source = (int) (r * sides[3] + c) * inputs;
      int target = (tap - range[0]) * inputs;
      boolean follows =
          n > 0 && source == out[n - 3] + out[n - 1] && target == out[n - 2] + out[n - 1];
      if (follows) {
        out[n - 1] += inputs;
      } else {
        out[n++] = source;
        out[n++] = target;
        out[n++] = inputs;
      }
    }
    return Arrays.copyOf(out, n);
  }

  @Override
  public void run() {
    prepare();
    if (to == null || batch < 2 || !isLarge((long) batch * columns[0].length)) {
      part(0, 1);
    } else {
      binding.team().parallel(this::part);
    }
  }

  /** Before the first part of a run. */
  void prepare() {
    if (biasMemory != null) {
      for (int o = 0; o < positions; o++) {
        MemorySegment.copy(biasMemory, F, 0, bias, o * outputs, outputs);
      }
    }
  }

  /** The images of one thread. */
  void part(int thread, int threads) {
    for (int n = batch * thread / threads; n < batch * (thread + 1) / threads; n++) {
      if (to != null) {
        gather(n, image[thread], columns[thread]);
      }
      if (addend != null) {
        add(n, sums[thread]);
      }
    }
  }

  /** Through the heap, where copying a piece costs the least in a JVM that has just started. */
  private void gather(int n, float[] own, float[] out) {
    MemorySegment.copy(from, F, 4L * n * own.length, own, 0, own.length);
    for (int o = 0; o < positions; o++) {
      int target = o * taps * inputs;
      int[] copies = pieces[o];
      for (int i = 0; i < copies.length; i += 3) {
        System.arraycopy(own, copies[i], out, target + copies[i + 1], copies[i + 2]);
      }
    }
    MemorySegment.copy(out, 0, to, F, 4L * n * out.length, out.length);
  }

  private void add(int n, float[] sum) {
    long at = 4L * n * bias.length;
    if (added == null) {
      MemorySegment.copy(bias, 0, addend, F, at, bias.length);
      return;
    }
    MemorySegment.copy(added, F, at, sum, 0, sum.length);
    for (int i = 0; i < sum.length; i++) {
      sum[i] += bias[i];
    }
    MemorySegment.copy(sum, 0, addend, F, at, sum.length);
  }
}
