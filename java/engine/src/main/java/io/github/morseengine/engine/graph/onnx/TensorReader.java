package io.github.morseengine.engine.graph.onnx;

import com.google.protobuf.ByteString;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.StringStringEntryProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** Turns tensor messages into tensors that still lie in the mapped file. */
final class TensorReader {

  private static final Set<String> KEYS = Set.of("location", "offset", "length", "checksum");

  private final String model;
  private final ExternalData external;

  TensorReader(String model, ExternalData external) {
    this.model = model;
    this.external = external;
  }

  Tensor read(TensorProto proto, String name) {
    DType dtype = DType.ofOnnx(proto.getDataType());
    if (dtype == null) {
      throw new UnsupportedOpException(
          model
              + ": tensor '"
              + name
              + "' has element type "
              + proto.getDataType()
              + ", which the engine does not read: export with float, half, bfloat16 or integers");
    }
    long[] shape = new long[proto.getDimsCount()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = proto.getDims(i);
    }
    long elements;
    long bytes;
    try {
      elements = Shapes.elements(shape);
      bytes = Math.multiplyExact(elements, (long) dtype.bytes());
    } catch (InvalidInputException | ArithmeticException e) {
      throw new ModelFormatException(model + ": tensor '" + name + "': " + e.getMessage(), e);
    }
    if (proto.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
      return new Tensor(dtype, shape, external.slice(name, entries(proto, name), bytes));
    }
    if (proto.hasRawData()) {
      ByteString raw = proto.getRawData();
      if (raw.size() != bytes) {
        throw external.fail(
            name, "has " + raw.size() + " bytes of data, its type and shape need " + bytes);
      }
      MemorySegment data = MemorySegment.ofBuffer(raw.asReadOnlyByteBuffer());
      return new Tensor(dtype, shape, data);
    }
    return typed(proto, name, dtype, shape, elements);
  }

  private Map<String, String> entries(TensorProto proto, String name) {
    Map<String, String> map = new HashMap<>();
    for (StringStringEntryProto entry : proto.getExternalDataList()) {
      if (!KEYS.contains(entry.getKey())) {
        throw external.fail(name, "has the unknown external-data key '" + entry.getKey() + "'");
      }
      if (map.put(entry.getKey(), entry.getValue()) != null) {
        throw external.fail(name, "has the external-data key '" + entry.getKey() + "' twice");
      }
    }
    return map;
  }

  private Tensor typed(TensorProto p, String name, DType dtype, long[] shape, long elements) {
    int count =
        switch (dtype) {
          case FLOAT32 -> p.getFloatDataCount();
          case FLOAT64 -> p.getDoubleDataCount();
          case INT64 -> p.getInt64DataCount();
          case UINT32, UINT64 -> p.getUint64DataCount();
          default -> p.getInt32DataCount();
        };
    if (count != elements) {
      throw external.fail(name, "has " + count + " values, its shape needs " + elements);
    }
    Tensor out = Tensor.allocate(dtype, shape);
    for (int i = 0; i < count; i++) {
      switch (dtype) {
        case FLOAT32 -> out.setDouble(i, p.getFloatData(i));
        case FLOAT64 -> out.setDouble(i, p.getDoubleData(i));
        case INT64 -> out.setLong(i, p.getInt64Data(i));
        case UINT32, UINT64 -> out.setLong(i, p.getUint64Data(i));
        case FLOAT16 -> out.setDouble(i, Float.float16ToFloat((short) p.getInt32Data(i)));
        case BFLOAT16 -> out.setDouble(i, Float.intBitsToFloat(p.getInt32Data(i) << 16));
        default -> out.setLong(i, p.getInt32Data(i));
      }
    }
    return out;
  }
}
