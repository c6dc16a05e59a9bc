package io.github.morseengine.jmh;

import com.google.protobuf.ByteString;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.onnx.Onnx.OperatorSetIdProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.onnx.Onnx.TensorShapeProto;
import io.github.morseengine.onnx.Onnx.TypeProto;
import io.github.morseengine.onnx.Onnx.ValueInfoProto;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

/**
 * Builds the small ONNX graphs that benchmarks measure, as exporters write them. For one thread.
 */
public final class OneOp {

  private static final long OPSET = 21;
  private static final long IR_VERSION = 10;

  private final String name;
  private final GraphProto.Builder graph;
  private final Random random = new Random(1);
  private NodeProto.Builder node;

  /**
   * Starts a graph.
   *
   * @param name its name, for messages
   */
  public OneOp(String name) {
    this.name = name;
    this.graph = GraphProto.newBuilder().setName(name);
  }

  /**
   * Adds a float32 input.
   *
   * @param input its name
   * @param shape its dimensions
   * @return this
   */
  public OneOp input(String input, long... shape) {
    graph.addInput(port(input, shape));
    return this;
  }

  /**
   * Adds an output.
   *
   * @param output its name
   * @return this
   */
  public OneOp output(String output) {
    graph.addOutput(port(output, null));
    return this;
  }

  /**
   * Adds a float32 initializer of normal numbers.
   *
   * @param weight its name
   * @param scale standard deviation
   * @param shape its dimensions
   * @return this
   */
  public OneOp weight(String weight, double scale, long... shape) {
    float[] values = new float[elements(shape)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (scale * random.nextGaussian());
    }
    return floats(weight, values, shape);
  }

  /**
   * Adds a float32 initializer.
   *
   * @param weight its name
   * @param values its elements
   * @param shape its dimensions
   * @return this
   */
  public OneOp floats(String weight, float[] values, long... shape) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float v : values) {
      bytes.putFloat(v);
    }
    return initializer(weight, DType.FLOAT32, bytes, shape);
  }

  /**
   * Adds an int64 vector as initializer.
   *
   * @param weight its name
   * @param values its elements
   * @return this
   */
  public OneOp longs(String weight, long... values) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (long v : values) {
      bytes.putLong(v);
    }
    return initializer(weight, DType.INT64, bytes, values.length);
  }

  /**
   * Adds a node; attributes that follow are its.
   *
   * @param operator its operator
   * @param output its output
   * @param inputs its inputs
   * @return this
   */
  public OneOp node(String operator, String output, String... inputs) {
    finishNode();
    node = NodeProto.newBuilder().setName(operator + "_" + output).setOpType(operator);
    for (String in : inputs) {
      node.addInput(in);
    }
    node.addOutput(output);
    return this;
  }

  /**
   * Gives the latest node an attribute of integers.
   *
   * @param attribute its name
   * @param values its value
   * @return this
   */
  public OneOp ints(String attribute, long... values) {
    AttributeProto.Builder a =
        AttributeProto.newBuilder().setName(attribute).setType(AttributeProto.AttributeType.INTS);
    for (long v : values) {
      a.addInts(v);
    }
    node.addAttribute(a);
    return this;
  }

  /**
   * Gives the latest node an integer attribute.
   *
   * @param attribute its name
   * @param value its value
   * @return this
   */
  public OneOp attribute(String attribute, long value) {
    node.addAttribute(
        AttributeProto.newBuilder()
            .setName(attribute)
            .setType(AttributeProto.AttributeType.INT)
            .setI(value));
    return this;
  }

  /**
   * Gives the latest node a string attribute.
   *
   * @param attribute its name
   * @param value its value
   * @return this
   */
  public OneOp attribute(String attribute, String value) {
    node.addAttribute(
        AttributeProto.newBuilder()
            .setName(attribute)
            .setType(AttributeProto.AttributeType.STRING)
            .setS(ByteString.copyFromUtf8(value)));
    return this;
  }

  /** {@return the bytes of the .onnx file} */
  public byte[] toBytes() {
    finishNode();
    return ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPSET))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  /** {@return the model, read back} */
  public OnnxModel open() {
    return OnnxModel.open(toBytes(), null, name);
  }

  private void finishNode() {
    if (node != null) {
      graph.addNode(node);
      node = null;
    }
  }

  private OneOp initializer(String weight, DType dtype, ByteBuffer bytes, long... shape) {
    TensorProto.Builder t = TensorProto.newBuilder().setName(weight).setDataType(dtype.onnxCode());
    for (long d : shape) {
      t.addDims(d);
    }
    graph.addInitializer(t.setRawData(ByteString.copyFrom(bytes.flip())));
    return this;
  }

  private static int elements(long[] shape) {
    long n = 1;
    for (long d : shape) {
      n *= d;
    }
    return Math.toIntExact(n);
  }

  private static ValueInfoProto port(String name, long[] shape) {
    TypeProto.Tensor.Builder tensor =
        TypeProto.Tensor.newBuilder().setElemType(DType.FLOAT32.onnxCode());
    if (shape != null) {
      TensorShapeProto.Builder dims = TensorShapeProto.newBuilder();
      for (long d : shape) {
        dims.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(d));
      }
      tensor.setShape(dims);
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }
}
