package io.github.morseengine.tests.kernels;

import static io.github.morseengine.tests.kernels.KernelBench.arguments;
import static io.github.morseengine.tests.kernels.KernelBench.ceil;
import static io.github.morseengine.tests.kernels.KernelBench.grid;

import io.github.morseengine.tests.kernels.KernelBench.Numbers;
import java.util.List;
import java.util.function.DoubleBinaryOperator;

/**
 * Layouts, gathers, reductions, pools and small element-wise kernels. What only moves must be exact
 * (tolerance 0 beyond the rounding to another type); sums have 32 units of float32 per term.
 */
final class KernelMovement {

  private static final double SUMS = 32 * 0x1p-24;

  private KernelMovement() {}

  static List<KernelCase> cases() {
    return KernelCase.collect(
        out -> {
          copies(out);
          for (int type = 0; type < 3; type++) {
            int t = type;
            String of = " " + KernelCase.type(t);
            out.add(new KernelCase("depth_to_space" + of, b -> shuffle(b, t, 0)));
            out.add(new KernelCase("resize_nearest" + of, b -> nearest(b, t)));
            out.add(new KernelCase("geglu" + of, b -> geglu(b, t)));
            out.add(new KernelCase("reduce_mean_block" + of, b -> reduce(b, "mean_block", t)));
            out.add(new KernelCase("pool_average" + of, b -> pool(b, "average", t)));
          }
          out.add(new KernelCase("depth_to_space CRD", b -> shuffle(b, 1, 1)));
          out.add(new KernelCase("resize_taps", KernelMovement::taps));
          out.add(new KernelCase("timestep_embedding", b -> embedding(b, 0)));
          out.add(new KernelCase("timestep_embedding_int64", b -> embedding(b, 1)));
          for (String op : List.of("sum", "max", "min", "product", "sum_of_squares", "l2")) {
            out.add(new KernelCase("reduce_" + op, b -> reduce(b, op + "_thread", 0)));
          }
          out.add(new KernelCase("pool_max", b -> pool(b, "max", 1)));
          out.add(new KernelCase("arg_max", b -> argument(b, "arg_max", 0)));
          out.add(new KernelCase("arg_min last", b -> argument(b, "arg_min", 1)));
          out.add(new KernelCase("cumsum", KernelMovement::cumsum));
          out.add(new KernelCase("gather", b -> gather(b, false)));
          out.add(new KernelCase("gather out of range", b -> gather(b, true)));
          out.add(new KernelCase("gather_elements", KernelMovement::gatherElements));
        });
  }

  private static void copies(List<KernelCase> out) {
    int[][] pairs = {
      {0, 1}, {1, 0}, {2, 1}, {0, 4}, {4, 0}, {0, 6}, {7, 3}, {5, 2}, {4, 8}, {1, 1}
    };
    for (int[] p : pairs) {
      String name = "copy_" + code(p[0]) + "_" + code(p[1]);
      out.add(new KernelCase(name, b -> copy(b, name, p[0], p[1])));
    }
    out.add(new KernelCase("transpose_float_half", b -> transpose(b, 0, 1)));
    out.add(new KernelCase("transpose_bfloat_bfloat", b -> transpose(b, 2, 2)));
    out.add(new KernelCase("fill_half", KernelMovement::fill));
  }

  private static String code(int type) {
    return List.of("float", "half", "bfloat", "int32", "int64", "uint8", "bool", "double", "int8")
        .get(type);
  }

  private static String copy(KernelBench bench, String name, int from, int to) {
    // [5, 2, 3] of x [2, 3, 5], into every second row of y.
    Numbers x = bench.random(from, 30, from == 5 ? 0 : 40, 1);
    Numbers y = bench.of(to, new double[60]);
    Expected e = new Expected(60);
    for (int i = 0; i < 5; i++) {
      for (int j = 0; j < 6; j++) {
        double v = x.get(j * 5 + i);
        boolean integers = to == 3 || to == 4 || to == 8;
        e.set(
            i * 12 + j,
            to == 6 ? (v != 0 ? 1 : 0) : integers ? (to == 8 ? (byte) (long) v : (long) v) : v);
      }
    }
    bench.run(
        name,
        0,
        grid(1),
        arguments(
            x, y, 3, 5L, 2L, 3L, 1L, 1L, 1L, 1L, 15L, 5L, 0L, 0L, 0L, 12L, 3L, 1L, 0L, 0L, 0L));
    return e.compare(bench.read(y), to == 1 || to == 2 ? to : 0, 0);
  }

  private static String transpose(KernelBench bench, int from, int to) {
    int rows = 35;
    int cols = 50;
    Numbers x = bench.random(from, 2 * rows * cols, 1, 1);
    Numbers y = bench.room(to, 2 * rows * cols);
    Expected e = new Expected(2 * rows * cols);
    for (int i = 0; i < 2 * rows * cols; i++) {
      int n = i / rows / cols;
      e.set((n * cols + i % cols) * rows + i / cols % rows, x.get(i));
    }
    bench.run(
        "transpose_" + code(from) + "_" + code(to),
        0,
        grid(2, 2, 2),
        arguments(x, y, rows, cols, cols, rows, (long) rows * cols, (long) rows * cols));
    return e.compare(bench.read(y), to, 0);
  }

  private static String fill(KernelBench bench) {
    Numbers y = bench.room(1, 300);
    Expected e = new Expected(300);
    for (int i = 0; i < 300; i++) {
      e.set(i, 1.5);
    }
    bench.run("fill_half", 0, grid(1), arguments(y, 300L, 1.5f));
    return e.compare(bench.read(y), 1, 0);
  }

  private static String shuffle(KernelBench bench, int type, int mode) {
    int n = 2;
    int h = 3;
    int w = 5;
    int c = 3;
    Numbers x = bench.random(type, n * h * w * 4 * c, 1, 1);
    Numbers y = bench.room(type, n * h * w * 4 * c);
    Numbers back = bench.room(type, n * h * w * 4 * c);
    Expected e = new Expected(n * h * w * 4 * c);
    Expected same = new Expected(n * h * w * 4 * c);
    for (int i = 0; i < n * h * w * 4 * c; i++) {
      int channel = i % (4 * c);
      int pixel = i / (4 * c);
      int cell = mode == 0 ? channel / c : channel % 4;
      int k = mode == 0 ? channel % c : channel / 4;
      int row = pixel / w * 2 + cell / 2;
      int col = pixel % w * 2 + cell % 2;
      e.set((row * 2 * w + col) * c + k, x.get(i));
      same.set(i, x.get(i));
    }
    int blocks = ceil(n * h * w * 4 * c, 256);
    bench.run(
        "depth_to_space", type, grid(blocks), arguments(x, y, n, h, w, 4 * c, 2, mode, 4 * c, c));
    bench.run(
        "space_to_depth",
        type,
        grid(blocks),
        arguments(y, back, n, 2 * h, 2 * w, c, 2, mode, c, 4 * c));
    String wrong = e.compare(bench.read(y), type, 0);
    return wrong == null ? same.compare(bench.read(back), type, 0) : wrong;
  }

  private static String nearest(KernelBench bench, int type) {
    int[] rows = {0, 0, 1, 1, 2, 2};
    int[] cols = {0, 0, 1, 2, 2, 3, 4};
    Numbers x = bench.random(type, 2 * 3 * 5 * 16, 1, 1);
    Numbers y = bench.room(type, 2 * 6 * 7 * 16);
    Expected e = new Expected(2 * 6 * 7 * 16);
    for (int i = 0; i < e.value.length; i++) {
      int pixel = i / 16;
      int from = (pixel / 42 * 3 + rows[pixel / 7 % 6]) * 5 + cols[pixel % 7];
      e.set(i, x.get(from * 16 + i % 16));
    }
    int v = type == 0 ? 4 : 8;
    bench.run(
        "resize_nearest_vec" + v,
        type,
        grid(ceil(e.value.length / v, 256)),
        arguments(x, y, ints(bench, rows), ints(bench, cols), 2, 3, 5, 16, 6, 7, 16, 16));
    return e.compare(bench.read(y), type, 0);
  }

  private static Numbers ints(KernelBench bench, int... values) {
    double[] out = new double[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i];
    }
    return bench.of(3, out);
  }

  private static String taps(KernelBench bench) {
    int[] rows = {0, 0, 0, 1, 1, 1};
    double[] rowWeights = {1, 0, 0.25, 0.75, 0.5, 0.5};
    int[] cols = {0, 1, 1, 2};
    double[] colWeights = {0.3, 0.7, 0.6, 0.4};
    Numbers x = bench.random(1, 2 * 3 * 5, 1, 1);
    Numbers y = bench.room(1, 3 * 2 * 5);
    Numbers r = bench.of(0, rowWeights);
    Numbers s = bench.of(0, colWeights);
    Expected e = new Expected(30);
    for (int i = 0; i < 30; i++) {
      int p = i / 5 / 2;
      int q = i / 5 % 2;
      for (int a = 0; a < 2; a++) {
        for (int b = 0; b < 2; b++) {
          int from = rows[2 * p + a] * 3 + cols[2 * q + b];
          e.add(i, r.get(2 * p + a) * s.get(2 * q + b) * x.get(from * 5 + i % 5));
        }
      }
    }
    bench.run(
        "resize_taps",
        1,
        grid(1),
        arguments(x, y, ints(bench, rows), r, ints(bench, cols), s, 2, 1, 2, 3, 5, 3, 2, 5, 5));
    return e.compare(bench.read(y), 1, SUMS);
  }

  private static String geglu(KernelBench bench, int type) {
    int rows = 9;
    int width = 24;
    Numbers x = bench.random(type, rows * 2 * width, 2, 1);
    Numbers y = bench.room(type, rows * width);
    Expected e = new Expected(rows * width);
    for (int i = 0; i < rows * width; i++) {
      int base = i / width * 2 * width + i % width;
      double gate = x.get(base + width);
      e.set(i, x.get(base) * Functions.gelu(gate));
      // 1 + erf cancels for negative numbers: the error is one of the gate.
      e.terms[i] = Math.abs(x.get(base) * gate);
    }
    int v = type == 0 ? 4 : 8;
    bench.run(
        "geglu_vec" + v,
        type,
        grid(ceil(rows * width / v, 256)),
        arguments(x, y, rows, width, 2 * width, width));
    return e.compare(bench.read(y), type, SUMS);
  }

  private static String embedding(KernelBench bench, int integer) {
    double[] times = {0, 1, 500, 999};
    Numbers t = bench.of(integer == 1 ? 4 : 0, times);
    Numbers y = bench.room(1, 4 * 64);
    Expected e = new Expected(4 * 64);
    for (int i = 0; i < 4 * 32; i++) {
      double angle = times[i / 32] * Math.exp(-Math.log(10000) * (i % 32) / 31);
      // The angle is rounded to float32: up to 500 * 2^-24 and more of it.
      e.set(i / 32 * 64 + i % 32, Math.cos(angle));
      e.set(i / 32 * 64 + 32 + i % 32, Math.sin(angle));
      e.terms[i / 32 * 64 + i % 32] = 1 + Math.abs(angle);
      e.terms[i / 32 * 64 + 32 + i % 32] = 1 + Math.abs(angle);
    }
    bench.run(
        "timestep_embedding" + (integer == 1 ? "_int64" : ""),
        1,
        grid(1),
        arguments(t, y, 4, 32, 64, 1, 1f, 1f, 10000f));
    return e.compare(bench.read(y), 1, 0x1p-24);
  }

  private static String reduce(KernelBench bench, String name, int type) {
    // [3, 4, 5, 6] over axes 1 and 3.
    Numbers x = bench.random(type, 360, 1, 1);
    Numbers y = bench.room(type, 15);
    String op = name.substring(0, name.lastIndexOf('_'));
    DoubleBinaryOperator combine =
        switch (op) {
          case "max" -> Math::max;
          case "min" -> Math::min;
          case "product" -> (a, b) -> a * b;
          default -> Double::sum;
        };
    Expected e = new Expected(15);
    for (int i = 0; i < 15; i++) {
      double sum =
          op.equals("max") ? -1e30 : op.equals("min") ? 1e30 : op.equals("product") ? 1 : 0;
      double terms = 0;
      for (int k = 0; k < 24; k++) {
        double v = x.get(i / 5 * 120 + i % 5 * 6 + k / 6 * 30 + k % 6);
        v = op.startsWith("sum_") || op.equals("l2") ? v * v : v;
        sum = combine.applyAsDouble(sum, v);
        terms += Math.abs(v);
      }
      e.set(i, op.equals("mean") ? sum / 24 : op.equals("l2") ? Math.sqrt(sum) : sum);
      if (op.equals("sum") || op.equals("mean")) {
        e.terms[i] = op.equals("mean") ? terms / 24 : terms;
      }
    }
    bench.run(
        "reduce_" + name,
        type,
        grid(name.endsWith("block") ? 15 : 1),
        arguments(x, y, 15L, 1L, 5L, 120L, 0L, 6L, 24L, 1L, 6L, 30L, 0L, 1L));
    return e.compare(bench.read(y), type, SUMS);
  }

  private static String pool(KernelBench bench, String op, int type) {
    Numbers x = bench.random(type, 2 * 5 * 7 * 6, 1, 1);
    for (int pads = 0; pads < 2; pads++) {
      Numbers y = bench.room(type, 2 * 3 * 4 * 6);
      Expected e = new Expected(2 * 3 * 4 * 6);
      for (int i = 0; i < e.value.length; i++) {
        int pixel = i / 6;
        int inside = 0;
        double best = Double.NEGATIVE_INFINITY;
        for (int tap = 0; tap < 9; tap++) {
          int row = pixel / 4 % 3 * 2 - 1 + tap / 3;
          int col = pixel % 4 * 2 - 1 + tap % 3;
          if (row >= 0 && row < 5 && col >= 0 && col < 7) {
            double v = x.get(((pixel / 12 * 5 + row) * 7 + col) * 6 + i % 6);
            e.add(i, v);
            best = Math.max(best, v);
            inside++;
          }
        }
        if (op.equals("max")) {
          e.set(i, best);
        } else {
          double count = pads == 1 ? 9 : inside;
          e.value[i] /= count;
          e.terms[i] /= count;
        }
      }
      bench.run(
          "pool_" + op,
          type,
          grid(1),
          arguments(x, y, 2, 5, 7, 6, 6, 6, 3, 3, 3, 4, 2, 2, 1, 1, 1, 1, pads, 7, 9));
      String wrong = e.compare(bench.read(y), type, SUMS);
      if (wrong != null) {
        return "with pads counted " + pads + ": " + wrong;
      }
    }
    return null;
  }

  private static String argument(KernelBench bench, String name, int last) {
    double[] values = new double[2 * 7 * 3];
    for (int i = 0; i < values.length; i++) {
      values[i] = i * 5 % 4;
    }
    Numbers x = bench.of(0, values);
    Numbers y = bench.room(4, 6);
    Expected e = new Expected(6);
    for (int i = 0; i < 6; i++) {
      int best = 0;
      for (int k = 1; k < 7; k++) {
        double v = values[(i / 3 * 7 + k) * 3 + i % 3];
        double b = values[(i / 3 * 7 + best) * 3 + i % 3];
        boolean better = name.equals("arg_max") ? v > b : v < b;
        best = better || last == 1 && v == b ? k : best;
      }
      e.set(i, best);
    }
    bench.run(name, 0, grid(1), arguments(x, y, 2L, 7L, 3L, last));
    return e.compare(bench.read(y), 0, 0);
  }

  private static String cumsum(KernelBench bench) {
    Numbers x = bench.random(0, 2 * 7 * 3, 1, 1);
    Numbers y = bench.room(0, 2 * 7 * 3);
    Expected e = new Expected(2 * 7 * 3);
    for (int i = 0; i < 42; i++) {
      for (int k = i / 3 % 7 + 1; k < 7; k++) {
        e.add(i, x.get((i / 21 * 7 + k) * 3 + i % 3));
      }
    }
    bench.run("cumsum", 0, grid(1), arguments(x, y, 2L, 7L, 3L, 1, 1));
    return e.compare(bench.read(y), 0, SUMS);
  }

  private static String gather(KernelBench bench, boolean wrongIndex) {
    Numbers x = bench.random(0, 2 * 7 * 3, 1, 1);
    double[] indices = {0, -1, wrongIndex ? 7 : 6, 3};
    Numbers index = bench.of(4, indices);
    Numbers y = bench.room(0, 2 * 4 * 3);
    Numbers fault = bench.of(3, 0);
    Expected e = new Expected(24);
    for (int i = 0; i < 24; i++) {
      int from = (int) indices[i / 3 % 4];
      from = from == -1 ? 6 : from == 7 ? 0 : from;
      e.set(i, x.get((i / 12 * 7 + from) * 3 + i % 3));
    }
    bench.run("gather_4_int64", 0, grid(1), arguments(x, index, y, fault, 2L, 7L, 4L, 3L));
    boolean told = bench.read(fault)[0] == (wrongIndex ? 1 : 0);
    return told ? e.compare(bench.read(y), 0, 0) : "the fault is " + bench.read(fault)[0];
  }

  private static String gatherElements(KernelBench bench) {
    Numbers x = bench.random(1, 2 * 7 * 3, 1, 1);
    double[] indices = new double[2 * 4 * 3];
    for (int i = 0; i < indices.length; i++) {
      indices[i] = i * 5 % 14 - 7;
    }
    Numbers index = bench.of(3, indices);
    Numbers y = bench.room(1, 24);
    Expected e = new Expected(24);
    for (int i = 0; i < 24; i++) {
      int from = ((int) indices[i] + 7) % 7;
      e.set(i, x.get((i / 12 * 7 + from) * 3 + i % 3));
    }
    bench.run("gather_elements_2_int32", 0, grid(1), arguments(x, index, y, null, 2L, 7L, 4L, 3L));
    return e.compare(bench.read(y), 1, 0);
  }
}
