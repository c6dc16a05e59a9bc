package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.PadLowering;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.plan.ViewLowering;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.lang.foreign.Arena;
import java.util.Arrays;

/** Operators that join and repeat: copies of the parts that are not in place already. */
final class LayoutLowering {

  private LayoutLowering() {}

  static void concat(CudaProgram p, Node node) {
    Value out = node.output(0);
    long[] shape = out.shape();
    int axis = Shapes.axis(node.attributes().getInt("axis", 0), shape.length);
    View y = concatMemory(p, node);
    p.put(out, y);
    long[] start = new long[shape.length];
    long[] step = ones(shape.length);
    for (Value in : node.inputs()) {
      View part = in.isConstant() ? p.dense(in, y.dtype()) : p.get(in);
      View place = y.slice(start, step, part.shape());
      boolean there = part.slot() == place.slot() && part.offset() == place.offset();
      if (part.elements() > 0 && !there) {
        p.copy(part, place, "Concat");
      }
      start[axis] += part.shape()[axis];
    }
  }

  private static View concatMemory(CudaProgram p, Node node) {
    Value out = node.output(0);
    View planned = p.planned(out);
    if (planned != null) {
      return planned;
    }
    DType type = null;
    boolean last = false;
    for (Value in : node.inputs()) {
      View v = in.isConstant() ? null : p.get(in);
      if (v != null) {
        type = type == null || v.dtype() == p.type ? v.dtype() : type;
        last |= v.isChannelsLast() && !v.isDense();
      }
    }
    type = type == null ? p.kept(out.dtype()) : type;
    type = p.isNarrow(out) && type == DType.FLOAT32 ? p.type : type;
    long[] shape = out.shape();
    boolean image = shape.length >= 4 && last;
    return p.output(out, type, image ? View.channelsLast(shape) : Shapes.strides(shape));
  }

  private static long[] ones(int rank) {
    long[] step = new long[rank];
    Arrays.fill(step, 1);
    return step;
  }

  /** Pad by a constant that is known, or by what is there; false for every other form. */
  static boolean pad(CudaProgram p, Node node) {
    View x = p.get(node.input(0));
    if (!node.attributes().getString("mode", "constant").equals("constant")) {
      return PadLowering.lower(p, node, null);
    }
    long[] pads = PadLowering.pads(node);
    if (pads == null) {
      return false;
    }
    double value = padValue(node);
    if (Double.isNaN(value) || ElementTypes.code(x.dtype()) < 0) {
      return false;
    }
    long[] shape = node.output(0).shape();
    boolean last = x.isChannelsLast() && !x.isDense();
    View y = p.allocate(x.dtype(), shape, last ? View.channelsLast(shape) : Shapes.strides(shape));
    p.put(node.output(0), y);
    if (y.elements() == 0) {
      return true;
    }
    String name = "fill_" + ElementTypes.label(ElementTypes.code(x.dtype()));
    p.addHelper(
        p.kernel(name, DType.FLOAT32)
            .view(y)
            .i64(y.elements())
            .f32(value)
            .grid(Math.min(Math.ceilDiv(y.elements(), 256), 65535L * 8)),
        "Pad: fill");
    // What lies inside both; negative pads cut.
    long[] from = new long[x.rank()];
    long[] to = new long[x.rank()];
    long[] size = new long[x.rank()];
    for (int d = 0; d < size.length; d++) {
      from[d] = Math.max(0, -pads[d]);
      to[d] = Math.max(0, pads[d]);
      size[d] = Math.min(x.shape()[d] - from[d], shape[d] - to[d]);
      if (size[d] <= 0) {
        return true;
      }
    }
    View inside = x.slice(from, ones(size.length), size);
    p.copy(inside, y.slice(to, ones(size.length), size), "Pad");
    return true;
  }

  private static double padValue(Node node) {
    Value v = node.input(2);
    if (v == null || v.elements() == 0) {
      return node.attributes().getFloat("value", 0);
    }
    return v.isConstant() ? v.constant().materialize(Arena.ofAuto()).getDouble(0) : Double.NaN;
  }

  /** Constants that a slice or split needs. */
  static boolean hasConstantParameters(Node node) {
    for (int i = 1; i < node.inputs().size(); i++) {
      if (node.input(i) != null && !node.input(i).isConstant()) {
        return false;
      }
    }
    return true;
  }

  /** Reduced axes of a node whose axes are constant; null for all forms that keep everything. */
  static boolean[] reduced(Node node, int rank) {
    return ShapeRules.reduced(node, rank, ViewLowering.longs(node, 1));
  }
}
