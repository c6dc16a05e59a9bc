package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.util.function.Consumer;

/**
 * One operation of a graph. Its tensors belong to the caller and are closed after it; what else it
 * is made of it closes itself.
 */
public final class Operation extends Descriptor {

  private final String name;
  private final Descriptor part;

  private Operation(int type, String name, Descriptor part, Consumer<Operation> setters) {
    super(type);
    this.name = name;
    this.part = part;
    complete(() -> setters.accept(this));
  }

  /**
   * {@code y = conv(x, w)}, not flipped.
   *
   * @param x [N,C,spatial..]
   * @param w [K,C/groups,kernel..]; the group count follows from the channels
   * @param y [N,K,spatial..]
   * @param geometry strides, dilations, padding at the beginning and at the end, each of the
   *     spatial rank
   * @return the operation
   */
  public static Operation convolution(Tensor x, Tensor w, Tensor y, long[]... geometry) {
    Descriptor window = new ConvolutionGeometry(geometry[0], geometry[1], geometry[2], geometry[3]);
    return new Operation(
        Cudnn.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR(),
        "convolution",
        window,
        op -> {
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC(), window);
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X(), x);
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W(), w);
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y(), y);
          op.float32(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA(), 1);
          op.float32(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA(), 0);
        });
  }

  /**
   * {@code y = x + b}.
   *
   * @param x first operand
   * @param b second operand; dimensions of size 1 are repeated
   * @param y result
   * @return the operation
   */
  public static Operation add(Tensor x, Tensor b, Tensor y) {
    return pointwise(Cudnn.CUDNN_POINTWISE_ADD(), "add", x, b, y);
  }

  /**
   * {@code y = x * sigmoid(x)}.
   *
   * @param x operand
   * @param y result
   * @return the operation
   */
  public static Operation silu(Tensor x, Tensor y) {
    return pointwise(Cudnn.CUDNN_POINTWISE_SWISH_FWD(), "silu", x, null, y);
  }

  private static Operation pointwise(int mode, String name, Tensor x, Tensor b, Tensor y) {
    Descriptor function = new PointwiseMode(mode);
    return new Operation(
        Cudnn.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR(),
        name,
        function,
        op -> {
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR(), function);
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_XDESC(), x);
          if (b != null) {
            op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_BDESC(), b);
          }
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_YDESC(), y);
        });
  }

  /**
   * Scaled dot product attention, {@code o = softmax(scale * q k^T) v}. cuDNN has this operation
   * since 9.13.
   *
   * @param q [N,H,L,d]
   * @param k [N,H,S,d]
   * @param v [N,H,S,e]
   * @param scale one float32
   * @param o [N,H,L,e]
   * @return the operation
   */
  public static Operation attention(Tensor q, Tensor k, Tensor v, Tensor scale, Tensor o) {
    return new Operation(
        Cudnn.CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR(),
        "attention",
        null,
        op -> {
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC(), q);
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC(), k);
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC(), v);
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC(), o);
          op.descriptor(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC(), scale);
        });
  }

  @Override
  public void close() {
    super.close();
    if (part != null) {
      part.close();
    }
  }

  @Override
  public String toString() {
    return "operation " + name;
  }
}
