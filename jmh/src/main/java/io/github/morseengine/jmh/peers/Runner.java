package io.github.morseengine.jmh.peers;

import io.github.morseengine.engine.tensor.Tensor;
import java.util.Map;

/** One runtime with one model bound to its inputs. For one thread. */
interface Runner extends AutoCloseable {

  /** Binds inputs, which stay the same for all runs. */
  void bind(Map<String, Tensor> inputs);

  /** Runs once. */
  void run();

  /** The first output of the latest run. */
  float[] output();

  @Override
  void close();
}
