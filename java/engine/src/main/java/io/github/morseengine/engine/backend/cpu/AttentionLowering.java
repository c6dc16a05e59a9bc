package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Attention as product, softmax, product. Where the scores of all heads are large, they are made
 * and used up block by block of some heads and queries, in a buffer that stays in the cache: a
 * picture of 64x64 positions would need 512 MB of them. Every query sees all of its keys at once,
 * so nothing has to be rescaled.
 */
final class AttentionLowering {

  /**
   * Bytes of scores at a time. Fewer would be nearer to the cores, but each block packs its keys
   * and values anew.
   */
  private static final long BLOCK_BYTES = 8 << 20;

  /** Queries of a block are a multiple of this, as kernels of products want them. */
  private static final long ROWS = 32;

  private final Program p;
  private final View q;
  private final View k;
  private final View v;
  private final View mask;
  private final View y;
  private final float scale;

  private AttentionLowering(Program p, View q, View k, View v, View mask, View y, float scale) {
    this.p = p;
    this.q = q;
    this.k = k;
    this.v = v;
    this.mask = mask;
    this.y = y;
    this.scale = scale;
  }

  static boolean lower(Program p, Node node) {
    if (node.input(1).shape()[2] == 1 && node.input(3) == null) {
      // One key has all the weight.
      p.put(node.output(0), p.get(node.input(2)).expand(node.output(0).shape()));
      return true;
    }
    View q = MatMulLowering.matrix(p, p.operand(p.get(node.input(0))));
    View k = MatMulLowering.matrix(p, p.operand(p.get(node.input(1))).transpose(0, 1, 3, 2));
    View v = MatMulLowering.matrix(p, p.operand(p.get(node.input(2))));
    if (q.elements() == 0 || k.elements() == 0) {
      return false;
    }
    View mask = null;
    if (node.input(3) != null) {
      mask = p.dense(p.get(node.input(3)));
      if (mask.dtype() != DType.FLOAT32 || mask.rank() > 4) {
        return false;
      }
      mask = mask.raise(4);
    }
    // Heads beside each other, so that joining them afterwards is a view.
    long[] shape = node.output(0).shape();
    long d = shape[3];
    long[] strides = {shape[2] * shape[1] * d, d, shape[1] * d, 1};
    View y = p.allocate(DType.FLOAT32, shape, strides);
    float scale = node.attributes().getFloat("scale", 1);
    List<DnnStep> steps = new AttentionLowering(p, q, k, v, mask, y, scale).steps();
    if (steps == null) {
      return false;
    }
    if (steps.size() == 3) {
      long flops = Flops.of(node) / 2;
      p.add(steps.get(0), "Attention: scores", flops);
      p.add(steps.get(1), "Attention: softmax", 5 * q.elements() / q.shape()[3] * k.shape()[3]);
      p.add(steps.get(2), "Attention: values", flops);
    } else {
      p.add(new Sequence(steps), "Attention", Flops.of(node));
    }
    p.put(node.output(0), y);
    return true;
  }

  /** All blocks' steps in order; null where oneDNN lacks a kernel. */
  private List<DnnStep> steps() {
    long[] all = q.shape();
    long keys = k.shape()[3];
    // With an inner dimension of 1 the operands of a product are copies, which are not cut.
    boolean whole = all[3] == 1 || keys == 1;
    long[] size = whole ? all : block(all, keys, p.threads());
    View scores = p.allocateDense(DType.FLOAT32, size[0], size[1], size[2], keys);
    View weights =
        p.products == DType.FLOAT32
            ? scores
            : p.allocateDense(p.products, size[0], size[1], size[2], keys);
    List<DnnStep> out = new ArrayList<>();
    Map<List<Long>, List<DnnStep>> made = new HashMap<>();
    for (long n = 0; n < all[0]; n += size[0]) {
      for (long h = 0; h < all[1]; h += size[1]) {
        for (long l = 0; l < all[2]; l += size[2]) {
          long[] start = {n, h, l, 0};
          long[] part = {size[0], size[1], Math.min(size[2], all[2] - l), 0};
          List<DnnStep> first = made.get(List.of(part[0], part[1], part[2]));
          List<View[]> views = views(start, part, scores, weights);
          if (first == null) {
            first = make(views);
            if (first == null) {
              out.forEach(DnnStep::close);
              return null;
            }
            made.put(List.of(part[0], part[1], part[2]), first);
            out.addAll(first);
          } else {
            for (int i = 0; i < first.size(); i++) {
              out.add(first.get(i).elsewhere(views.get(i)));
            }
          }
        }
      }
    }
    return out;
  }

  /**
   * Batch, heads and queries of a block.
   *
   * @param all those of Q, and its width
   * @param keys keys of each query
   * @param threads threads that share a block
   */
  static long[] block(long[] all, long keys, int threads) {
    long head = 4 * all[2] * keys;
    if (all[0] * all[1] * head <= BLOCK_BYTES) {
      return new long[] {all[0], all[1], all[2]};
    }
    // As many heads as threads at least, so that each thread packs keys of its own.
    long heads = divisor(all[1], Math.max(threads, BLOCK_BYTES / head));
    long rows = Math.max(ROWS, BLOCK_BYTES / (4 * heads * keys));
    long blocks = Math.ceilDiv(all[2], rows);
    return new long[] {1, heads, Math.min(all[2], Math.ceilDiv(all[2] / blocks, ROWS) * ROWS)};
  }

  private static long divisor(long of, long most) {
    long d = Math.min(of, most);
    while (of % d != 0) {
      d--;
    }
    return d;
  }

  /** What the three steps of a block read and write, in the order of their operands. */
  private List<View[]> views(long[] start, long[] part, View scores, View weights) {
    View own = cut(q, start, part, true);
    View keys = cut(k, start, part, false);
    View values = cut(v, start, part, false);
    long[] shape = {part[0], part[1], part[2], k.shape()[3]};
    View s = View.dense(scores.slot(), scores.dtype(), shape);
    View w = View.dense(weights.slot(), weights.dtype(), shape);
    View out = cut(y, start, part, true);
    View m = mask == null ? null : cut(mask, start, part, true);
    return List.of(
        m == null ? new View[] {own, keys, s} : new View[] {own, keys, s, m},
        new View[] {s, w},
        new View[] {w, values, out});
  }

  /** A block of a tensor [N,H,..]; of its rows, too, where they are queries. */
  private View cut(View of, long[] start, long[] part, boolean queries) {
    long[] from = new long[4];
    long[] shape = of.shape().clone();
    for (int d = 0; d < (queries ? 3 : 2); d++) {
      if (shape[d] > part[d]) {
        from[d] = start[d];
        shape[d] = part[d];
      }
    }
    View block = of.slice(from, new long[] {1, 1, 1, 1}, shape);
    return of == mask ? block : MatMulLowering.matrix(p, block);
  }

  private List<DnnStep> make(List<View[]> views) {
    View[] s = views.get(0);
    View[] v = views.get(2);
    long flops = 2 * s[0].elements() * s[2].shape()[3];
    boolean alone = p.alone(flops, s);
    DnnStep scores =
        MatMulLowering.product(p, s[0], s[1], s[2], s.length > 3 ? s[3] : null, scale, alone);
    DnnStep softmax =
        scores == null ? null : SoftmaxLowering.step(p, views.get(1)[0], views.get(1)[1], 3);
    DnnStep values =
        softmax == null
            ? null
            : MatMulLowering.product(p, v[0], v[1], v[2], null, 1, p.alone(flops, v));
    if (values == null) {
      for (DnnStep step : new DnnStep[] {scores, softmax}) {
        if (step != null) {
          step.close();
        }
      }
      return null;
    }
    return List.of(scores, softmax, values);
  }
}
