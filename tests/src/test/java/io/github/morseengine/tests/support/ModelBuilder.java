package io.github.morseengine.tests.support;

import com.google.protobuf.ByteString;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.onnx.Onnx.FunctionProto;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.onnx.Onnx.OperatorSetIdProto;
import io.github.morseengine.onnx.Onnx.StringStringEntryProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.onnx.Onnx.TensorShapeProto;
import io.github.morseengine.onnx.Onnx.TypeProto;
import io.github.morseengine.onnx.Onnx.ValueInfoProto;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/** Writes small ONNX models, right and wrong ones. */
public final class ModelBuilder {

  private final GraphProto.Builder graph = GraphProto.newBuilder().setName("g");
  private final ModelProto.Builder model = ModelProto.newBuilder().setIrVersion(10);
  private int opset = 20;

  /**
   * Chooses the opset.
   *
   * @param version of the default domain
   * @return this
   */
  public ModelBuilder opset(int version) {
    opset = version;
    return this;
  }

  /**
   * Declares an input.
   *
   * @param name its name
   * @param dtype element type
   * @param dims dimensions; -1 stands for the symbol N
   * @return this
   */
  public ModelBuilder input(String name, DType dtype, long... dims) {
    graph.addInput(port(name, dtype, dims));
    return this;
  }

  /**
   * Declares a float32 output.
   *
   * @param name its name
   * @param dims dimensions; -1 stands for the symbol N
   * @return this
   */
  public ModelBuilder output(String name, long... dims) {
    graph.addOutput(port(name, DType.FLOAT32, dims));
    return this;
  }

  /**
   * Adds a node that is called like its first output.
   *
   * @param op operator, or domain::operator
   * @param outputs names with commas between
   * @param inputs names; empty for an absent one
   * @return its message, for attributes
   */
  public NodeProto.Builder node(String op, String outputs, String... inputs) {
    NodeProto.Builder n = graph.addNodeBuilder();
    fill(n, op, outputs, inputs);
    return n;
  }

  /**
   * Adds a node.
   *
   * @param message the whole of it
   * @return this
   */
  public ModelBuilder node(NodeProto message) {
    graph.addNode(message);
    return this;
  }

  /**
   * Fills a node's message.
   *
   * @param n the message
   * @param op operator, or domain::operator
   * @param outputs names with commas between
   * @param inputs names
   */
  public static void fill(NodeProto.Builder n, String op, String outputs, String... inputs) {
    int split = op.indexOf("::");
    if (split >= 0) {
      n.setDomain(op.substring(0, split));
    }
    n.setOpType(split < 0 ? op : op.substring(split + 2));
    String[] out = outputs.split(",");
    n.setName("n_" + out[0]).addAllInput(Arrays.asList(inputs)).addAllOutput(Arrays.asList(out));
  }

  /**
   * An attribute of whole numbers.
   *
   * @param name its name
   * @param values the numbers
   * @return the message
   */
  public static AttributeProto ints(String name, long... values) {
    AttributeProto.Builder a =
        AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.INTS);
    for (long v : values) {
      a.addInts(v);
    }
    return a.build();
  }

  /**
   * An attribute of one whole number.
   *
   * @param name its name
   * @param value the number
   * @return the message
   */
  public static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  /**
   * Adds a float32 initializer.
   *
   * @param name its name
   * @param values elements
   * @param dims dimensions
   * @return this
   */
  public ModelBuilder floats(String name, float[] values, long... dims) {
    TensorProto.Builder t = tensor(name, DType.FLOAT32, dims);
    t.setRawData(ByteString.copyFrom(bytes(values)));
    graph.addInitializer(t);
    return this;
  }

  /**
   * Adds an int64 vector.
   *
   * @param name its name
   * @param values elements
   * @return this
   */
  public ModelBuilder longs(String name, long... values) {
    TensorProto.Builder t = tensor(name, DType.INT64, values.length);
    for (long v : values) {
      t.addInt64Data(v);
    }
    graph.addInitializer(t);
    return this;
  }

  /**
   * Adds an initializer whose data is to be set by the caller.
   *
   * @param name its name
   * @param dtype element type
   * @param dims dimensions
   * @return its message
   */
  public TensorProto.Builder initializer(String name, DType dtype, long... dims) {
    TensorProto.Builder t = graph.addInitializerBuilder();
    t.mergeFrom(tensor(name, dtype, dims).build());
    return t;
  }

  /**
   * An attribute of one real number.
   *
   * @param name its name
   * @param value the number
   * @return the message
   */
  public static AttributeProto real(String name, float value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOAT)
        .setF(value)
        .build();
  }

  /**
   * An attribute of text.
   *
   * @param name its name
   * @param value the text
   * @return the message
   */
  public static AttributeProto text(String name, String value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.STRING)
        .setS(ByteString.copyFromUtf8(value))
        .build();
  }

  /**
   * Adds a float32 initializer that lies in another file.
   *
   * @param name its name
   * @param dims dimensions
   * @param entries keys and values in turn
   * @return this
   */
  public ModelBuilder external(String name, long[] dims, String... entries) {
    return external(name, DType.FLOAT32, dims, entries);
  }

  /**
   * Adds an initializer that lies in another file.
   *
   * @param name its name
   * @param dtype element type
   * @param dims dimensions
   * @param entries keys and values in turn
   * @return this
   */
  public ModelBuilder external(String name, DType dtype, long[] dims, String... entries) {
    TensorProto.Builder t = initializer(name, dtype, dims);
    t.setDataLocation(TensorProto.DataLocation.EXTERNAL);
    for (int i = 0; i < entries.length; i += 2) {
      t.addExternalData(
          StringStringEntryProto.newBuilder().setKey(entries[i]).setValue(entries[i + 1]));
    }
    return this;
  }

  /**
   * Adds a function.
   *
   * @param function the message
   * @return this
   */
  public ModelBuilder function(FunctionProto.Builder function) {
    model.addFunctions(function);
    return this;
  }

  /**
   * Imports another domain.
   *
   * @param domain its name
   * @return this
   */
  public ModelBuilder importing(String domain) {
    model.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(domain).setVersion(1));
    return this;
  }

  /** {@return the message} */
  public ModelProto build() {
    return model
        .clone()
        .setGraph(graph)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(opset))
        .build();
  }

  /**
   * Writes the file.
   *
   * @param file where to
   * @return the file
   */
  public Path write(Path file) {
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      return Files.write(file, build().toByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Float32 in little-endian order.
   *
   * @param values elements
   * @return their bytes
   */
  public static byte[] bytes(float... values) {
    ByteBuffer b = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    b.asFloatBuffer().put(values);
    return b.array();
  }

  /**
   * Normal random numbers.
   *
   * @param seed of the generator
   * @param count how many
   * @return the numbers
   */
  public static float[] random(long seed, int count) {
    Random random = new Random(seed);
    float[] out = new float[count];
    for (int i = 0; i < count; i++) {
      out[i] = (float) random.nextGaussian();
    }
    return out;
  }

  private static TensorProto.Builder tensor(String name, DType dtype, long... dims) {
    TensorProto.Builder t = TensorProto.newBuilder().setName(name).setDataType(dtype.onnxCode());
    for (long d : dims) {
      t.addDims(d);
    }
    return t;
  }

  private static ValueInfoProto port(String name, DType dtype, long... dims) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (long d : dims) {
      TensorShapeProto.Dimension.Builder dim = TensorShapeProto.Dimension.newBuilder();
      shape.addDim(d < 0 ? dim.setDimParam("N") : dim.setDimValue(d));
    }
    TypeProto.Tensor.Builder type =
        TypeProto.Tensor.newBuilder().setElemType(dtype.onnxCode()).setShape(shape);
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(type))
        .build();
  }
}
