package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Element-wise expressions in one pass: short pieces of all inputs are brought into the first
 * cache, the program runs on them operator by operator, and the result is written once.
 */
final class ExpressionLowering {

  private ExpressionLowering() {}

  static void lower(Program p, Node node) {
    long[] shape = node.output(0).shape();
    View[] views = new View[node.inputs().size()];
    View first = null;
    for (int i = 0; i < views.length; i++) {
      Value v = node.input(i);
      views[i] = v.isConstant() ? p.floatsOf(v) : p.get(v);
      if (first == null && Arrays.equals(views[i].shape(), shape) && views[i].isPacked()) {
        first = views[i];
      }
    }
    View y =
        first == null
            ? p.allocateDense(DType.FLOAT32, shape)
            : p.allocate(DType.FLOAT32, shape, first.strides());
    for (int i = 0; i < views.length; i++) {
      boolean full = Arrays.equals(views[i].shape(), shape);
      views[i] = full ? p.as(views[i], y.strides()) : p.dense(views[i]);
    }
    // With the sample outermost a factor per sample is one number for a whole piece.
    long samples = shape.length > 0 && y.elements() > 0 && outermost(y) ? shape[0] : 1;
    for (View v : views) {
      if (samples == 1 && v.elements() != 1 && v.elements() != y.elements()) {
        throw new IllegalStateException("the samples of " + y + " do not lie one after another");
      }
    }
    long[] program = node.attributes().getInts("program");
    List<View> all = new ArrayList<>(List.of(views));
    all.add(y);
    p.add(
        new JavaStep(
            "expression of " + program.length / 3,
            all,
            b -> new Kernel(b, views, y, program, samples)));
    p.put(node.output(0), y);
  }

  private static boolean outermost(View y) {
    return y.shape()[0] == 1 || y.strides()[0] == y.elements() / y.shape()[0];
  }

  /** The program with its memory and registers; registers are per thread. */
  private static final class Kernel implements Step.Bound {
    private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;
    private static final int CHUNK = 1024;
    private static final long SMALL = 16384;
    private final Binding binding;
    private final MemorySegment[] in;
    private final long[] sizes;
    private final MemorySegment out;
    private final int[] program;
    private final long samples;
    private final long perSample;
    private final float[][][] registers;

    Kernel(Binding b, View[] views, View y, long[] program, long samples) {
      binding = b;
      in = new MemorySegment[views.length];
      sizes = new long[views.length];
      for (int i = 0; i < views.length; i++) {
        in[i] = b.of(views[i]);
        sizes[i] = views[i].elements();
      }
      out = b.of(y);
      this.program = Arrays.stream(program).mapToInt(Math::toIntExact).toArray();
      this.samples = samples;
      perSample = y.elements() / Math.max(1, samples);
      int chunk = (int) Math.min(CHUNK, Math.max(1, perSample));
      registers = new float[b.team().threads()][views.length + program.length / 3][chunk];
    }

    @Override
    public void run() {
      if (samples * perSample < SMALL) {
        part(0, 1);
      } else {
        binding.team().parallel(this::part);
      }
    }

    private void part(int thread, int threads) {
      int chunk = registers[0][0].length;
      long pieces = (perSample + chunk - 1) / chunk;
      long all = samples * pieces;
      for (long i = all * thread / threads; i < all * (thread + 1) / threads; i++) {
        long sample = i / pieces;
        long from = i % pieces * chunk;
        piece(registers[thread], sample, from, (int) Math.min(chunk, perSample - from));
      }
    }

    private void piece(float[][] r, long sample, long from, int n) {
      long at = 4 * (sample * perSample + from);
      for (int k = 0; k < in.length; k++) {
        if (sizes[k] == samples * perSample) {
          MemorySegment.copy(in[k], F, at, r[k], 0, n);
        } else {
          Arrays.fill(r[k], 0, n, in[k].get(F, sizes[k] == 1 ? 0 : 4 * sample));
        }
      }
      int last = in.length - 1;
      for (int k = 0; k < program.length; k += 3) {
        apply(program[k], r[program[k + 1]], r[program[k + 2]], r[++last], n);
      }
      MemorySegment.copy(r[last], 0, out, F, at, n);
    }

    private static void apply(int op, float[] a, float[] b, float[] y, int n) {
      switch (op) {
        case 0 -> {
          for (int i = 0; i < n; i++) {
            y[i] = a[i] + b[i];
          }
        }
        case 1 -> {
          for (int i = 0; i < n; i++) {
            y[i] = a[i] - b[i];
          }
        }
        case 2 -> {
          for (int i = 0; i < n; i++) {
            y[i] = a[i] * b[i];
          }
        }
        default -> {
          for (int i = 0; i < n; i++) {
            y[i] = a[i] / b[i];
          }
        }
      }
    }
  }
}
