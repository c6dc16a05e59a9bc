package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** Comparisons, truth values and the choice between two tensors, as masks are made of them. */
final class LogicLowering {

  private static final int CHUNK = 1024;
  private static final ValueLayout.OfByte B = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfInt I = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong L = ValueLayout.JAVA_LONG;

  private static final int LESS = 0;
  private static final int EQUAL = 1;
  private static final int GREATER = 2;
  private static final int UNORDERED = 3;

  private LogicLowering() {}

  /**
   * The answers of an operator: to comparisons by how the operands lie, to operators on truth
   * values by {@code 2 a + b}. An operator of one operand has it twice.
   */
  private static byte[] table(String op) {
    return switch (op) {
      case "Less" -> new byte[] {1, 0, 0, 0};
      case "LessOrEqual" -> new byte[] {1, 1, 0, 0};
      case "Equal" -> new byte[] {0, 1, 0, 0};
      case "GreaterOrEqual" -> new byte[] {0, 1, 1, 0};
      case "Greater" -> new byte[] {0, 0, 1, 0};
      case "IsNaN", "And" -> new byte[] {0, 0, 0, 1};
      case "Or" -> new byte[] {0, 1, 1, 1};
      case "Xor" -> new byte[] {0, 1, 1, 0};
      case "Not" -> new byte[] {1, 0, 0, 0};
      default -> null;
    };
  }

  /** Adds a step; false for types that masks do not have. */
  static boolean lower(Program p, Node node) {
    View[] in = new View[node.inputs().size()];
    for (int i = 0; i < in.length; i++) {
      in[i] = p.get(node.input(i));
    }
    String op = node.opType();
    DType type = in[in.length - 1].dtype();
    boolean bytes = type == DType.BOOL;
    boolean fits =
        switch (op) {
          case "Where" -> type.bytes() != 2 && in[1].dtype() == type;
          case "IsNaN" -> type == DType.FLOAT32;
          case "And", "Or", "Xor", "Not" -> bytes;
          default -> in[0].dtype() == type && (type == DType.FLOAT32 || type == DType.INT64);
        };
    long[] shape = node.output(0).shape();
    if (!fits || Shapes.elements(shape) == 0) {
      return false;
    }
    for (int i = 0; i < in.length; i++) {
      View v = in[i].isReversed() ? p.dense(in[i]) : in[i];
      in[i] = v.raise(shape.length).expand(shape);
    }
    DType result = op.equals("Where") ? type : DType.BOOL;
    View y = p.allocateDense(result, shape);
    List<View> all = new ArrayList<>(List.of(in));
    all.add(y);
    p.add(new JavaStep(op, all, b -> bind(b, op, y, in)));
    p.put(node.output(0), y);
    return true;
  }

  private static Step.Bound bind(Binding b, String op, View y, View[] in) {
    RowWalk walk = new RowWalk(b.team(), CHUNK, false, y, in);
    int threads = b.team().threads();
    Rows[] rows = new Rows[threads];
    for (int t = 0; t < threads; t++) {
      rows[t] = new Rows(op, b, walk, y, in);
    }
    RowWalk.Row each = (t, n, at) -> rows[t].run(n, at);
    return () -> walk.run(each);
  }

  /** The operator with the buffers of one thread. */
  private static final class Rows {
    private final byte[] table;
    private final DType type;
    private final MemorySegment y;
    private final MemorySegment[] in;
    private final long[] steps;
    private final byte[][] truth;
    private final int[][] words;
    private final long[][] longs;

    Rows(String op, Binding b, RowWalk walk, View y, View[] views) {
      this.table = table(op);
      this.type = views[views.length - 1].dtype();
      this.y = b.of(y);
      this.in = new MemorySegment[views.length];
      this.steps = new long[views.length];
      for (int i = 0; i < views.length; i++) {
        in[i] = b.of(views[i]);
        steps[i] = walk.step(i + 1);
      }
      int width = walk.width();
      this.truth = new byte[3][width];
      this.words = new int[2][type.bytes() == 4 ? width : 0];
      this.longs = new long[2][type.bytes() == 8 ? width : 0];
    }

    void run(int n, long[] at) {
      if (table == null) {
        choose(n, at);
        return;
      }
      byte[] out = truth[2];
      switch (type) {
        case BOOL -> {
          load(0, at, truth[0], n);
          load(in.length - 1, at, truth[1], n);
          logic(truth[0], truth[1], out, n);
        }
        case INT64 -> {
          load(0, at, longs[0], n);
          load(in.length - 1, at, longs[1], n);
          compare(longs[0], longs[1], out, n);
        }
        default -> {
          load(0, at, words[0], n);
          load(in.length - 1, at, words[1], n);
          compare(words[0], words[1], out, n);
        }
      }
      MemorySegment.copy(out, 0, y, B, at[0], n);
    }

    private void choose(int n, long[] at) {
      byte[] condition = truth[0];
      load(0, at, condition, n);
      switch (type.bytes()) {
        case 1 -> {
          load(1, at, truth[1], n);
          load(2, at, truth[2], n);
          for (int i = 0; i < n; i++) {
            truth[1][i] = condition[i] != 0 ? truth[1][i] : truth[2][i];
          }
          MemorySegment.copy(truth[1], 0, y, B, at[0], n);
        }
        case 4 -> {
          int[] a = words[0];
          int[] b = words[1];
          load(1, at, a, n);
          load(2, at, b, n);
          for (int i = 0; i < n; i++) {
            a[i] = condition[i] != 0 ? a[i] : b[i];
          }
          MemorySegment.copy(a, 0, y, I, at[0], n);
        }
        default -> {
          long[] a = longs[0];
          long[] b = longs[1];
          load(1, at, a, n);
          load(2, at, b, n);
          for (int i = 0; i < n; i++) {
            a[i] = condition[i] != 0 ? a[i] : b[i];
          }
          MemorySegment.copy(a, 0, y, L, at[0], n);
        }
      }
    }

    private void logic(byte[] a, byte[] b, byte[] out, int n) {
      for (int i = 0; i < n; i++) {
        out[i] = table[2 * (a[i] & 1) + (b[i] & 1)];
      }
    }

    private void compare(long[] a, long[] b, byte[] out, int n) {
      for (int i = 0; i < n; i++) {
        out[i] = table[a[i] < b[i] ? LESS : a[i] == b[i] ? EQUAL : GREATER];
      }
    }

    /** Of the bits of floats. */
    private void compare(int[] p, int[] q, byte[] out, int n) {
      for (int i = 0; i < n; i++) {
        float a = Float.intBitsToFloat(p[i]);
        float b = Float.intBitsToFloat(q[i]);
        out[i] = table[a < b ? LESS : a == b ? EQUAL : a > b ? GREATER : UNORDERED];
      }
    }

    private void load(int k, long[] at, byte[] to, int n) {
      long from = at[k + 1];
      long step = steps[k];
      if (step == 1) {
        MemorySegment.copy(in[k], B, from, to, 0, n);
        return;
      }
      for (int i = 0; i < n; i++) {
        to[i] = in[k].get(B, from + i * step);
      }
    }

    private void load(int k, long[] at, int[] to, int n) {
      long from = at[k + 1];
      long step = steps[k];
      if (step == 4) {
        MemorySegment.copy(in[k], I, from, to, 0, n);
        return;
      }
      for (int i = 0; i < n; i++) {
        to[i] = in[k].get(I, from + i * step);
      }
    }

    private void load(int k, long[] at, long[] to, int n) {
      long from = at[k + 1];
      long step = steps[k];
      if (step == 8) {
        MemorySegment.copy(in[k], L, from, to, 0, n);
        return;
      }
      for (int i = 0; i < n; i++) {
        to[i] = in[k].get(L, from + i * step);
      }
    }
  }
}
