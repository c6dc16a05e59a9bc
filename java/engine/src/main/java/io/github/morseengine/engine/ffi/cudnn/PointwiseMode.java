package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import io.github.morseengine.engine.tensor.DType;

/** An element-wise function, computed in float32. */
final class PointwiseMode extends Descriptor {

  PointwiseMode(int mode) {
    super(Cudnn.CUDNN_BACKEND_POINTWISE_DESCRIPTOR());
    complete(() -> set(mode));
  }

  private void set(int mode) {
    code(Cudnn.CUDNN_ATTR_POINTWISE_MODE(), Cudnn.CUDNN_TYPE_POINTWISE_MODE(), mode);
    code(
        Cudnn.CUDNN_ATTR_POINTWISE_MATH_PREC(),
        Cudnn.CUDNN_TYPE_DATA_TYPE(),
        Tensor.code(DType.FLOAT32));
    if (mode == Cudnn.CUDNN_POINTWISE_SWISH_FWD()) {
      float32(Cudnn.CUDNN_ATTR_POINTWISE_SWISH_BETA(), 1);
    }
  }
}
