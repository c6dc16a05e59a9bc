package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import java.util.List;
import java.util.function.Function;

/** A kernel of our own with its operands. */
final class JavaStep implements Step {

  private final String kernel;
  private final List<View> views;
  private final Function<Binding, Bound> binder;

  JavaStep(String kernel, List<View> views, Function<Binding, Bound> binder) {
    this.kernel = kernel;
    this.views = List.copyOf(views);
    this.binder = binder;
  }

  @Override
  public String kernel() {
    return "Java " + kernel;
  }

  @Override
  public List<View> views() {
    return views;
  }

  @Override
  public Bound bind(Binding b) {
    return binder.apply(b);
  }
}
