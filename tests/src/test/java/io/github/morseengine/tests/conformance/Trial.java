package io.github.morseengine.tests.conformance;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.tests.support.Compare;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs one node test on one engine. Where a shape or a branch depends on the value of an input, the
 * inputs of whole numbers become initializers, one after the other from the last: the engine binds
 * shapes before it runs. So do inputs that hold NaN, which sessions refuse.
 */
final class Trial {

  private static final String OPEN_SHAPE = "depends on the value of";
  private static final String NOT_A_NUMBER = "is NaN at element";

  private Trial() {}

  /** Throws what the engine throws, or an AssertionError where a result is wrong. */
  static void run(Engine engine, NodeTests.Case test) {
    ModelProto model = NodeTests.parse(test.model());
    Map<String, TensorProto> inputs = new LinkedHashMap<>();
    for (int i = 0; i < test.inputs().size(); i++) {
      if (test.inputs().get(i) != null) {
        inputs.put(model.getGraph().getInput(i).getName(), test.inputs().get(i));
      }
    }
    while (true) {
      try {
        run(engine, test, model, inputs);
        return;
      } catch (UnsupportedOpException | InvalidInputException e) {
        String fixed = null;
        if (e.getMessage().contains(OPEN_SHAPE)) {
          fixed = last(inputs);
        } else if (e.getMessage().contains(NOT_A_NUMBER)) {
          fixed = inputs.keySet().iterator().next();
        }
        if (fixed == null) {
          throw e;
        }
        model = fix(model, fixed, inputs.remove(fixed));
      }
    }
  }

  private static String last(Map<String, TensorProto> inputs) {
    String found = null;
    for (Map.Entry<String, TensorProto> e : inputs.entrySet()) {
      DType t = DType.ofOnnx(e.getValue().getDataType());
      found = t == null || t.isFloat() && e.getValue().getDimsCount() > 1 ? found : e.getKey();
    }
    return found;
  }

  private static ModelProto fix(ModelProto model, String name, TensorProto value) {
    GraphProto.Builder graph = model.getGraph().toBuilder();
    for (int i = 0; i < graph.getInputCount(); i++) {
      if (graph.getInput(i).getName().equals(name)) {
        graph.removeInput(i);
        break;
      }
    }
    graph.addInitializer(value.toBuilder().setName(name));
    return model.toBuilder().setGraph(graph).build();
  }

  private static void run(
      Engine engine, NodeTests.Case test, ModelProto model, Map<String, TensorProto> inputs) {
    Map<String, Tensor> values = new LinkedHashMap<>();
    CompileOptions.Builder options = CompileOptions.builder();
    for (Map.Entry<String, TensorProto> e : inputs.entrySet()) {
      Tensor t = tensor(e.getValue());
      values.put(e.getKey(), t);
      options.input(e.getKey(), t.shape());
    }
    try (OnnxModel onnx = OnnxModel.open(model.toByteArray(), null, test.name());
        CompiledModel compiled = engine.compile(onnx, options.build());
        Session session = compiled.newSession()) {
      values.forEach(session::setInput);
      session.run();
      List<Executable.Port> ports = compiled.outputs();
      for (int i = 0; i < test.outputs().size(); i++) {
        if (test.outputs().get(i) != null) {
          String name = ports.get(i).name();
          Tensor expected = tensor(test.outputs().get(i));
          double rtol = Math.max(test.rtol(), twoUlps(expected.dtype()));
          Compare.close(expected, session.output(name), rtol, test.atol(), name);
        }
      }
    }
  }

  /**
   * The onnx package's own bound for bfloat16, where operators may round on the way; 0 for wide
   * types.
   */
  private static double twoUlps(DType type) {
    return switch (type) {
      case BFLOAT16 -> 0x1p-6;
      case FLOAT16 -> 0x1p-9;
      default -> 0;
    };
  }

  /** Reads a message whose elements stand in raw_data. */
  static Tensor tensor(TensorProto proto) {
    DType dtype = DType.ofOnnx(proto.getDataType());
    if (dtype == null) {
      throw new UnsupportedOpException("element type " + proto.getDataType());
    }
    List<Long> dims = new ArrayList<>(proto.getDimsList());
    long[] shape = dims.stream().mapToLong(Long::longValue).toArray();
    return new Tensor(dtype, shape, MemorySegment.ofArray(proto.getRawData().toByteArray()));
  }
}
