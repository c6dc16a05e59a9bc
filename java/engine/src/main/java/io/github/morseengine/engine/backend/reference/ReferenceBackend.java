package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.backend.Backend;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.ir.Graph;

/** Runs graphs node by node in plain Java. */
public final class ReferenceBackend implements Backend {

  /** Creates a backend; nothing needs to be opened. */
  public ReferenceBackend() {}

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String device() {
    return "plain Java";
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public Precision precision() {
    return Precision.FP32;
  }

  @Override
  public Executable compile(Graph graph, Precision insteadOfFp16) {
    return new ReferenceExecutable(graph);
  }

  @Override
  public SampleUpdate sampleUpdate() {
    return new UpdateReference();
  }

  @Override
  public long weightBytes() {
    return 0;
  }

  @Override
  public void close() {
    // Holds nothing: weights belong to the executables.
  }
}
