package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Graph;
import java.util.List;

/**
 * All passes in their order. Keys and values of attention over a constant text need no pass of
 * their own: whatever depends on constants only is folded when shapes are bound. Linear layers that
 * read the same time embedding stay apart: joined, the weights of Dash and Dot would no longer be
 * equal, and held twice.
 */
public final class Passes {

  /** A bound, should two passes ever undo each other; exported U-Nets need three or four rounds. */
  private static final int MAX_ROUNDS = 16;

  /** First and once. */
  private static final Pass WIDEN_HALF = new WidenHalf();

  private static final Pass DEAD_CODE = new DeadCode();

  /** Clean-up first, then operators from their parts, then what surrounds them. */
  private static final List<Pass> ALL =
      List.of(
          new Simplify(),
          new Einsums(),
          new BatchNorms(),
          new PRelus(),
          new ViewChains(),
          new TransposedSums(),
          new CommonSubexpressions(),
          new SlicePartitions(),
          new SiluFusion(),
          new GeluFusion(),
          new GegluFusion(),
          new LayerNormFusion(),
          new RmsNormFusion(),
          new NormScales(),
          new GroupNormFusion(),
          new AttentionFusion(),
          new ScalarChains(),
          new LinearFusion(),
          new ConvFusion(),
          new StridedSlices(),
          new FirFilters(),
          new BiasShifts(),
          new WeightScales(),
          new GroupNormEpilogue(),
          new Epilogues());

  /** Last and once: the other passes know the operators that it hides. */
  private static final Pass EXPRESSIONS = new ExpressionFusion();

  private Passes() {}

  /**
   * Optimises a bound graph in place, in rounds until nothing changes.
   *
   * @param graph the graph; all shapes static
   */
  public static void optimize(Graph graph) {
    WIDEN_HALF.apply(graph);
    DEAD_CODE.apply(graph);
    boolean changed = true;
    for (int round = 0; changed && round < MAX_ROUNDS; round++) {
      changed = false;
      for (Pass pass : ALL) {
        if (pass.apply(graph)) {
          DEAD_CODE.apply(graph);
          changed = true;
        }
      }
    }
    if (EXPRESSIONS.apply(graph)) {
      DEAD_CODE.apply(graph);
    }
  }
}
