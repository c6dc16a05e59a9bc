package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Graph;

/** One rewrite of a graph whose shapes are all static. Stateless. */
interface Pass {

  /**
   * Rewrites wherever it can.
   *
   * @param graph the graph
   * @return whether anything changed
   */
  boolean apply(Graph graph);
}
