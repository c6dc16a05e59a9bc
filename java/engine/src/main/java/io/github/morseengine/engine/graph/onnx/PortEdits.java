package io.github.morseengine.engine.graph.onnx;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.onnx.Onnx.TensorShapeProto;
import io.github.morseengine.onnx.Onnx.TypeProto;
import io.github.morseengine.onnx.Onnx.ValueInfoProto;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Changes of what a graph takes and gives, on the message itself: everything behind it sees a file
 * that was exported so. Weights are not copied. Stateless.
 */
final class PortEdits {

  /** Below it Slice takes its bounds as attributes. */
  static final int SLICE_WITH_INPUTS = 10;

  private static final String MARK = "/all";

  private PortEdits() {}

  /** Gives a value another name; a value that had that name already gives way. */
  static ModelProto rename(ModelProto model, String from, String to) {
    GraphProto graph =
        renamed(
            model.getGraph(),
            name -> name.equals(from) ? to : name.equals(to) ? to + MARK : name,
            true);
    return model.toBuilder().setGraph(graph).build();
  }

  /** Cuts an output [N, C, ...] to its first channels by a Slice behind it. */
  static ModelProto cut(ModelProto model, String output, long channels) {
    String whole = output + MARK;
    UnaryOperator<String> rename = name -> name.equals(output) ? whole : name;
    GraphProto.Builder graph = renamed(model.getGraph(), rename, false).toBuilder();
    NodeProto.Builder slice = NodeProto.newBuilder().setName(output + "/Slice").setOpType("Slice");
    slice.addInput(whole).addOutput(output);
    List<String> bounds = List.of("starts", "ends", "axes");
    long[] values = {0, channels, 1};
    for (int i = 0; i < values.length; i++) {
      String name = output + "/" + bounds.get(i);
      slice.addInput(name);
      graph.addInitializer(
          TensorProto.newBuilder()
              .setName(name)
              .setDataType(DType.INT64.onnxCode())
              .addDims(1)
              .addInt64Data(values[i]));
    }
    graph.addNode(slice);
    for (int i = 0; i < graph.getOutputCount(); i++) {
      if (graph.getOutput(i).getName().equals(output)) {
        graph.setOutput(i, withChannels(graph.getOutput(i), channels));
      }
    }
    return model.toBuilder().setGraph(graph).build();
  }

  private static ValueInfoProto withChannels(ValueInfoProto v, long channels) {
    TypeProto.Tensor tensor = v.getType().getTensorType();
    if (tensor.getShape().getDimCount() < 2) {
      return v;
    }
    TensorShapeProto.Builder shape = tensor.getShape().toBuilder();
    shape.setDim(1, TensorShapeProto.Dimension.newBuilder().setDimValue(channels));
    TypeProto.Tensor.Builder cut = tensor.toBuilder().setShape(shape);
    return v.toBuilder().setType(v.getType().toBuilder().setTensorType(cut)).build();
  }

  /**
   * Renames values, in the graphs within nodes too, which see those around them.
   *
   * @param ports whether the graph's own inputs and outputs are renamed too
   */
  private static GraphProto renamed(GraphProto graph, UnaryOperator<String> name, boolean ports) {
    GraphProto.Builder out = graph.toBuilder();
    for (int i = 0; i < graph.getNodeCount(); i++) {
      NodeProto node = graph.getNode(i);
      NodeProto.Builder changed = node.toBuilder();
      for (int k = 0; k < node.getInputCount(); k++) {
        changed.setInput(k, name.apply(node.getInput(k)));
      }
      for (int k = 0; k < node.getOutputCount(); k++) {
        changed.setOutput(k, name.apply(node.getOutput(k)));
      }
      for (int k = 0; k < node.getAttributeCount(); k++) {
        AttributeProto a = node.getAttribute(k);
        if (a.hasG()) {
          changed.setAttribute(k, a.toBuilder().setG(renamed(a.getG(), name, true)));
        }
      }
      out.setNode(i, changed);
    }
    for (int i = 0; i < graph.getInitializerCount(); i++) {
      TensorProto t = graph.getInitializer(i);
      if (!name.apply(t.getName()).equals(t.getName())) {
        out.setInitializer(i, t.toBuilder().setName(name.apply(t.getName())));
      }
    }
    if (ports) {
      for (int i = 0; i < graph.getInputCount(); i++) {
        out.setInput(i, named(graph.getInput(i), name));
      }
      for (int i = 0; i < graph.getOutputCount(); i++) {
        out.setOutput(i, named(graph.getOutput(i), name));
      }
    }
    return out.build();
  }

  private static ValueInfoProto named(ValueInfoProto v, UnaryOperator<String> name) {
    return v.toBuilder().setName(name.apply(v.getName())).build();
  }
}
