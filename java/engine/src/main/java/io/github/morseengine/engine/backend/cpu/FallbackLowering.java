package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.reference.ReferenceOps;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Runs a node by the reference implementation, where nothing faster exists. */
final class FallbackLowering {

  private FallbackLowering() {}

  static void lower(Program p, Node node) {
    List<View> views = new ArrayList<>();
    List<View> inputs = new ArrayList<>();
    for (Value v : node.inputs()) {
      View view = v == null ? null : p.dense(p.get(v));
      inputs.add(view);
      if (view != null) {
        views.add(view);
      }
    }
    List<View> outputs = new ArrayList<>();
    for (Value v : node.outputs()) {
      View view = v == null ? null : p.allocateDense(CpuCompiler.type(v.dtype()), v.shape());
      outputs.add(view);
      if (view != null) {
        views.add(view);
        p.put(v, view);
      }
    }
    p.add(
        new JavaStep("reference", views, b -> bind(b, node, inputs, outputs)),
        node.opType(),
        Flops.of(node));
  }

  private static Step.Bound bind(Binding b, Node node, List<View> inputs, List<View> outputs) {
    Tensor[] in = tensors(b, inputs);
    Tensor[] out = tensors(b, outputs);
    return () -> {
      Tensor[] results = ReferenceOps.run(node, in);
      for (int i = 0; i < out.length; i++) {
        if (out[i] != null) {
          store(results[i], out[i]);
        }
      }
    };
  }

  private static void store(Tensor from, Tensor to) {
    if (from.dtype() == to.dtype()) {
      to.data().copyFrom(from.data());
      return;
    }
    // Half-precision results are kept in float32.
    for (long i = 0; i < to.elements(); i++) {
      to.setDouble(i, from.getDouble(i));
    }
  }

  private static Tensor[] tensors(Binding b, List<View> views) {
    Tensor[] out = new Tensor[views.size()];
    for (int i = 0; i < out.length; i++) {
      View v = views.get(i);
      if (v != null) {
        out[i] = new Tensor(v.dtype(), v.shape(), b.of(v));
      }
    }
    return out;
  }

  /** A conversion between element types, for casts and for half-precision inputs and outputs. */
  static void convert(Program p, View from, View to, String what) {
    p.addHelper(
        new JavaStep("convert", List.of(from, to), b -> Conversion.bind(b, from, to)), what);
  }

  static boolean cast(Program p, Node node) {
    DType to = CpuCompiler.type(node.output(0).dtype());
    View x = p.get(node.input(0));
    if (x.dtype() == to) {
      p.put(node.output(0), x);
      return true;
    }
    x = p.dense(x);
    View y = p.allocateDense(to, x.shape());
    convert(p, x, y, "Cast");
    p.put(node.output(0), y);
    return true;
  }
}
