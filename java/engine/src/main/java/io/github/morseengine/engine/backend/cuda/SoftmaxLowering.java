package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;

/** Softmax, its logarithm, and normalisation of rows. */
final class SoftmaxLowering {

  /** Rows per block: one warp each. */
  private static final int ROWS = 4;

  private SoftmaxLowering() {}

  static boolean softmax(CudaProgram p, Node node) {
    View x = p.get(node.input(0));
    if (x.rank() == 0 || x.elements() == 0) {
      return false;
    }
    boolean log = node.opType().startsWith("Log");
    boolean flat = node.opset() < 13 && node.domain().isEmpty();
    int axis = Shapes.axis(node.attributes().getInt("axis", flat ? 1 : -1), x.rank());
    long[] shape = x.shape();
    if (flat || axis == x.rank() - 1) {
      long width = Shapes.elements(Arrays.copyOfRange(shape, axis, shape.length));
      long[] rows = {x.elements() / width, width};
      View in = flat ? p.dense(x) : x;
      View y = p.output(node.output(0), x.dtype(), Shapes.strides(shape));
      if (flat && !y.isDense()) {
        y = p.allocateDense(x.dtype(), shape);
        p.put(node.output(0), y);
      }
      rows(p, flat ? in.reshape(rows) : in, flat ? y.reshape(rows) : y, log, node.opType());
      return true;
    }
    View in = p.dense(x);
    View y = p.allocateDense(x.dtype(), shape);
    p.put(node.output(0), y);
    long inner = Shapes.strides(shape)[axis];
    long outer = x.elements() / shape[axis] / inner;
    p.add(
        p.kernel(log ? "log_softmax_strided" : "softmax_strided", x.dtype())
            .view(in)
            .view(y)
            .i32(outer, shape[axis], inner)
            .grid(Math.ceilDiv(outer * inner, 256)),
        node.opType(),
        5 * x.elements());
    return true;
  }

  /** Adds the softmax of rows along the last dimension. */
  static void rows(CudaProgram p, View from, View to, boolean log, String what) {
    Rows x = Rows.of(p, from, from.dtype());
    Rows y = Rows.of(to);
    p.add(
        p.kernel(log ? "log_softmax_rows" : "softmax_rows", to.dtype())
            .view(x.view())
            .view(y.view())
            .i32(x.rows(), x.width(), x.ld(), y.ld())
            .grid(Math.ceilDiv(x.rows(), ROWS)),
        what,
        5 * from.elements());
  }

  /** LayerNormalization and RMSNormalization with parameters of whole rows; false for others. */
  static boolean layerNorm(CudaProgram p, Node node) {
    View in = p.get(node.input(0));
    int axis = Shapes.axis(node.attributes().getInt("axis", -1), in.rank());
    boolean rms = node.opType().startsWith("RMS");
    long width = Shapes.elements(Arrays.copyOfRange(in.shape(), axis, in.rank()));
    Value gamma = node.input(1);
    Value beta = node.input(2);
    boolean plain =
        in.elements() > 0
            && node.output(1) == null
            && node.output(2) == null
            && gamma.elements() == width
            && (beta == null || beta.elements() == width && !rms);
    if (!plain) {
      return false;
    }
    DType type = in.dtype();
    boolean last = axis == in.rank() - 1;
    long[] flat = {in.elements() / width, width};
    Rows x = Rows.of(p, last ? in : p.dense(in).reshape(flat), type);
    View out =
        last
            ? p.output(node.output(0), type, Shapes.strides(in.shape()))
            : p.allocateDense(type, in.shape());
    p.put(node.output(0), out);
    Rows y = Rows.of(last ? out : out.reshape(flat));
    int vector = Rows.vector(width, x, y);
    p.add(
        p.kernel((rms ? "rms_norm" : "layer_norm") + Rows.suffix(vector), type)
            .view(x.view())
            .view(p.floats(gamma))
            .view(p.floats(beta))
            .view(y.view())
            .i32(x.rows(), width, x.ld(), y.ld())
            .f32(node.attributes().getFloat("epsilon", 1e-5f))
            .grid(Math.ceilDiv(x.rows(), ROWS)),
        rms ? "RMSNorm" : "LayerNorm",
        8 * in.elements());
    return true;
  }

  /** GEGLU of whole rows. */
  static void geglu(CudaProgram p, Node node) {
    View in = p.get(node.input(0));
    Rows x = Rows.of(p, in, p.type);
    long width = x.width() / 2;
    View out = p.output(node.output(0), p.type, Shapes.strides(node.output(0).shape()));
    Rows y = Rows.of(out);
    int vector = Rows.vector(width, x, y);
    boolean tanh = node.attributes().getString("approximate", "none").equals("tanh");
    p.add(
        p.kernel((tanh ? "geglu_tanh" : "geglu") + Rows.suffix(vector), p.type)
            .view(x.view())
            .view(y.view())
            .i32(x.rows(), width, x.ld(), y.ld())
            .grid(Math.ceilDiv(x.rows() * (width / vector), 256)),
        tanh ? "GeGLU (tanh)" : "GeGLU",
        8 * out.elements());
  }
}
