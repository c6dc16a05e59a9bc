package io.github.morseengine.engine.graph.onnx;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Turns attribute messages into attributes; references to a function's attributes are resolved. */
final class AttributeReader {

  private final TensorReader tensors;

  AttributeReader(TensorReader tensors) {
    this.tensors = tensors;
  }

  /**
   * Reads the attributes of a node.
   *
   * @param protos messages
   * @param outer attributes of the function call around it; null outside functions
   * @param node name for messages
   * @return the attributes; graph-valued ones are left out (see {@link #hasSubgraph})
   */
  Attributes read(List<AttributeProto> protos, Attributes outer, String node) {
    if (protos.isEmpty()) {
      return Attributes.NONE;
    }
    Map<String, Object> map = new LinkedHashMap<>();
    for (AttributeProto p : protos) {
      Object value =
          p.getRefAttrName().isEmpty()
              ? value(p, node)
              : outer == null ? null : outer.get(p.getRefAttrName());
      if (value != null) {
        map.put(p.getName(), value);
      }
    }
    return new Attributes(map);
  }

  static boolean hasSubgraph(List<AttributeProto> protos) {
    for (AttributeProto p : protos) {
      if (p.hasG() || p.getGraphsCount() > 0) {
        return true;
      }
    }
    return false;
  }

  Object value(AttributeProto p, String node) {
    return switch (kind(p)) {
      case FLOAT -> p.getF();
      case INT -> p.getI();
      case STRING -> p.getS().toStringUtf8();
      case TENSOR -> tensors.read(p.getT(), node + "." + p.getName());
      case FLOATS -> {
        float[] out = new float[p.getFloatsCount()];
        for (int i = 0; i < out.length; i++) {
          out[i] = p.getFloats(i);
        }
        yield out;
      }
      case INTS -> {
        long[] out = new long[p.getIntsCount()];
        for (int i = 0; i < out.length; i++) {
          out[i] = p.getInts(i);
        }
        yield out;
      }
      case STRINGS -> {
        String[] out = new String[p.getStringsCount()];
        for (int i = 0; i < out.length; i++) {
          out[i] = p.getStrings(i).toStringUtf8();
        }
        yield out;
      }
      default -> null;
    };
  }

  /** Old exporters leave the type out; then the field that is present tells it. */
  private static AttributeProto.AttributeType kind(AttributeProto p) {
    if (p.getType() != AttributeProto.AttributeType.UNDEFINED) {
      return p.getType();
    }
    return p.hasF()
        ? AttributeProto.AttributeType.FLOAT
        : p.hasI()
            ? AttributeProto.AttributeType.INT
            : p.hasS()
                ? AttributeProto.AttributeType.STRING
                : p.hasT()
                    ? AttributeProto.AttributeType.TENSOR
                    : p.getFloatsCount() > 0
                        ? AttributeProto.AttributeType.FLOATS
                        : p.getStringsCount() > 0
                            ? AttributeProto.AttributeType.STRINGS
                            : AttributeProto.AttributeType.INTS;
  }
}
