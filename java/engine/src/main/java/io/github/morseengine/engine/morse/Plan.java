package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Executable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedDeque;

/**
 * Dash and Dot compiled for one number of rows, with the sessions that are free. Safe for use by
 * several threads.
 */
final class Plan implements AutoCloseable {

  final long[] sample;
  final CompiledModel dash;
  final CompiledModel dot;
  final CompiledModel classifier;

  /** By name of each input of Dot that is a former value, the input with the latest one. */
  final Map<String, String> previous;

  private final ConcurrentLinkedDeque<Sampling> free = new ConcurrentLinkedDeque<>();

  private Plan(long[] sample, CompiledModel dash, CompiledModel dot, CompiledModel classifier) {
    this.sample = sample;
    this.dash = dash;
    this.dot = dot;
    this.classifier = classifier;
    Set<String> known = ModelPair.ports(names(dash.inputs()), names(dash.outputs()));
    previous = dot == null ? Map.of() : ModelPair.previous(known, names(dot.inputs()));
  }

  private static List<String> names(List<Executable.Port> ports) {
    return ports.stream().map(Executable.Port::name).toList();
  }

  /**
   * A classifier to compile.
   *
   * @param file classifier_grad.onnx
   * @param pictures its rows: it sees no unconditional half
   */
  record Guide(Path file, long pictures) {}

  /**
   * Compiles.
   *
   * @param inputs the inputs, whose shapes are bound
   * @param withDot whether Dot is needed
   * @param guide the classifier of classifier guidance; null for none
   */
  static Plan compile(
      Engine engine, ModelPair pair, ModelPair.Inputs inputs, boolean withDot, Guide guide) {
    long[] sample = inputs.sample();
    List<CompiledModel> made = new ArrayList<>();
    try {
      CompiledModel dash = pair.compileDash(engine, inputs);
      made.add(dash);
      CompiledModel dot = null;
      if (withDot) {
        dot = pair.compileDot(engine, inputs, dash);
        made.add(dot);
      }
      CompiledModel classifier = null;
      if (guide != null) {
        long[] own = {guide.pictures(), sample[1], sample[2], sample[3]};
        classifier = Classifier.compile(engine, guide.file(), own);
        made.add(classifier);
      }
      return new Plan(sample, dash, dot, classifier);
    } catch (RuntimeException | Error e) {
      made.forEach(CompiledModel::close);
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
    return dash.arenaBytes()
        + (dot == null ? 0 : dot.arenaBytes())
        + (classifier == null ? 0 : classifier.arenaBytes());
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
    if (classifier != null) {
      classifier.close();
    }
  }
}
