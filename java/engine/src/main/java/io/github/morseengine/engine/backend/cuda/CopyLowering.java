package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.Dims;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.Arrays;
import java.util.List;

/**
 * Copies between strided views of one shape, with conversion of the element type: as one block
 * where both sides are packed alike, as a tiled transposition of matrices, else element by element.
 */
final class CopyLowering {

  private static final int MOST_DIMS = 6;
  private static final long MOST_BLOCKS = 65535L * 8;

  /** Rows and columns from which on a tile of 32 by 32 is worth it. */
  private static final long TILE_FROM = 8;

  private CopyLowering() {}

  static void copy(CudaProgram p, View from, View to, String what) {
    if (to.elements() == 0) {
      return;
    }
    int f = ElementTypes.code(from.dtype());
    int t = ElementTypes.code(to.dtype());
    if (from.dtype() == to.dtype()) {
      f = ElementTypes.bits(from.dtype());
      t = f;
    }
    if (f < 0 || t < 0) {
      onHost(p, from, to, what);
      return;
    }
    List<long[]> dims = Dims.merged(to, from);
    boolean line = dims.size() == 1 && dims.getFirst()[1] == 1 && dims.getFirst()[2] == 1;
    if (line && from.dtype() == to.dtype()) {
      p.addHelper(new Block(from, to), what);
    } else if (!transpose(p, dims, from, to, what)) {
      strided(p, dims, new int[] {f, t}, from, to, what);
    }
  }

  /** Matrices, row by row, into their transposes. */
  private static boolean transpose(
      CudaProgram p, List<long[]> dims, View from, View to, String what) {
    int n = dims.size();
    if (n < 2 || n > 3 || !floats(from) || !floats(to)) {
      return false;
    }
    long[] cols = dims.get(n - 2);
    long[] rows = dims.get(n - 1);
    long[] batch = n == 3 ? dims.getFirst() : new long[] {1, 0, 0};
    boolean fits =
        rows[1] == 1
            && cols[2] == 1
            && rows[2] >= cols[0]
            && cols[1] >= rows[0]
            && rows[0] >= TILE_FROM
            && cols[0] >= TILE_FROM
            && batch[0] <= 65535
            && batch[2] >= 0
            && rows[0] <= 32L * 65535;
    if (!fits) {
      return false;
    }
    String name = "transpose_" + label(from) + "_" + label(to);
    p.addHelper(
        p.kernel(name, to.dtype())
            .view(from)
            .view(to)
            .i32(rows[0], cols[0], rows[2], cols[1])
            .i64(batch[2], batch[1])
            .grid(Math.ceilDiv(cols[0], 32), Math.ceilDiv(rows[0], 32), batch[0]),
        what);
    return true;
  }

  private static boolean floats(View v) {
    return ElementTypes.computes(v.dtype());
  }

  private static String label(View v) {
    return ElementTypes.label(ElementTypes.code(v.dtype()));
  }

  private static void strided(
      CudaProgram p, List<long[]> dims, int[] codes, View from, View to, String what) {
    if (dims.size() > MOST_DIMS) {
      // The outermost dimension by single launches; never seen in exported models.
      long[] outer = dims.getFirst();
      for (long i = 0; i < outer[0]; i++) {
        View x = shifted(from, i * outer[2]);
        View y = shifted(to, i * outer[1]);
        strided(p, dims.subList(1, dims.size()), codes, x, y, what);
      }
      return;
    }
    long[] d = new long[MOST_DIMS];
    long[] xs = new long[MOST_DIMS];
    long[] ys = new long[MOST_DIMS];
    Arrays.fill(d, 1);
    long elements = 1;
    for (int i = 0; i < dims.size(); i++) {
      d[i] = dims.get(i)[0];
      ys[i] = dims.get(i)[1];
      xs[i] = dims.get(i)[2];
      elements *= d[i];
    }
    String name = "copy_" + ElementTypes.label(codes[0]) + "_" + ElementTypes.label(codes[1]);
    p.addHelper(
        p.kernel(name, DType.FLOAT32)
            .view(from)
            .view(to)
            .i32(dims.size())
            .i64(d)
            .i64(xs)
            .i64(ys)
            .grid(Math.min(Math.ceilDiv(elements, 256), MOST_BLOCKS)),
        what);
  }

  private static View shifted(View v, long elements) {
    return new View(v.slot(), v.offset() + elements, v.dtype(), v.shape(), v.strides());
  }

  /** Conversions of types that kernels do not have. */
  private static void onHost(CudaProgram p, View from, View to, String what) {
    View x = p.dense(from);
    boolean direct = to.isDense();
    View y = direct ? to : p.allocateDense(to.dtype(), to.shape());
    Attributes a = Attributes.of("to", (long) to.dtype().onnxCode());
    Node cast = new Node(what, "", "Cast", 13, List.of(), List.of(), a);
    p.addHelper(new HostStep(cast, List.of(x), List.of(y)), what);
    if (!direct) {
      p.copy(y, to, what);
    }
  }

  /** A packed block of memory. */
  private record Block(View from, View to) implements CudaStep {

    @Override
    public String kernel() {
      return "memcpy";
    }

    @Override
    public List<View> views() {
      return List.of(from, to);
    }

    @Override
    public Bound bind(CudaBinding b) {
      long source = b.address(from);
      long target = b.address(to);
      long bytes = Shapes.elements(to.shape()) * to.dtype().bytes();
      return (CudaStream stream) -> stream.copy(target, source, bytes);
    }
  }
}
