package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.tensor.DType;

/** Matrix products by our own kernels: on tensor cores where layout and type allow it. */
final class ProductKernels {

  private static final long MOST_BATCHES = 65535;
  private static final int PLAIN_TILE = 64;

  /** Elements of 16 bytes in half precision. */
  private static final int VECTOR = 8;

  private ProductKernels() {}

  /** The step of a product; null where no kernel takes it. */
  static KernelStep step(CudaProgram p, Product g) {
    if (g.batches().count() > MOST_BATCHES || Math.ceilDiv(g.n(), PLAIN_TILE) > MOST_BATCHES) {
      return null;
    }
    String reason = refusal(p, g);
    return reason == null ? tensorCores(p, g) : plain(p, g).because(reason);
  }

  /** Why the tensor-core kernel does not take a product; null where it does. */
  static String refusal(CudaProgram p, Product g) {
    boolean columnMajor = g.b().column() != 1;
    if (!ElementTypes.isHalf(g.type())) {
      return "float32";
    }
    if (p.device.computeCapability() < 80) {
      return "tensor cores of sm_80 are needed";
    }
    if (g.k() % VECTOR != 0 || g.n() % VECTOR != 0) {
      return "sizes that do not divide by " + VECTOR;
    }
    if (g.a().column() != 1 || columnMajor && (g.b().row() != 1 || g.activation() != 0)) {
      return "the order of the factors";
    }
    long ldb = columnMajor ? g.b().column() : g.b().row();
    long[] s = g.batches().strides();
    boolean aligned =
        aligned(g.a().view(), g.a().row(), s[0], s[1])
            && aligned(g.b().view(), ldb, s[2], s[3])
            && even(g.c(), s[6], s[7])
            && (g.residual() == null || even(g.residual(), s[4], s[5]));
    return aligned ? null : "rows that do not start at 16 bytes";
  }

  private static boolean aligned(View v, long ld, long outer, long inner) {
    return v.offset() % VECTOR == 0
        && ld % VECTOR == 0
        && outer % VECTOR == 0
        && inner % VECTOR == 0;
  }

  private static boolean even(Product.Factor f, long outer, long inner) {
    return f.view().offset() % 2 == 0 && f.row() % 2 == 0 && outer % 2 == 0 && inner % 2 == 0;
  }

  /**
   * The large tile where it gives every multiprocessor a block, the middle one where that gives
   * every second one a block, else the small one: a product of few rows is bound by the length of
   * one block's loop, so that idle multiprocessors cost more than data that is read again.
   */
  static String tile(CudaProgram p, long m, long n, long batches) {
    long large = Math.ceilDiv(m, 128) * Math.ceilDiv(n, 128) * batches;
    if (large >= p.device.multiprocessors()) {
      return "128x128";
    }
    long middle = Math.ceilDiv(m, 64) * Math.ceilDiv(n, 64) * batches;
    return 2 * middle >= p.device.multiprocessors() ? "64x64" : "32x32";
  }

  private static KernelStep tensorCores(CudaProgram p, Product g) {
    boolean columnMajor = g.b().column() != 1;
    String name =
        "gemm_"
            + tile(p, g.m(), g.n(), g.batches().count())
            + (columnMajor ? "_bt" : Product.suffix(g.activation()));
    long ldb = columnMajor ? g.b().column() : g.b().row();
    return epilogue(pointers(p, name, g).i32(g.m(), g.n(), g.k()).i32(g.a().row(), ldb), g)
        .grid(
            Math.ceilDiv(g.m(), Kernels.macro(name, "MORSE_BM")),
            Math.ceilDiv(g.n(), Kernels.macro(name, "MORSE_BN")),
            g.batches().count());
  }

  private static KernelStep plain(CudaProgram p, Product g) {
    String name = "gemm_plain" + Product.suffix(g.activation());
    return epilogue(
            pointers(p, name, g)
                .i32(g.m(), g.n(), g.k())
                .i64(g.a().row(), g.a().column(), g.b().row(), g.b().column()),
            g)
        .grid(
            Math.ceilDiv(g.m(), PLAIN_TILE), Math.ceilDiv(g.n(), PLAIN_TILE), g.batches().count());
  }

  private static KernelStep pointers(CudaProgram p, String name, Product g) {
    return p.kernel(name, g.type())
        .view(g.a().view())
        .view(g.b().view())
        .view(p.floats(g.bias()))
        .view(g.residual() == null ? null : g.residual().view())
        .view(g.c().view());
  }

  private static KernelStep epilogue(KernelStep step, Product g) {
    return step.i32(g.residual() == null ? 0 : g.residual().row(), g.c().row())
        .i32(g.batches().inner())
        .i64(g.batches().strides())
        .f32(g.alpha());
  }

  /**
   * A linear layer with GEGLU in its epilogue; null where the kernel does not take it.
   *
   * @param x rows of the input
   * @param w [K, 2C]
   * @param bias float32 [2C]; null for none
   * @param y rows of the output, C wide
   * @param tanh which GELU
   */
  static KernelStep geglu(CudaProgram p, Rows x, View w, View bias, Rows y, boolean tanh) {
    DType type = y.view().dtype();
    long k = x.width();
    long n = y.width();
    boolean fits =
        ElementTypes.isHalf(type)
            && p.device.computeCapability() >= 80
            && k % VECTOR == 0
            && n % VECTOR == 0
            && x.isAligned()
            && y.isEven();
    if (!fits) {
      return null;
    }
    String name = "gemm_" + tile(p, x.rows(), 2 * n, 1) + "_geglu" + (tanh ? "_tanh" : "");
    return p.kernel(name, type)
        .view(x.view())
        .view(w)
        .view(bias)
        .view(null)
        .view(y.view())
        .i32(x.rows(), n, k)
        .i32(x.ld(), 2 * n, 0, y.ld())
        .i32(1)
        .i64(new long[8])
        .f32(1)
        .grid(
            Math.ceilDiv(x.rows(), Kernels.macro(name, "MORSE_BM")),
            Math.ceilDiv(n, Kernels.macro(name, "MORSE_BN") / 2),
            1);
  }
}
