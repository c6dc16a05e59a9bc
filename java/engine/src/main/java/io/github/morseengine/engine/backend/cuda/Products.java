package io.github.morseengine.engine.backend.cuda;

/** The one place that chooses what runs a matrix product. */
final class Products {

  private Products() {}

  /**
   * Adds the step of a product.
   *
   * @return false where nothing runs it
   */
  static boolean add(CudaProgram p, Product product, String what, long flops) {
    CudaStep step = ProductKernels.step(p, product);
    if (step == null) {
      return false;
    }
    p.add(step, what, flops);
    return true;
  }
}
