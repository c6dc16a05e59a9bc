package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;

/** Scaled dot product attention in one kernel; without one, as product, softmax, product. */
final class AttentionLowering {

  private static final long LARGEST_HEAD = 160;
  private static final long LARGEST_PLAIN_HEAD = 512;
  private static final int VECTOR = 8;
  private static final int PLAIN_QUERIES = 16;

  /** Queries per block of the kernel for wide heads. */
  private static final int WIDE_QUERIES = 64;

  /** Static shared memory of the kernels beside their tiles, at most. */
  private static final long STATIC_SHARED = 1024;

  private AttentionLowering() {}

  /** The four views of an attention, dimensions [N, H, L or S, head size]. */
  record Heads(View q, View k, View v, View y, View mask, float scale) {

    long size() {
      return q.shape()[3];
    }

    boolean isSquare() {
      return v.shape()[3] == size();
    }

    boolean isAligned() {
      boolean aligned = true;
      for (View view : new View[] {q, k, v, y}) {
        aligned &= view.offset() % VECTOR == 0;
        for (int d = 0; d < 3; d++) {
          aligned &= view.shape()[d] == 1 || view.strides()[d] % VECTOR == 0;
        }
      }
      return aligned;
    }
  }

  static boolean lower(CudaProgram p, Node node) {
    Value mask = node.input(3);
    if (node.input(1).shape()[2] == 1 && mask == null) {
      // One key has all the weight.
      p.put(node.output(0), p.get(node.input(2)).expand(node.output(0).shape()));
      return true;
    }
    long[] shape = node.output(0).shape();
    if (node.input(0).elements() == 0 || node.input(1).elements() == 0 || shape[3] == 0) {
      return false;
    }
    if (mask != null && !mask.dtype().isFloat()) {
      return false;
    }
    // Heads beside each other, so that joining them afterwards is a view.
    long d = shape[3];
    long[] strides = {shape[2] * shape[1] * d, d, shape[1] * d, 1};
    View m = null;
    if (mask != null) {
      View given = mask.isConstant() ? p.dense(mask, p.type) : p.typed(p.get(mask), p.type);
      m = given.raise(4).expand(new long[] {shape[0], shape[1], shape[2], keys(node)});
    }
    Heads h =
        new Heads(
            innermost(p, node.input(0)),
            innermost(p, node.input(1)),
            innermost(p, node.input(2)),
            p.allocate(p.type, shape, strides),
            m,
            node.attributes().getFloat("scale", 1));
    KernelStep step = fused(p, h);
    if (step == null) {
      decomposed(p, h, Flops.of(node));
    } else {
      String what = m == null ? "Attention" : "Attention+mask";
      p.add(Attentions.choose(p, h, step), what, Flops.of(node));
    }
    p.put(node.output(0), h.y());
    return true;
  }

  private static long keys(Node node) {
    return node.input(1).shape()[2];
  }

  /** A view whose last dimension is contiguous. */
  private static View innermost(CudaProgram p, Value value) {
    View v = p.typed(value.isConstant() ? p.dense(value, p.type) : p.get(value), p.type);
    boolean fits = v.shape()[3] == 1 || v.strides()[3] == 1;
    for (int d = 0; d < 3; d++) {
      fits &= v.strides()[d] >= 0 && v.strides()[d] <= Integer.MAX_VALUE;
    }
    return fits ? v : p.dense(v);
  }

  /** Our kernel for some operands; null where there is none. */
  static KernelStep fused(CudaProgram p, Heads h) {
    long size = h.size();
    String suffix = h.mask() == null ? "" : "_mask";
    boolean tensorCores =
        ElementTypes.isHalf(p.type)
            && p.device.computeCapability() >= 80
            && h.isSquare()
            && h.isAligned()
            && h.scale() > 0;
    if (tensorCores && size <= LARGEST_HEAD && size % VECTOR == 0) {
      String name = "attention_d" + size + suffix;
      int queries = Kernels.macro(name, "MORSE_BM");
      if (blocks(h, queries) < p.device.multiprocessors() && Kernels.has(name + "_short")) {
        name += "_short";
        queries = Kernels.macro(name, "MORSE_BM");
      }
      return tiled(p, name, queries, h);
    }
    if (tensorCores && (size == 256 || size == 512)) {
      String name = "attention_wide_d" + size + suffix;
      if (Kernels.shared(name) + STATIC_SHARED <= p.device.sharedBytesPerBlockOptin()) {
        return tiled(p, name, WIDE_QUERIES, h);
      }
    }
    long largest = Math.max(size, h.v().shape()[3]);
    if (largest > LARGEST_PLAIN_HEAD) {
      return null;
    }
    int instance = largest <= 64 ? 64 : largest <= LARGEST_HEAD ? 160 : 512;
    KernelStep step = p.kernel("attention_plain_d" + instance + suffix, p.type);
    return strides(pointers(step, h).i32(h.size(), h.v().shape()[3]), h)
        .grid(Math.ceilDiv(h.q().shape()[2], PLAIN_QUERIES), h.q().shape()[1], h.q().shape()[0]);
  }

  private static long blocks(Heads h, int queries) {
    long[] q = h.q().shape();
    return Math.ceilDiv(q[2], queries) * q[1] * q[0];
  }

  private static KernelStep tiled(CudaProgram p, String name, int queries, Heads h) {
    long[] q = h.q().shape();
    return strides(pointers(p.kernel(name, p.type), h), h)
        .grid(Math.ceilDiv(q[2], queries), q[1], q[0]);
  }

  private static KernelStep pointers(KernelStep step, Heads h) {
    return step.view(h.q())
        .view(h.k())
        .view(h.v())
        .view(h.mask())
        .view(h.y())
        .i32(h.q().shape()[2], h.k().shape()[2]);
  }

  private static KernelStep strides(KernelStep step, Heads h) {
    for (View v : new View[] {h.q(), h.k(), h.v(), h.y()}) {
      step.i64(v.strides()[0]).i32(v.strides()[2], v.strides()[1]);
    }
    return step.i64(h.mask() == null ? new long[4] : h.mask().strides()).f32(h.scale());
  }

  /** Heads larger than any kernel's. */
  private static void decomposed(CudaProgram p, Heads h, long flops) {
    long[] q = h.q().shape();
    long keys = h.k().shape()[2];
    View scores = p.allocateDense(p.type, q[0], q[1], q[2], keys);
    View kt = h.k().transpose(0, 1, 3, 2);
    MatMulLowering.product(p, h.q(), kt, scores, h.scale(), null, "Attention: scores", flops / 2);
    if (h.mask() != null) {
      View sum = p.allocateDense(p.type, scores.shape());
      PointwiseLowering.add(p, scores, h.mask(), sum, "Attention: mask");
      scores = sum;
    }
    View weights = p.allocateDense(p.type, scores.shape());
    SoftmaxLowering.rows(p, scores, weights, false, "Attention: softmax");
    MatMulLowering.product(p, weights, h.v(), h.y(), 1, null, "Attention: values", flops / 2);
  }
}
