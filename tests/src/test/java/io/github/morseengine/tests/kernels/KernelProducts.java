package io.github.morseengine.tests.kernels;

import static io.github.morseengine.tests.kernels.KernelBench.arguments;
import static io.github.morseengine.tests.kernels.KernelBench.ceil;
import static io.github.morseengine.tests.kernels.KernelBench.grid;

import io.github.morseengine.tests.kernels.KernelBench.Numbers;
import java.util.List;

/**
 * Matrix products and convolutions. Tolerance: sums of products are float32; a term passes through
 * at most a few dozen additions in the order of the depth, whose errors are independent: 32 units.
 */
final class KernelProducts {

  private static final double SUMS = 32 * 0x1p-24;

  private KernelProducts() {}

  static List<KernelCase> cases() {
    return KernelCase.collect(
        out -> {
          for (int type : new int[] {1, 2}) {
            gemm(out, "gemm_128x128", type, 133, 136, 72);
            gemm(out, "gemm_64x64_bt", type, 77, 72, 136);
            gemm(out, "gemm_64x64_geglu", type, 70, 40, 104);
            conv(out, "conv_64x64", type, new Conv(2, 9, 7, 16, 24, 3, 1, 1, 1, 1, 1));
            conv(out, "conv_128x128_silu", type, new Conv(1, 5, 6, 16, 24, 3, 1, 2, 2, 2, 2));
          }
          gemm(out, "gemm_64x64_silu", 1, 77, 72, 40);
          gemm(out, "gemm_64x64_gelu_tanh", 1, 77, 72, 40);
          gemm(out, "gemm_32x32", 1, 77, 72, 136);
          gemm(out, "gemm_32x32_bt", 2, 45, 40, 72);
          gemm(out, "gemm_32x32_geglu", 1, 70, 24, 40);
          conv(out, "conv_32x32", 2, new Conv(2, 9, 7, 16, 24, 3, 1, 1, 1, 1, 1));
          conv(out, "conv_64x64", 1, new Conv(1, 8, 8, 48, 40, 3, 2, 1, 1, 2, 1));
          conv(out, "conv_64x64", 1, new Conv(2, 5, 5, 40, 72, 1, 1, 0, 1, 1, 1));
          for (int type = 0; type < 3; type++) {
            gemm(out, "gemm_plain", type, 67, 35, 21);
            conv(out, "conv_plain", type, new Conv(1, 7, 6, 9, 6, 3, 2, 1, 1, 3, 1));
            conv(out, "conv_plain", type, new Conv(2, 4, 3, 5, 7, 3, 1, 2, 2, 1, 2));
            transposed(out, type);
          }
        });
  }

  private static void gemm(List<KernelCase> out, String name, int type, int m, int n, int k) {
    out.add(
        new KernelCase(
            name + " " + KernelCase.type(type) + " " + m + "x" + n + "x" + k,
            bench -> gemm(bench, name, type, m, n, k)));
  }

  private static String gemm(KernelBench bench, String name, int type, int m, int n, int k) {
    boolean geglu = name.contains("geglu");
    boolean transposed = name.endsWith("_bt") || name.equals("gemm_plain");
    int wide = geglu ? 2 * n : n;
    int batches = 2;
    float alpha = 1.5f;
    Numbers a = bench.random(type, batches * m * k, 0.5, 1);
    Numbers b = bench.random(type, batches * k * wide, 0.5, 2);
    Numbers bias = bench.random(0, wide, 1, 3);
    Numbers r = geglu ? null : bench.random(type, batches * m * n, 1, 4);
    Numbers c = bench.room(type, batches * m * n);
    Expected e = new Expected(batches * m * n);
    Expected gate = new Expected(geglu ? batches * m * n : 0);
    for (int z = 0; z < batches; z++) {
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < wide; j++) {
          Expected to = j < n ? e : gate;
          int at = (z * m + i) * n + j % n;
          to.add(at, bias.get(j));
          for (int d = 0; d < k; d++) {
            double right = b.get(transposed ? (z * wide + j) * k + d : (z * k + d) * wide + j);
            to.add(at, alpha * a.get((z * m + i) * k + d) * right);
          }
          if (!geglu) {
            to.add(at, r.get(at));
          }
        }
      }
    }
    for (int i = 0; i < e.value.length; i++) {
      if (geglu) {
        double g = Functions.gelu(gate.value[i]);
        double v = e.value[i] * g;
        // gelu' is at most 1.13.
        e.terms[i] = e.terms[i] * Math.abs(g) + 1.13 * gate.terms[i] * Math.abs(e.value[i]);
        e.value[i] = v;
      } else if (name.endsWith("silu")) {
        e.map(i, Functions.silu(e.value[i]), 1.1);
      } else if (name.endsWith("gelu_tanh")) {
        e.map(i, Functions.geluTanh(e.value[i]), 1.13);
      }
    }
    int tile = name.contains("128") ? 128 : name.contains("32x32") ? 32 : 64;
    if (name.equals("gemm_plain")) {
      bench.run(
          name,
          type,
          grid(ceil(m, 64), ceil(n, 64), batches),
          arguments(
              a,
              b,
              bias,
              r,
              c,
              m,
              n,
              k,
              (long) k,
              1L,
              1L,
              (long) k,
              n,
              n,
              1,
              (long) m * k,
              0L,
              (long) n * k,
              0L,
              (long) m * n,
              0L,
              (long) m * n,
              0L,
              alpha));
    } else {
      bench.run(
          name,
          type,
          grid(ceil(m, tile), ceil(wide, tile), batches),
          arguments(
              a,
              b,
              bias,
              r,
              c,
              m,
              n,
              k,
              k,
              transposed ? k : wide,
              n,
              n,
              batches,
              0L,
              (long) m * k,
              0L,
              (long) wide * k,
              0L,
              (long) m * n,
              0L,
              (long) m * n,
              alpha));
    }
    return e.compare(bench.read(c), type, SUMS);
  }

  /** A convolution of one filter size and equal strides, pads and dilations per side. */
  private record Conv(
      int n,
      int h,
      int w,
      int c,
      int k,
      int r,
      int stride,
      int pad,
      int dilation,
      int groups,
      int upsample) {

    int out(int side) {
      return (side * upsample + 2 * pad - dilation * (r - 1) - 1) / stride + 1;
    }
  }

  private static void conv(List<KernelCase> out, String name, int type, Conv s) {
    out.add(
        new KernelCase(
            name + " " + KernelCase.type(type) + " " + s, bench -> conv(bench, name, type, s)));
  }

  private static String conv(KernelBench bench, String name, int type, Conv s) {
    int p = s.out(s.h);
    int q = s.out(s.w);
    int channels = s.c / s.groups;
    int filters = s.k / s.groups;
    // Slices of wider tensors on both sides.
    int ldx = s.c + 8;
    int ldy = s.k + 2;
    Numbers x = bench.random(type, s.n * s.h * s.w * ldx, 0.5, 1);
    Numbers w = bench.random(type, s.k * s.r * s.r * channels, 0.5, 2);
    Numbers bias = bench.random(0, s.k, 1, 3);
    Numbers r = bench.random(type, s.n * p * q * s.k, 1, 4);
    Numbers y = bench.of(type, new double[s.n * p * q * ldy]);
    Expected e = new Expected(s.n * p * q * ldy);
    for (int pixel = 0; pixel < s.n * p * q; pixel++) {
      for (int k = 0; k < s.k; k++) {
        int at = pixel * ldy + k;
        e.add(at, bias.get(k));
        e.add(at, r.get(pixel * s.k + k));
        for (int tap = 0; tap < s.r * s.r; tap++) {
          int row = pixel / q % p * s.stride - s.pad + tap / s.r * s.dilation;
          int col = pixel % q * s.stride - s.pad + tap % s.r * s.dilation;
          if (row < 0 || row >= s.h * s.upsample || col < 0 || col >= s.w * s.upsample) {
            continue;
          }
          int from = (pixel / q / p * s.h + row / s.upsample) * s.w + col / s.upsample;
          for (int c = 0; c < channels; c++) {
            e.add(
                at,
                x.get((long) from * ldx + k / filters * channels + c)
                    * w.get(((long) k * s.r * s.r + tap) * channels + c));
          }
        }
        if (name.endsWith("silu")) {
          e.map(at, Functions.silu(e.value[at]), 1.1);
        }
      }
    }
    int tile = name.contains("128") ? 128 : name.contains("32x32") ? 32 : 64;
    bench.run(
        name,
        type,
        grid(ceil(s.n * p * q, tile), ceil(filters, tile), s.groups),
        arguments(
            x,
            w,
            bias,
            r,
            y,
            s.n,
            s.h,
            s.w,
            s.c,
            ldx,
            s.k,
            s.k,
            ldy,
            s.r,
            s.r,
            p,
            q,
            s.stride,
            s.stride,
            s.pad,
            s.pad,
            s.dilation,
            s.dilation,
            s.groups,
            s.upsample));
    return e.compare(bench.read(y), type, SUMS);
  }

  private static void transposed(List<KernelCase> out, int type) {
    out.add(
        new KernelCase(
            "conv_transpose " + KernelCase.type(type), bench -> transposed(bench, type)));
  }

  private static String transposed(KernelBench bench, int type) {
    int n = 2;
    int h = 3;
    int w = 4;
    int c = 10;
    int k = 6;
    int p = 6;
    int q = 8;
    Numbers x = bench.random(type, n * h * w * c, 0.5, 1);
    Numbers f = bench.random(type, 9 * c * k / 2, 0.5, 2);
    Numbers bias = bench.random(0, k, 1, 3);
    Numbers y = bench.room(type, n * p * q * k);
    Expected e = new Expected(n * p * q * k);
    for (int i = 0; i < n * p * q * k; i++) {
      e.add(i, bias.get(i % k));
    }
    for (int pixel = 0; pixel < n * h * w; pixel++) {
      for (int tap = 0; tap < 9; tap++) {
        int row = pixel / w % h * 2 - 1 + tap / 3;
        int col = pixel % w * 2 - 1 + tap % 3;
        if (row < 0 || row >= p || col < 0 || col >= q) {
          continue;
        }
        for (int i = 0; i < c; i++) {
          for (int j = 0; j < k / 2; j++) {
            e.add(
                ((long) (pixel / w / h * p + row) * q + col) * k + i / (c / 2) * (k / 2) + j,
                x.get((long) pixel * c + i) * f.get(((long) tap * c + i) * k / 2 + j));
          }
        }
      }
    }
    bench.run(
        "conv_transpose",
        type,
        grid(ceil(n * p * q * k, 256)),
        arguments(x, f, bias, y, n, h, w, c, c, k, k, 3, 3, p, q, 2, 2, 1, 1, 1, 1, 2));
    return e.compare(bench.read(y), type, SUMS);
  }
}
