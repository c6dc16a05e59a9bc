package io.github.morseengine.engine.backend;

import io.github.morseengine.engine.ir.Graph;

/**
 * Turns compiled graphs into something that runs on one device. Safe for use by several threads;
 * closing it frees all that its executables still hold.
 */
public interface Backend extends AutoCloseable {

  /** {@return the short name: cpu, cuda or reference} */
  String name();

  /** {@return the device in words, e.g. the processor's name} */
  String device();

  /** {@return threads that one run uses} */
  int threads();

  /**
   * {@return the precision that {@link Precision#AUTO} means here, or the one that was asked for}
   */
  Precision precision();

  /**
   * Chooses kernels, packs weights and plans memory. All shapes of the graph are static; the graph
   * is not used afterwards.
   *
   * @param graph a graph after inference and passes
   * @param insteadOfFp16 what a backend of fp16 takes for this graph; FP16 for no other
   * @return an immutable executable, shared by threads
   */
  Executable compile(Graph graph, Precision insteadOfFp16);

  /** {@return the fused residual-feedback step of this backend} */
  SampleUpdate sampleUpdate();

  /**
   * Prepares generations that the device does by itself.
   *
   * @param wiring the models and how they are connected
   * @return the loop; null where this backend has none, or not for these models
   */
  default Trajectory trajectory(Trajectory.Wiring wiring) {
    return null;
  }

  /** {@return bytes of a GPU's memory now held, by weights, arenas and loops; 0 without a GPU} */
  default long deviceBytes() {
    return 0;
  }

  /** {@return bytes of weights now held on the device, each distinct content once} */
  long weightBytes();

  @Override
  void close();
}
