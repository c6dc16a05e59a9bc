package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import java.util.ArrayList;
import java.util.List;

/** Several steps that a plan counts as one, each run by all threads. */
final class Sequence implements Step {

  private final List<DnnStep> steps;

  /** Takes the steps over: they are closed with it. */
  Sequence(List<DnnStep> steps) {
    this.steps = List.copyOf(steps);
  }

  @Override
  public String kernel() {
    return steps.get(0).kernel() + " and others, " + steps.size() + " calls";
  }

  @Override
  public List<View> views() {
    List<View> out = new ArrayList<>();
    steps.forEach(s -> out.addAll(s.views()));
    return out;
  }

  @Override
  public Bound bind(Binding b) {
    List<Bound> made = new ArrayList<>();
    try {
      for (DnnStep s : steps) {
        made.add(s.bind(b));
      }
    } catch (RuntimeException | Error e) {
      made.forEach(Bound::close);
      throw e;
    }
    Bound[] bound = made.toArray(Bound[]::new);
    return new Bound() {
      @Override
      public void run() {
        for (Bound step : bound) {
          step.run();
        }
      }

      @Override
      public void close() {
        for (Bound step : bound) {
          step.close();
        }
      }
    };
  }

  @Override
  public void close() {
    steps.forEach(DnnStep::close);
  }
}
