/**
 * Rewrites of bound graphs, one per file. A pass replaces the last node of what it recognises by a
 * fused one with the same output; what is then unused is removed by {@link
 * io.github.morseengine.engine.graph.passes.DeadCode}.
 */
package io.github.morseengine.engine.graph.passes;
