package io.github.morseengine.tests.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.ModelBuilder;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sums and means over the last axes on the CPU against the reference. */
class RowSumsTest {

  @TempDir private Path folder;

  /**
   * One row and many, shorter and longer than what a thread takes at a time, with a rest that does
   * not fill eight sums; other axes are left to the reference.
   */
  @ParameterizedTest
  @CsvSource({
    "1,3,32,37,1,true", "16,3,32,32,1,true", "5,7,11,3,2,true", "5,7,11,3,3,true",
    "300,7,41,9,1,true", "2,3,4,5,0,true", "5,7,11,1,3,true", "5,7,11,3,-1,false"
  })
  void equalTheReference(int n, int c, int h, int w, int from, boolean fast) {
    int count = n * c * h * w;
    long[] axes = from < 0 ? new long[] {1, 2} : LongStream.range(from, 4).toArray();
    for (String op : new String[] {"ReduceMean", "ReduceSum"}) {
      for (int keep = 0; keep < 2; keep++) {
        ModelBuilder m = new ModelBuilder().opset(20).input("x", DType.FLOAT32, n, c, h, w);
        m.longs("axes", axes).output("y");
        m.node(op, "y", "x", "axes").addAttribute(ModelBuilder.integer("keepdims", keep));
        Path file = m.write(folder.resolve(op + keep + ".onnx"));
        Tensor x = Tensor.ofFloats(ModelBuilder.random(3, count), n, c, h, w);
        try (Engine cpu = Runner.engine("cpu");
            Engine reference = Runner.engine("reference");
            CompiledModel model = cpu.compile(file, CompileOptions.builder().build())) {
          boolean own =
              model.steps().stream().anyMatch(s -> s.kernel().equals("Java sums of rows"));
          assertEquals(fast, own, op);
          Tensor expected = Runner.run(reference, file, Map.of("x", x)).get("y");
          Tensor actual = Runner.run(cpu, file, Map.of("x", x)).get("y");
          // At most 1,024 elements of up to 1 in eight sums: 128 roundings of sums up to 128 each,
          // and what is summed up in double has no more.
          double scale = op.equals("ReduceMean") ? 1 : (double) count / expected.elements();
          Compare.close(expected, actual, scale * 128 * 0x1p-24, op + " " + keep);
          assertEquals(keep == 1 ? 4 : 4 - axes.length, actual.rank());
        }
      }
    }
  }
}
