package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Value;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What Einsum comes down to. */
class EinsumsTest {

  private static Value einsum(TestGraph g, String equation, Value... in) {
    return g.node("Einsum", Attributes.of("equation", equation), in);
  }

  private static Value input(TestGraph g, String shape) {
    return g.input(Arrays.stream(shape.split("x")).mapToLong(Long::parseLong).toArray());
  }

  @ParameterizedTest
  @ValueSource(strings = {"nhwpqc->nchpwq", "n...c->nc...", "cabdef"})
  void permutationsAreTransposes(String equation) {
    TestGraph.check(
        g -> g.output(einsum(g, equation, g.node("Tanh", g.input(2, 3, 4, 2, 5, 6)))),
        "Tanh Transpose");
  }

  @ParameterizedTest
  @CsvSource({
    "'bid,bjd->bij', 2x5x4, 2x6x4, Transpose MatMul",
    "'bij,bjd->bid', 2x5x6, 2x6x4, MatMul",
    "'bhid,bhjd->bhij', 2x3x5x4, 2x3x6x4, Transpose MatMul",
    "'ij,jk', 3x4, 4x5, MatMul",
    "'ij,jk->ki', 3x4, 4x5, Transpose Transpose MatMul",
    "'i,j->ij', 3, 4, Reshape Reshape MatMul",
    "'i,i->', 5, 5, Reshape Reshape MatMul Reshape",
    "'bchw,bkc->bkhw', 2x4x3x5, 2x6x4, Reshape MatMul Reshape",
    "'...d,de->...e', 2x3x4, 4x6, Reshape MatMul Reshape",
    "'abcij,abcjk->abcik', 2x3x2x4x5, 2x3x2x5x6, Reshape Reshape MatMul Reshape"
  })
  void twoOperandsAreAProduct(String equation, String left, String right, String expected) {
    TestGraph.check(g -> g.output(einsum(g, equation, input(g, left), input(g, right))), expected);
  }

  @Test
  void attentionOfEinsumsIsFused() {
    TestGraph.check(
        g -> {
          Value scores = einsum(g, "bid,bjd->bij", g.input(2, 5, 4), g.input(2, 6, 4));
          Value p = g.node("Softmax", g.node("Mul", scores, g.scalar(0.5)));
          g.output(einsum(g, "bij,bjd->bid", p, g.input(2, 6, 4)));
        },
        "Reshape Reshape Reshape ATTENTION Reshape");
  }

  @ParameterizedTest
  @CsvSource({
    "abc->ab, 2x4x4,",
    "abb->ab, 2x4x4,",
    "abb->a, 2x4x4,",
    "'ab,cd->ac', 2x3, 4x5",
    "'aab,bc->ac', 3x3x2, 2x4",
    "'ab,ab->a', 1x3, 2x3"
  })
  void othersStay(String equation, String left, String right) {
    TestGraph.check(
        g -> {
          Value x = g.node("Tanh", input(g, left));
          g.output(
              right == null ? einsum(g, equation, x) : einsum(g, equation, x, input(g, right)));
        },
        "Tanh Einsum");
  }
}
