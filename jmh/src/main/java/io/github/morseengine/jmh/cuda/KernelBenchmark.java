package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.device.cuda.CudaStream;

/** One own kernel, or the few that make up one operator. */
public abstract class KernelBenchmark extends GpuBenchmark {

  private Launches launches;

  /** For the kernels. */
  protected KernelBenchmark() {}

  /**
   * Makes tensors and adds the launches.
   *
   * @param to where to add them
   */
  abstract void build(Launches to);

  /** {@return elements that a kernel loads at once from rows of this width} */
  final int vector(long width) {
    int whole = type.equals("float32") ? 4 : 8;
    return width % whole == 0 ? whole : 1;
  }

  /** {@return the end of the name of the instance that loads so many} */
  static String suffix(int vector) {
    return vector == 1 ? "" : "_vec" + vector;
  }

  /** {@return an argument of a kernel} */
  static int i(long value) {
    return Math.toIntExact(value);
  }

  @Override
  protected final void bind() {
    launches = newLaunches();
    build(launches);
  }

  @Override
  protected final void enqueue(CudaStream on) {
    launches.enqueue(on);
  }

  @Override
  protected final String kernel() {
    return launches + " in " + type;
  }

  @Override
  protected final void unbind() {}
}
