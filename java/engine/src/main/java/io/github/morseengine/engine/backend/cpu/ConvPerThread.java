package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * A gathered convolution whose threads take images of their own: each gathers its columns and
 * multiplies them at once. As two steps over all images every thread would read columns that
 * another has just written, and write where another has read, so that each line goes from one
 * core's cache to the other's twice.
 */
final class ConvPerThread implements Step {

  private final Function<Binding, Im2col> columns;
  private final List<View> views;

  /** Per thread, the products; those of the first own the primitives. */
  private final List<List<DnnStep>> products;

  /**
   * A step.
   *
   * @param columns gathers
   * @param views what that reads and writes
   * @param products per thread, made for one thread; closed with the step
   */
  ConvPerThread(Function<Binding, Im2col> columns, List<View> views, List<List<DnnStep>> products) {
    this.columns = columns;
    this.views = List.copyOf(views);
    this.products = products;
  }

  @Override
  public String kernel() {
    return "Java im2col, " + products.getFirst().getFirst().kernel() + " per thread";
  }

  @Override
  public List<View> views() {
    List<View> out = new ArrayList<>(views);
    products.forEach(part -> part.forEach(product -> out.addAll(product.views())));
    return out;
  }

  @Override
  public Bound bind(Binding b) {
    Im2col gather = columns.apply(b);
    List<Bound> all = new ArrayList<>();
    Bound[][] bound = new Bound[products.size()][];
    for (int t = 0; t < bound.length; t++) {
      bound[t] = products.get(t).stream().map(product -> product.bind(b)).toArray(Bound[]::new);
      all.addAll(List.of(bound[t]));
    }
    return new Bound() {
      @Override
      public void run() {
        gather.prepare();
        b.team().parallel(this::part);
      }

      private void part(int thread, int threads) {
        gather.part(thread, threads);
        for (Bound product : bound[thread]) {
          product.run();
        }
      }

      @Override
      public void close() {
        all.forEach(Bound::close);
      }
    };
  }

  @Override
  public void close() {
    products.reversed().forEach(part -> part.forEach(DnnStep::close));
  }
}
