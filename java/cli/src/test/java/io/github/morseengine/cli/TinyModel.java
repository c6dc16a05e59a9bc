package io.github.morseengine.cli;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.onnx.Onnx.OperatorSetIdProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.onnx.Onnx.TensorShapeProto;
import io.github.morseengine.onnx.Onnx.TypeProto;
import io.github.morseengine.onnx.Onnx.ValueInfoProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A model directory of a few hundred bytes: Dash scales and adds the index of the label, Dot scales
 * a difference.
 */
final class TinyModel {

  private TinyModel() {}

  /** Writes dash.onnx, dot.onnx, scheduler_config.json and two labels. */
  static Path write(Path folder) throws IOException {
    Files.createDirectories(folder);
    GraphProto.Builder dash =
        graph("dash")
            .addInput(picture("sample"))
            .addInput(vector("timestep"))
            .addInput(vector("class_labels"))
            .addOutput(picture("out_sample"))
            .addInitializer(
                TensorProto.newBuilder()
                    .setName("axes")
                    .setDataType(DType.INT64.onnxCode())
                    .addDims(3)
                    .addInt64Data(1)
                    .addInt64Data(2)
                    .addInt64Data(3))
            .addNode(node("Conv", "estimate", "sample", "w"))
            .addNode(
                node("Cast", "label", "class_labels").toBuilder()
                    .addAttribute(
                        AttributeProto.newBuilder()
                            .setName("to")
                            .setType(AttributeProto.AttributeType.INT)
                            .setI(DType.FLOAT32.onnxCode())))
            .addNode(node("Unsqueeze", "shift", "label", "axes"))
            .addNode(node("Add", "out_sample", "estimate", "shift"));
    GraphProto.Builder dot =
        graph("dot")
            .addInput(picture("sample"))
            .addInput(vector("timestep"))
            .addInput(picture("dash_sample"))
            .addInput(vector("dash_timestep"))
            .addInput(picture("dash_output"))
            .addOutput(picture("residual"))
            .addNode(node("Sub", "difference", "sample", "dash_sample"))
            .addNode(node("Conv", "residual", "difference", "w"));
    Files.write(folder.resolve("dash.onnx"), model(dash).toByteArray());
    Files.write(folder.resolve("dot.onnx"), model(dot).toByteArray());
    Files.writeString(
        folder.resolve("scheduler_config.json"),
        "{\"num_train_timesteps\": 100, \"prediction_type\": \"epsilon\"}");
    Files.writeString(folder.resolve("labels.txt"), "animals\nfood\n");
    return folder;
  }

  /** Adds a judge of three features: the means of the colours, which are the logits as well. */
  static void addJudge(Path folder) throws IOException {
    GraphProto.Builder g =
        graph("judge")
            .addInput(picture("sample"))
            .addOutput(port("features", DType.FLOAT32, -1, 3))
            .addOutput(port("logits", DType.FLOAT32, -1, 3))
            .addInitializer(
                TensorProto.newBuilder()
                    .setName("axes")
                    .setDataType(DType.INT64.onnxCode())
                    .addDims(2)
                    .addInt64Data(2)
                    .addInt64Data(3))
            .addNode(
                node("ReduceMean", "features", "sample", "axes").toBuilder()
                    .addAttribute(
                        AttributeProto.newBuilder()
                            .setName("keepdims")
                            .setType(AttributeProto.AttributeType.INT)
                            .setI(0)))
            .addNode(node("Neg", "logits", "features"));
    Path evaluation = Files.createDirectories(folder.resolve("evaluation"));
    Files.write(evaluation.resolve("classifier.onnx"), model(g).toByteArray());
    float[] data = new float[8 * 3];
    for (int i = 0; i < data.length; i++) {
      data[i] = (i * 7 % 11 - 5) / 10f;
    }
    Npy.write(evaluation.resolve("data_features.npy"), Tensor.ofFloats(data, 8, 3));
  }

  /** A model whose only node no engine knows. */
  static Path unsupported(Path file) throws IOException {
    GraphProto.Builder g =
        graph("odd")
            .addInput(picture("x"))
            .addOutput(picture("y"))
            .addNode(node("Frobnicate", "y", "x"));
    return Files.write(file, model(g).toByteArray());
  }

  private static ModelProto model(GraphProto.Builder graph) {
    return ModelProto.newBuilder()
        .setIrVersion(9)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(20))
        .setGraph(graph)
        .build();
  }

  private static GraphProto.Builder graph(String name) {
    TensorProto.Builder w = TensorProto.newBuilder().setName("w").setDataType(1);
    w.addDims(3).addDims(3).addDims(1).addDims(1);
    for (int i = 0; i < 9; i++) {
      w.addFloatData(i % 4 == 0 ? 0.5f : 0.125f);
    }
    return GraphProto.newBuilder().setName(name).addInitializer(w);
  }

  private static NodeProto node(String op, String output, String... inputs) {
    NodeProto.Builder out = NodeProto.newBuilder().setOpType(op).setName(output + "_node");
    for (String in : inputs) {
      out.addInput(in);
    }
    return out.addOutput(output).build();
  }

  private static ValueInfoProto picture(String name) {
    return port(name, DType.FLOAT32, -1, 3, 4, 5);
  }

  private static ValueInfoProto vector(String name) {
    return port(name, DType.INT64, -1);
  }

  private static ValueInfoProto port(String name, DType dtype, long... dims) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (long d : dims) {
      TensorShapeProto.Dimension.Builder dim = TensorShapeProto.Dimension.newBuilder();
      shape.addDim(d < 0 ? dim.setDimParam("N") : dim.setDimValue(d));
    }
    TypeProto.Tensor.Builder tensor =
        TypeProto.Tensor.newBuilder().setElemType(dtype.onnxCode()).setShape(shape);
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }
}
