package io.github.morseengine.engine.backend.plan;

import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.ir.Value;
import java.util.Arrays;

/**
 * Pad as copies: first what is inside, then dimension by dimension what lies before and behind it,
 * out of the fill or out of the result itself.
 */
public final class PadLowering {

  private PadLowering() {}

  /**
   * The amounts of a Pad.
   *
   * @param node the node
   * @return starts of all dimensions, then ends; null where they are not known
   */
  public static long[] pads(Node node) {
    Value given = node.input(1);
    Value axes = node.input(3);
    if (axes != null && !axes.isConstant() || given != null && !given.isConstant()) {
      return null;
    }
    return ShapeRules.pads(
        node.input(0).rank(),
        given == null ? node.attributes().getInts("pads") : ViewLowering.longs(node, 1),
        ViewLowering.longs(node, 3));
  }

  /**
   * Lowers a Pad of any mode.
   *
   * @param p the plan
   * @param node the node
   * @param fill one element of the input's type; not used but in mode constant
   * @return false where the amounts are not known, or cut where the mode repeats
   */
  public static boolean lower(Placement p, Node node, View fill) {
    View x = p.get(node.input(0));
    long[] pads = pads(node);
    String mode = node.attributes().getString("mode", "constant");
    boolean constant = mode.equals("constant");
    int rank = x.rank();
    if (pads == null || !constant && !repeats(pads, x.shape(), mode)) {
      return false;
    }
    long[] shape = node.output(0).shape();
    View y =
        x.isChannelsLast() && !x.isDense()
            ? p.allocate(x.dtype(), shape, View.channelsLast(shape))
            : p.allocateDense(x.dtype(), shape);
    p.put(node.output(0), y);
    long[] from = new long[rank];
    long[] start = new long[rank];
    long[] size = new long[rank];
    for (int d = 0; d < rank; d++) {
      from[d] = Math.max(0, -pads[d]);
      start[d] = Math.max(0, pads[d]);
      size[d] = Math.max(0, Math.min(x.shape()[d] - from[d], shape[d] - start[d]));
      // Where nothing is left of the input, all is fill.
      start[d] = Math.min(start[d], shape[d]);
    }
    long[] inside = size.clone();
    copy(p, x.slice(from, ones(rank), inside), y.slice(start, ones(rank), inside));
    for (int d = 0; d < rank; d++) {
      long behind = start[d] + size[d];
      long[] before = size.clone();
      before[d] = start[d];
      long[] after = size.clone();
      after[d] = shape[d] - behind;
      long[] at = start.clone();
      at[d] = 0;
      View first = y.slice(at, ones(rank), before);
      at[d] = behind;
      View last = y.slice(at, ones(rank), after);
      copy(
          p, constant ? fill.expand(before) : source(y, d, start, size, before, mode, true), first);
      copy(p, constant ? fill.expand(after) : source(y, d, start, size, after, mode, false), last);
      start[d] = 0;
      size[d] = shape[d];
    }
    return true;
  }

  /** Whether all that is added can be copied out of what is there, in one piece. */
  private static boolean repeats(long[] pads, long[] shape, String mode) {
    for (int i = 0; i < pads.length; i++) {
      long n = shape[i % shape.length];
      long most = mode.equals("reflect") ? n - 1 : mode.equals("wrap") ? n : Long.MAX_VALUE;
      if (pads[i] < 0 || pads[i] > most || n == 0) {
        return false;
      }
    }
    return mode.equals("edge") || mode.equals("reflect") || mode.equals("wrap");
  }

  /** What stands before or behind the inside of a dimension, as a view of the inside. */
  private static View source(
      View y, int d, long[] start, long[] size, long[] shape, String mode, boolean before) {
    long[] at = start.clone();
    long[] step = ones(shape.length);
    long end = start[d] + size[d];
    long n = shape[d];
    switch (mode) {
      case "edge" -> {
        at[d] = before ? start[d] : end - 1;
        step[d] = 0;
      }
      case "reflect" -> {
        at[d] = before ? start[d] + n : end - 2;
        step[d] = -1;
      }
      default -> at[d] = before ? end - n : start[d];
    }
    return y.slice(at, step, shape);
  }

  private static void copy(Placement p, View from, View to) {
    if (to.elements() > 0) {
      p.copy(from, to, "Pad");
    }
  }

  private static long[] ones(int rank) {
    long[] step = new long[rank];
    Arrays.fill(step, 1);
    return step;
  }
}
