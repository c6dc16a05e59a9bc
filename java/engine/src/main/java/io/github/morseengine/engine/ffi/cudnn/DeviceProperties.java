package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.nio.charset.StandardCharsets;

/**
 * A device by its properties, present or not: plans can be made for it, but not run. cuDNN has this
 * since 9.8.
 */
public final class DeviceProperties extends Descriptor implements Target {

  /**
   * Describes a device.
   *
   * @param json cuDNN's own representation, whose keys depend on its version
   */
  public DeviceProperties(String json) {
    super(Cudnn.CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR());
    int attribute = Cudnn.CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION();
    complete(() -> text(attribute, json.getBytes(StandardCharsets.UTF_8)));
  }

  @Override
  public void of(OperationGraph graph) {
    // A graph without a handle fits any device.
  }

  @Override
  public void of(Heuristics query) {
    query.descriptor(Cudnn.CUDNN_ATTR_ENGINEHEUR_DEVICEPROP(), this);
  }

  @Override
  public void of(ExecutionPlan plan) {
    plan.descriptor(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP(), this);
  }
}
