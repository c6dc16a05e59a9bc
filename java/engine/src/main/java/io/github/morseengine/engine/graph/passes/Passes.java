package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Graph;

/** All passes in their order. */
public final class Passes {

  private Passes() {}

  /**
   * Optimises a bound graph in place.
   *
   * @param graph the graph
   */
  public static void optimize(Graph graph) {}
}
