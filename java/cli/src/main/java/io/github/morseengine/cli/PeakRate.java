package io.github.morseengine.cli;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
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
 * The best arithmetic rate that the engine reaches on this machine: that of large convolutions and
 * products, which nothing but the processor limits.
 */
final class PeakRate {

  private static final int RUNS = 16;
  private static final long OPSET = 20;

  private PeakRate() {}

  /** Operations per second, the best of several runs. */
  static double measure(Engine engine) {
    long[] picture = {4, 128, 32, 32};
    double conv = rate(engine, "Conv", picture, new long[] {128, 128, 3, 3}, 1L);
    double product = rate(engine, "MatMul", new long[] {768, 768}, new long[] {768, 768}, 0L);
    return Math.max(conv, product);
  }

  private static double rate(Engine engine, String op, long[] x, long[] w, long pad) {
    NodeProto.Builder node =
        NodeProto.newBuilder().setName(op).setOpType(op).addInput("x").addInput("w").addOutput("y");
    if (pad > 0) {
      node.addAttribute(
          AttributeProto.newBuilder()
              .setName("pads")
              .setType(AttributeProto.AttributeType.INTS)
              .addInts(pad)
              .addInts(pad)
              .addInts(pad)
              .addInts(pad));
    }
    ModelProto model =
        ModelProto.newBuilder()
            .setIrVersion(9)
            .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPSET))
            .setGraph(
                GraphProto.newBuilder()
                    .setName("peak")
                    .addNode(node)
                    .addInitializer(weights(w))
                    .addInput(port("x", x))
                    .addOutput(port("y", null)))
            .build();
    try (OnnxModel opened = OnnxModel.open(model.toByteArray(), null, "peak");
        CompiledModel compiled = engine.compile(opened, CompileOptions.builder().build());
        Session session = compiled.newSession()) {
      RandomInputs.fill(session, compiled);
      long flops = compiled.steps().stream().mapToLong(Executable.StepInfo::flops).sum();
      session.run();
      long best = Long.MAX_VALUE;
      for (int i = 0; i < RUNS; i++) {
        long begin = System.nanoTime();
        session.run();
        best = Math.min(best, System.nanoTime() - begin);
      }
      return flops / (best / 1e9);
    }
  }

  private static TensorProto weights(long[] shape) {
    int elements = 1;
    TensorProto.Builder out = TensorProto.newBuilder().setName("w");
    for (long d : shape) {
      out.addDims(d);
      elements = Math.multiplyExact(elements, (int) d);
    }
    ByteBuffer bytes = ByteBuffer.allocate(4 * elements).order(ByteOrder.LITTLE_ENDIAN);
    Random random = new Random(1);
    while (bytes.hasRemaining()) {
      bytes.putFloat((float) random.nextGaussian());
    }
    return out.setDataType(DType.FLOAT32.onnxCode())
        .setRawData(com.google.protobuf.ByteString.copyFrom(bytes.flip()))
        .build();
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
