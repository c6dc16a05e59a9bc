package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sums, means, norms and extremes over axes on the CPU against the reference. */
class ReductionTest {

  @TempDir private Path folder;

  /**
   * One row and many, shorter and longer than what a thread takes at a time, with a rest that does
   * not fill eight sums; axes at the end, in front, in the middle, and apart from each other.
   */
  @ParameterizedTest
  @CsvSource({
    "1,3,32,37,123",
    "16,3,32,32,123",
    "5,7,11,3,23",
    "5,7,11,3,3",
    "300,7,41,9,123",
    "2,3,4,5,0123",
    "5,7,11,1,3",
    "5,7,11,3,12",
    "5,7,11,3,0",
    "40,7,11,30,02",
    "2,64,9,9,1"
  })
  void equalTheReference(int n, int c, int h, int w, String over) {
    int count = n * c * h * w;
    long[] axes = over.chars().mapToLong(d -> d - '0').toArray();
    int rows =
        IntStream.range(0, 4)
            .filter(d -> over.indexOf('0' + d) < 0)
            .map(d -> new int[] {n, c, h, w}[d])
            .reduce(1, (a, b) -> a * b);
    for (String op :
        new String[] {
          "ReduceMean",
          "ReduceSum",
          "ReduceSumSquare",
          "ReduceL1",
          "ReduceL2",
          "ReduceMax",
          "ReduceMin"
        }) {
      for (int keep = 0; keep < 2; keep++) {
        ModelBuilder m = new ModelBuilder().opset(20).input("x", DType.FLOAT32, n, c, h, w);
        m.longs("axes", axes).output("y");
        m.node(op, "y", "x", "axes").addAttribute(ModelBuilder.integer("keepdims", keep));
        Path file = m.write(folder.resolve(op + keep + ".onnx"));
        Tensor x = Tensor.ofFloats(ModelBuilder.random(3, count), n, c, h, w);
        FastPaths.Results r = FastPaths.run(file, x);
        // At most 1,024 elements of up to 1 in eight sums: 128 roundings of sums up to 128 each,
        // and what is summed up in double has no more. Squares are rounded once more.
        double scale = op.equals("ReduceMean") ? 1 : (double) count / rows;
        Compare.close(r.expected(), r.actual(), scale * 129 * 0x1p-24, op + " " + keep);
        assertEquals(keep == 1 ? 4 : 4 - axes.length, r.actual().rank());
      }
    }
  }
}
