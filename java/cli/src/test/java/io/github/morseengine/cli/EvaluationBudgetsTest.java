package io.github.morseengine.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class EvaluationBudgetsTest {

  @Test
  void morseIsMeasuredBetweenBudgetsThatAreFarApart() {
    assertEquals(List.of(10.0), EvaluationBudgets.between(List.of(5.0, 20.0, 30.0)));
    assertEquals(List.of(6.0, 18.0), EvaluationBudgets.between(List.of(4.0, 9.0, 36.0)));
  }

  @Test
  void neighboursHaveNothingBetween() {
    assertEquals(List.of(), EvaluationBudgets.between(List.of(5.0, 7.0, 10.0, 14.0)));
    assertEquals(List.of(), EvaluationBudgets.between(List.of(5.0)));
  }
}
