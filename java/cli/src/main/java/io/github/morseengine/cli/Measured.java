package io.github.morseengine.cli;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** A model under measurement, with its times in total and per operator. For one thread. */
final class Measured implements AutoCloseable {

  /**
   * Time of all steps of one kind.
   *
   * @param name the kind
   * @param ms milliseconds per run
   * @param share of the sum over all steps
   */
  record Operator(String name, double ms, double share) {}

  private final CompiledModel model;
  private final Session session;
  private final Latency latency = new Latency();
  private final long[] nanos;
  private int profiled;

  Measured(CompiledModel model) {
    this.model = model;
    this.session = model.newSession();
    this.nanos = new long[model.steps().size()];
    RandomInputs.fill(session, model);
  }

  /**
   * Runs once. Inputs stay as they are: setting them would give the other threads time to sleep.
   */
  void run(boolean count) {
    long begin = System.nanoTime();
    session.run();
    if (count) {
      latency.add(System.nanoTime() - begin);
    }
  }

  void profile() {
    session.runProfiled(nanos);
    profiled++;
  }

  Set<String> inputNames() {
    return model.inputs().stream().map(Executable.Port::name).collect(Collectors.toSet());
  }

  double ms() {
    return latency.median();
  }

  long flops() {
    return model.steps().stream().mapToLong(Executable.StepInfo::flops).sum();
  }

  long bytes() {
    return model.steps().stream().mapToLong(Executable.StepInfo::bytes).sum();
  }

  /** Elements of the first output: the samples, in a model of the contract. */
  long elements() {
    return Shapes.elements(model.outputs().get(0).shape());
  }

  List<Operator> operators() {
    Map<String, Long> byKind = new LinkedHashMap<>();
    long total = 0;
    for (int i = 0; i < nanos.length; i++) {
      byKind.merge(model.steps().get(i).kind(), nanos[i], Long::sum);
      total += nanos[i];
    }
    List<Operator> out = new ArrayList<>();
    for (Map.Entry<String, Long> e : byKind.entrySet()) {
      double share = total == 0 ? 0 : (double) e.getValue() / total;
      out.add(new Operator(e.getKey(), e.getValue() / 1e6 / Math.max(1, profiled), share));
    }
    out.sort(Comparator.comparingDouble(Operator::ms).reversed());
    return out;
  }

  @Override
  public void close() {
    session.close();
    model.close();
  }
}
