package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;

/**
 * Dash and Dot compiled for one number of rows, with the sessions that are free. Safe for use by
 * several threads.
 */
final class Plan implements AutoCloseable {

  final long[] sample;
  final CompiledModel dash;
  final CompiledModel dot;
  private final ConcurrentLinkedDeque<Sampling> free = new ConcurrentLinkedDeque<>();

  private Plan(long[] sample, CompiledModel dash, CompiledModel dot) {
    this.sample = sample;
    this.dash = dash;
    this.dot = dot;
  }

  /**
   * Compiles.
   *
   * @param sample [rows, C, H, W]
   * @param conditions further inputs, whose shapes are bound
   * @param withDot whether Dot is needed
   */
  static Plan compile(
      Engine engine, ModelPair pair, long[] sample, List<Condition> conditions, boolean withDot) {
    CompiledModel dash = pair.compileDash(engine, sample, conditions);
    try {
      return new Plan(
          sample, dash, withDot ? pair.compileDot(engine, sample, conditions, dash) : null);
    } catch (RuntimeException | Error e) {
      dash.close();
      throw e;
    }
  }

  /** Takes a free sampling or makes one. */
  Sampling lease(Engine engine) {
    Sampling sampling = free.pollFirst();
    return sampling != null ? sampling : new Sampling(engine, this);
  }

  void giveBack(Sampling sampling) {
    free.addFirst(sampling);
  }

  long arenaBytes() {
    return dash.arenaBytes() + (dot == null ? 0 : dot.arenaBytes());
  }

  WeightBytes weightBytes() {
    Map<Long, Long> first = dash.weightBuffers();
    Map<Long, Long> second = dot == null ? Map.of() : dot.weightBuffers();
    Map<Long, Long> both = new HashMap<>(first);
    both.putAll(second);
    long a = sum(first);
    long b = sum(second);
    long all = sum(both);
    return new WeightBytes(a, b, a + b - all, all);
  }

  private static long sum(Map<Long, Long> buffers) {
    return buffers.values().stream().mapToLong(Long::longValue).sum();
  }

  @Override
  public void close() {
    for (Sampling s = free.pollFirst(); s != null; s = free.pollFirst()) {
      s.close();
    }
    dash.close();
    if (dot != null) {
      dot.close();
    }
  }
}
