package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.util.List;

/** Operations that become one plan. It owns the operations and tensors that it is given. */
public final class OperationGraph extends Descriptor {

  private final List<Operation> operations;
  private final List<Tensor> tensors;
  private final Target target;

  /**
   * Makes a graph; what it is given is closed with it, also where this fails.
   *
   * @param target the device
   * @param operations in the order of their dependencies
   * @param tensors of the operations
   */
  public OperationGraph(Target target, List<Operation> operations, List<Tensor> tensors) {
    super(Cudnn.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR());
    this.operations = List.copyOf(operations);
    this.tensors = List.copyOf(tensors);
    this.target = target;
    complete(
        () -> {
          target.of(this);
          descriptors(Cudnn.CUDNN_ATTR_OPERATIONGRAPH_OPS(), this.operations);
        });
  }

  /** {@return the device that it is for} */
  public Target target() {
    return target;
  }

  @Override
  public void close() {
    super.close();
    operations.forEach(Descriptor::close);
    tensors.forEach(Descriptor::close);
  }

  @Override
  public String toString() {
    return "graph of " + operations;
  }
}
