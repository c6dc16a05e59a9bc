package io.github.morseengine.tests.kernels;

import static io.github.morseengine.tests.kernels.KernelBench.arguments;
import static io.github.morseengine.tests.kernels.KernelBench.ceil;
import static io.github.morseengine.tests.kernels.KernelBench.grid;

import io.github.morseengine.tests.kernels.KernelBench.Numbers;
import java.util.List;
import java.util.Random;

/**
 * Attention. Tolerance: a term is a probability times a value. On the tensor cores the probability
 * is rounded to the element type: one unit of it. Scores are float32 sums of d products of numbers
 * of size 1.5; their error, as an error of the exponent, is a relative error of the probability: 64
 * units of float32 cover it at d up to 512.
 */
final class KernelAttention {

  private KernelAttention() {}

  static List<KernelCase> cases() {
    return KernelCase.collect(
        out -> {
          for (int type : new int[] {1, 2}) {
            add(out, "attention_d40", type, 2, 133, 77, 40, 128);
            add(out, "attention_d64_short", type, 2, 70, 64, 64, 64);
            add(out, "attention_d160", type, 1, 70, 45, 160, 64);
          }
          add(out, "attention_d8", 1, 1, 65, 130, 8, 128);
          add(out, "attention_d40_mask", 1, 2, 70, 77, 40, 64);
          add(out, "attention_wide_d256", 2, 1, 70, 45, 256, 64);
          add(out, "attention_wide_d512", 1, 1, 70, 45, 512, 64);
          add(out, "attention_wide_d512_mask", 1, 1, 3, 33, 512, 64);
          for (int type = 0; type < 3; type++) {
            add(out, "attention_plain_d64", type, 2, 21, 77, 37, 16);
          }
          add(out, "attention_plain_d160_mask", 0, 2, 18, 35, 100, 16);
        });
  }

  private static void add(
      List<KernelCase> out,
      String name,
      int type,
      int heads,
      int queries,
      int keys,
      int d,
      int block) {
    out.add(
        new KernelCase(
            name + " " + KernelCase.type(type) + " " + queries + "x" + keys + "x" + d,
            bench -> run(bench, name, type, heads, queries, keys, d, block)));
  }

  private static String run(
      KernelBench bench,
      String name,
      int type,
      int heads,
      int queries,
      int keys,
      int d,
      int block) {
    int batch = 2;
    // Keys and values are slices of one tensor, and rows have room behind them.
    int row = heads * d + 8;
    Numbers q = bench.random(type, batch * queries * row, 1.5, 1);
    Numbers k = bench.random(type, batch * keys * row, 1.5, 2);
    Numbers v = bench.random(type, batch * keys * row, 1, 3);
    Numbers o = bench.of(type, new double[batch * queries * row]);
    Numbers mask = name.endsWith("mask") ? mask(bench, type, batch * queries * keys, keys) : null;
    float scale = (float) (1 / Math.sqrt(d));
    Expected e = new Expected(batch * queries * row);
    double[] scores = new double[keys];
    for (int n = 0; n < batch; n++) {
      for (int h = 0; h < heads; h++) {
        for (int l = 0; l < queries; l++) {
          double top = Double.NEGATIVE_INFINITY;
          for (int s = 0; s < keys; s++) {
            double dot = 0;
            for (int i = 0; i < d; i++) {
              dot +=
                  q.get((n * queries + l) * row + h * d + i)
                      * k.get((n * keys + s) * row + h * d + i);
            }
            scores[s] = scale * dot + (mask == null ? 0 : mask.get((n * queries + l) * keys + s));
            top = Math.max(top, scores[s]);
          }
          double sum = 0;
          for (int s = 0; s < keys; s++) {
            scores[s] = top == Double.NEGATIVE_INFINITY ? 0 : Math.exp(scores[s] - top);
            sum += scores[s];
          }
          for (int s = 0; s < keys && sum > 0; s++) {
            for (int i = 0; i < d; i++) {
              e.add(
                  (n * queries + l) * row + h * d + i,
                  scores[s] / sum * v.get((n * keys + s) * row + h * d + i));
            }
          }
        }
      }
    }
    boolean plain = name.contains("plain");
    var a = arguments(q, k, v, mask, o, queries, keys);
    if (plain) {
      a.i32(d).i32(d);
    }
    for (int rows : new int[] {queries, keys, keys, queries}) {
      a.i64((long) rows * row).i32(row).i32(d);
    }
    a.i64((long) queries * keys).i64(0).i64(keys).i64(1).f32(scale);
    bench.run(name, type, grid(ceil(queries, block), heads, batch), a);
    double rounding = plain ? 0 : KernelBench.unit(type);
    return e.compare(bench.read(o), type, rounding + 64 * 0x1p-24);
  }

  /** Numbers with holes, and the second query of the first sample sees nothing at all. */
  private static Numbers mask(KernelBench bench, int type, int count, int keys) {
    Random random = new Random(5);
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      boolean hole = random.nextInt(3) == 0 || i / keys == 1;
      values[i] = hole ? Double.NEGATIVE_INFINITY : random.nextGaussian();
    }
    return bench.of(type, values);
  }
}
