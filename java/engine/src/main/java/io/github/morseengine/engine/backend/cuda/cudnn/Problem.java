package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.ffi.cudnn.EngineConfig;
import io.github.morseengine.engine.ffi.cudnn.OperationGraph;
import io.github.morseengine.engine.ffi.cudnn.Target;
import java.util.OptionalDouble;

/** Something that cuDNN may have a plan for. */
interface Problem {

  /** {@return everything that the plan depends on beside device and library, in one line} */
  String key();

  /** {@return its graph, which the caller closes} */
  OperationGraph graph(Target target);

  /** {@return whether an engine may be taken} */
  boolean allows(EngineConfig.Notes notes);

  /** {@return ids of the tensors in device memory, in the order in which they are bound} */
  long[] ids();

  /** {@return bytes from the first to the last element of each of them} */
  long[] bytes();

  /** {@return the value of the scalar with the id {@link #SCALAR}, if there is one} */
  OptionalDouble scalar();

  /** Id of the one scalar that a graph can have. */
  long SCALAR = 9;
}
