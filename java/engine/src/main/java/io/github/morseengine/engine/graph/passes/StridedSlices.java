package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.Arrays;

/**
 * A Slice that takes every second position goes up through views until it meets a convolution, of
 * which it becomes the stride: the way in which NCSN++ filters and thins out images.
 */
final class StridedSlices implements Pass {

  @Override
  public boolean apply(Graph graph) {
    return Rewriter.sweep(
        graph,
        (r, n) -> {
          ShapeRules.Region region = n.is("Slice") ? region(n) : null;
          if (region != null && r.usedOnce(n.input(0)) && isStrided(region)) {
            Node above = n.input(0).producer();
            if (above != null && above.is("Slice")) {
              merge(r, n, above, region);
            } else if (above != null && above.is("Transpose")) {
              transposed(r, n, above, region);
            } else if (above != null && above.is("Reshape")) {
              reshaped(r, n, above, region);
            } else if (above != null && above.isFused(FusedOps.CONV)) {
              stride(r, n, above, region);
            }
          }
        });
  }

  /** What a Slice takes; null where it goes backwards. */
  static ShapeRules.Region region(Node n) {
    Attributes a = n.attributes();
    long[] shape = n.input(0).shape();
    ShapeRules.Region r =
        n.inputs().size() == 1
            ? ShapeRules.slice(
                shape, a.getInts("starts"), a.getInts("ends"), a.getInts("axes"), null)
            : ShapeRules.slice(
                shape,
                Match.longs(n.input(1)),
                Match.longs(n.input(2)),
                Match.longs(n.input(3)),
                Match.longs(n.input(4)));
    return Arrays.stream(r.step()).anyMatch(s -> s < 1) ? null : r;
  }

  private static boolean isStrided(ShapeRules.Region region) {
    return Arrays.stream(region.step()).anyMatch(s -> s > 1)
        && Arrays.stream(region.shape()).allMatch(d -> d > 0);
  }

  private static void merge(Rewriter r, Node n, Node above, ShapeRules.Region second) {
    ShapeRules.Region first = region(above);
    if (first == null) {
      return;
    }
    int rank = first.start().length;
    long[] start = new long[rank];
    long[] step = new long[rank];
    for (int d = 0; d < rank; d++) {
      start[d] = first.start()[d] + first.step()[d] * second.start()[d];
      step[d] = first.step()[d] * second.step()[d];
    }
    ShapeRules.Region both = new ShapeRules.Region(start, step, second.shape());
    r.put(n, n.name(), "", "Slice", Rewriter.OPSET, Attributes.NONE, inputs(above.input(0), both));
  }

  private static void transposed(Rewriter r, Node n, Node above, ShapeRules.Region region) {
    int[] perm = ViewChains.permutation(above);
    long[][] moved = new long[3][perm.length];
    for (int d = 0; d < perm.length; d++) {
      moved[0][perm[d]] = region.start()[d];
      moved[1][perm[d]] = region.step()[d];
      moved[2][perm[d]] = region.shape()[d];
    }
    Value cut = emit(r, n, above.input(0), new ShapeRules.Region(moved[0], moved[1], moved[2]));
    r.transposeTo(n, cut, perm);
  }

  /** Only where every sliced dimension is one of the source as well. */
  private static void reshaped(Rewriter r, Node n, Node above, ShapeRules.Region region) {
    long[] source = above.input(0).shape();
    long[] seen = above.output(0).shape();
    long[] start = new long[source.length];
    long[] step = new long[source.length];
    long[] shape = source.clone();
    Arrays.fill(step, 1);
    long before = 1;
    for (int d = 0; d < seen.length; d++) {
      if (region.step()[d] != 1 || region.shape()[d] != seen[d]) {
        int same = dimension(source, before, seen[d]);
        if (same < 0) {
          return;
        }
        start[same] = region.start()[d];
        step[same] = region.step()[d];
        shape[same] = region.shape()[d];
      }
      before *= seen[d];
    }
    Value cut = emit(r, n, above.input(0), new ShapeRules.Region(start, step, shape));
    r.reshapeTo(n, cut);
  }

  /** The dimension of a size that stands behind a number of elements; -1 if there is none. */
  private static int dimension(long[] shape, long before, long size) {
    long product = 1;
    for (int d = 0; d < shape.length; d++) {
      if (product == before && shape[d] == size) {
        return d;
      }
      product *= shape[d];
    }
    return -1;
  }

  private static void stride(Rewriter r, Node n, Node conv, ShapeRules.Region region) {
    long[] out = conv.output(0).shape();
    Attributes a = conv.attributes();
    long[] strides = a.getInts("strides");
    if (strides == null) {
      strides = new long[out.length - 2];
      Arrays.fill(strides, 1);
    }
    boolean whole = conv.input(3) == null;
    for (int d = 0; whole && d < out.length; d++) {
      long all = Math.ceilDiv(out[d], region.step()[d]);
      whole = region.start()[d] == 0 && region.shape()[d] == all;
      whole &= d >= 2 || region.step()[d] == 1;
      if (whole && d >= 2) {
        strides[d - 2] *= region.step()[d];
      }
    }
    if (whole) {
      Value[] in = conv.inputs().toArray(Value[]::new);
      r.fuse(n, conv.name(), FusedOps.CONV, a.with("strides", strides), in);
    }
  }

  private static Value emit(Rewriter r, Node n, Value x, ShapeRules.Region region) {
    return r.emit(n.name(), "", "Slice", Attributes.NONE, region.shape(), inputs(x, region));
  }

  private static Value[] inputs(Value x, ShapeRules.Region region) {
    int rank = region.start().length;
    long[] ends = new long[rank];
    long[] axes = new long[rank];
    for (int d = 0; d < rank; d++) {
      axes[d] = d;
      ends[d] = region.start()[d] + region.step()[d] * (region.shape()[d] - 1) + 1;
    }
    return new Value[] {
      x,
      list("starts", region.start()),
      list("ends", ends),
      list("axes", axes),
      list("steps", region.step())
    };
  }

  private static Value list(String name, long[] numbers) {
    return Value.ofConstant(name, Constant.of(Tensor.ofLongs(numbers, numbers.length)));
  }
}
