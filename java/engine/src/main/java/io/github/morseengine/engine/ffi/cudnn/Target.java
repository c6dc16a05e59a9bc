package io.github.morseengine.engine.ffi.cudnn;

/**
 * What a plan is made for: the device of a handle, or a device that is only described. Everything
 * of one plan has the same target.
 */
public sealed interface Target permits CudnnHandle, DeviceProperties {

  /**
   * Tells an operation graph.
   *
   * @param graph the descriptor, not yet finalised
   */
  void of(OperationGraph graph);

  /**
   * Tells a query.
   *
   * @param query the descriptor, not yet finalised
   */
  void of(Heuristics query);

  /**
   * Tells a plan.
   *
   * @param plan the descriptor, not yet finalised
   */
  void of(ExecutionPlan plan);
}
