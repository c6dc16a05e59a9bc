package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import io.github.morseengine.engine.tensor.DType;

/** Window, steps and padding of a convolution, which accumulates in float32. */
final class ConvolutionGeometry extends Descriptor {

  ConvolutionGeometry(long[] strides, long[] dilations, long[] padsBegin, long[] padsEnd) {
    super(Cudnn.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR());
    complete(() -> set(strides, dilations, padsBegin, padsEnd));
  }

  private void set(long[] strides, long[] dilations, long[] padsBegin, long[] padsEnd) {
    code(
        Cudnn.CUDNN_ATTR_CONVOLUTION_COMP_TYPE(),
        Cudnn.CUDNN_TYPE_DATA_TYPE(),
        Tensor.code(DType.FLOAT32));
    // ONNX's convolution does not flip the kernel.
    code(
        Cudnn.CUDNN_ATTR_CONVOLUTION_CONV_MODE(),
        Cudnn.CUDNN_TYPE_CONVOLUTION_MODE(),
        Cudnn.CUDNN_CROSS_CORRELATION());
    int64s(Cudnn.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS(), strides.length);
    int64s(Cudnn.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES(), strides);
    int64s(Cudnn.CUDNN_ATTR_CONVOLUTION_DILATIONS(), dilations);
    int64s(Cudnn.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS(), padsBegin);
    int64s(Cudnn.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS(), padsEnd);
  }
}
