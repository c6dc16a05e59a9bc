package io.github.morseengine.engine.ffi.cudnn;

/**
 * What a plan is made for: the device of a handle, or a device that is only described. Everything
 * of one plan has the same target.
 */
public sealed interface Target permits CudnnHandle, DeviceProperties {

  /** Tells an operation graph. */
  void of(OperationGraph graph);

  /** Tells a query. */
  void of(Heuristics query);

  /** Tells a plan. */
  void of(ExecutionPlan plan);
}
