package io.github.morseengine.tests.kernels;

import static io.github.morseengine.tests.kernels.KernelBench.arguments;
import static io.github.morseengine.tests.kernels.KernelBench.ceil;
import static io.github.morseengine.tests.kernels.KernelBench.grid;

import io.github.morseengine.tests.kernels.KernelBench.Numbers;
import java.util.List;

/**
 * Norms and softmax. Tolerance: a normalised element is a difference of numbers up to |mean| /
 * sigma (3 to 4 here) times factors, each with its rounding, in float32: 64 units of the terms.
 */
final class KernelNorms {

  private static final double SUMS = 64 * 0x1p-24;

  private KernelNorms() {}

  static List<KernelCase> cases() {
    return KernelCase.collect(
        out -> {
          for (int type = 0; type < 3; type++) {
            String vector = type == 0 ? "_vec4" : "_vec8";
            group(out, "fused", "_silu", "", type, 2, 35, 21, 3, 1);
            group(out, "fused", "_silu", vector, type, 2, 37, 80, 8, 4);
            group(out, "apply", "_silu", vector, type, 2, 35, 80, 8, 0);
            layer(out, "layer_norm" + vector, type, 9, 72);
            softmax(out, "softmax_rows", type, 9, 77, 1);
            softmax(out, "softmax_strided", type, 3, 7, 5);
          }
          group(out, "fused", "", "", 0, 1, 9, 600, 4, 2);
          group(out, "apply", "", "", 0, 1, 40, 300, 4, 0);
          // More channels than one pass over threads takes.
          group(out, "apply", "_silu", "_vec8", 1, 1, 9, 2560, 32, 0);
          layer(out, "layer_norm", 0, 5, 35);
          layer(out, "rms_norm", 1, 5, 35);
          softmax(out, "log_softmax_rows", 0, 5, 40, 1);
        });
  }

  private static void group(
      List<KernelCase> out,
      String pass,
      String activation,
      String vector,
      int type,
      int n,
      int positions,
      int channels,
      int groups,
      int bundle) {
    String name = "group_norm_" + pass + activation + vector;
    out.add(
        new KernelCase(
            name + " " + KernelCase.type(type) + " " + positions + "x" + channels + "/" + groups,
            bench -> group(bench, name, vector, type, n, positions, channels, groups, bundle)));
  }

  private static String group(
      KernelBench bench,
      String name,
      String vector,
      int type,
      int n,
      int positions,
      int channels,
      int groups,
      int bundle) {
    int ld = channels + 8;
    double[] shifted = bench.random(0, n * positions * ld, 1, 1).values();
    for (int i = 0; i < shifted.length; i++) {
      shifted[i] += 3;
    }
    Numbers x = bench.of(type, shifted);
    Numbers a = bench.random(type, n * channels, 1, 2);
    Numbers gamma = bench.random(0, channels, 1, 3);
    Numbers beta = bench.random(0, channels, 1, 4);
    Numbers m = bench.random(type, channels, 1, 5);
    Numbers s = bench.random(type, n * channels, 1, 6);
    Numbers y = bench.of(type, new double[n * positions * ld]);
    Expected e = new Expected(n * positions * ld);
    int size = channels / groups;
    for (int i = 0; i < n; i++) {
      for (int g = 0; g < groups; g++) {
        double mean = 0;
        double square = 0;
        for (int pass = 0; pass < 2; pass++) {
          for (int p = 0; p < positions; p++) {
            for (int c = g * size; c < (g + 1) * size; c++) {
              double v = x.get((i * positions + p) * ld + c) + a.get(i * channels + c);
              if (pass == 0) {
                mean += v / positions / size;
              } else {
                square += (v - mean) * (v - mean) / positions / size;
              }
            }
          }
        }
        double scale = 1 / Math.sqrt(square + 1e-5f);
        for (int p = 0; p < positions; p++) {
          for (int c = g * size; c < (g + 1) * size; c++) {
            int at = (i * positions + p) * ld + c;
            double factor = scale * gamma.get(c) * m.get(c);
            e.add(at, x.get(at) * factor);
            e.add(at, a.get(i * channels + c) * factor);
            e.add(at, -mean * factor);
            e.add(at, beta.get(c) * m.get(c));
            e.add(at, s.get(i * channels + c));
            if (name.contains("silu")) {
              e.map(at, Functions.silu(e.value[at]), 1.1);
            }
          }
        }
      }
    }
    if (name.contains("fused")) {
      int shared = bundle * size * (positions * KernelBench.bytes(type) + 16) + 8 * bundle + 16;
      bench.run(
          name,
          type,
          grid(groups / bundle, n),
          shared,
          arguments(
              x, a, gamma, beta, m, s, y, positions, channels, groups, bundle, ld, ld, channels, 0,
              channels, 1e-5f));
    } else {
      int chunk = 7;
      int rows = 5;
      Numbers partial = bench.room(0, n * ceil(positions, chunk) * groups * 2);
      bench.run(
          "group_norm_stats" + vector,
          type,
          grid(ceil(positions, chunk), n),
          8 * channels,
          arguments(x, a, partial, positions, channels, groups, ld, channels, chunk));
      bench.run(
          name,
          type,
          grid(ceil(positions, rows), n),
          8 * channels + 8 * groups,
          arguments(
              x, a, gamma, beta, m, s, partial, y, positions, channels, groups, ld, ld, channels, 0,
              channels, chunk, rows, 1e-5f));
    }
    return e.compare(bench.read(y), type, SUMS);
  }

  private static void layer(List<KernelCase> out, String name, int type, int rows, int width) {
    out.add(
        new KernelCase(
            name + " " + KernelCase.type(type) + " " + rows + "x" + width,
            bench -> layer(bench, name, type, rows, width)));
  }

  private static String layer(KernelBench bench, String name, int type, int rows, int width) {
    Numbers x = bench.random(type, rows * width, 1, 1);
    Numbers gamma = bench.random(0, width, 1, 2);
    Numbers beta = name.startsWith("rms") ? null : bench.random(0, width, 1, 3);
    Numbers y = bench.room(type, rows * width);
    Expected e = new Expected(rows * width);
    for (int r = 0; r < rows; r++) {
      double mean = 0;
      for (int i = 0; i < width && beta != null; i++) {
        mean += x.get(r * width + i) / width;
      }
      double square = 0;
      for (int i = 0; i < width; i++) {
        square += Math.pow(x.get(r * width + i) - mean, 2) / width;
      }
      for (int i = 0; i < width; i++) {
        double factor = gamma.get(i) / Math.sqrt(square + 1e-5f);
        e.add(r * width + i, x.get(r * width + i) * factor);
        e.add(r * width + i, -mean * factor);
        e.add(r * width + i, beta == null ? 0 : beta.get(i));
      }
    }
    bench.run(
        name,
        type,
        grid(ceil(rows, 4)),
        arguments(x, gamma, beta, y, rows, width, width, width, 1e-5f));
    return e.compare(bench.read(y), type, SUMS);
  }

  private static void softmax(
      List<KernelCase> out, String name, int type, int outer, int axis, int inner) {
    out.add(
        new KernelCase(
            name + " " + KernelCase.type(type),
            bench -> softmax(bench, name, type, outer, axis, inner)));
  }

  private static String softmax(
      KernelBench bench, String name, int type, int outer, int axis, int inner) {
    Numbers x = bench.random(type, outer * axis * inner, 3, 1);
    Numbers y = bench.room(type, outer * axis * inner);
    Expected e = new Expected(outer * axis * inner);
    for (int line = 0; line < outer * inner; line++) {
      int base = line / inner * axis * inner + line % inner;
      double sum = 0;
      for (int i = 0; i < axis; i++) {
        sum += Math.exp(x.get(base + i * inner));
      }
      for (int i = 0; i < axis; i++) {
        int at = base + i * inner;
        if (name.startsWith("log")) {
          e.add(at, x.get(at));
          e.add(at, -Math.log(sum));
        } else {
          // x - max is up to 20 here, and its rounding is a relative error of the exponential.
          e.set(at, Math.exp(x.get(at)) / sum);
        }
      }
    }
    if (name.endsWith("rows")) {
      bench.run(name, type, grid(ceil(outer, 4)), arguments(x, y, outer, axis, axis, axis));
    } else {
      bench.run(name, type, grid(ceil(outer * inner, 256)), arguments(x, y, outer, axis, inner));
    }
    return e.compare(bench.read(y), type, SUMS);
  }
}
