package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.Executable.Port;
import io.github.morseengine.engine.backend.plan.Followers;
import io.github.morseengine.engine.backend.plan.Lifetimes;
import io.github.morseengine.engine.backend.plan.PadLowering;
import io.github.morseengine.engine.backend.plan.Slot;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.plan.ViewLowering;
import io.github.morseengine.engine.device.WeightStore;
import io.github.morseengine.engine.ffi.onednn.DnnEngine;
import io.github.morseengine.engine.ffi.openmp.Team;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Turns a graph into a program: one lowering per operator, then lifetimes and placement. */
final class CpuCompiler {

  private final Program program;
  private final List<View> inputs = new ArrayList<>();
  private final List<Port> inputPorts = new ArrayList<>();
  private final List<View> outputs = new ArrayList<>();
  private final List<Port> outputPorts = new ArrayList<>();

  /** What an earlier node computes too. */
  private final Set<Node> done = Collections.newSetFromMap(new IdentityHashMap<>());

  /** Per input, whether it was declared constant. */
  private final List<Boolean> constants = new ArrayList<>();

  /** Linear layers that are computed with the GEGLU behind them. */
  private final Map<Node, Node> followers = new IdentityHashMap<>();

  /** Per step that depends on constant inputs alone, the inputs after whose change it runs. */
  private List<BitSet> once = List.of();

  private CpuCompiler(Program program) {
    this.program = program;
  }

  static CpuExecutable compile(
      Graph graph,
      DnnEngine engine,
      WeightStore store,
      PackedLayouts layouts,
      int threads,
      DType products) {
    Program program = new Program(engine, store, layouts, threads, products);
    Team.use(threads);
    try (program) {
      CpuCompiler compiler = new CpuCompiler(program);
      compiler.run(graph);
      return new CpuExecutable(
          program,
          threads,
          compiler.inputs,
          compiler.inputPorts,
          compiler.outputs,
          compiler.outputPorts,
          compiler.constants,
          compiler.once);
    } catch (RuntimeException | Error e) {
      program.steps.forEach(Step::close);
      program.weights.forEach(WeightStore.Weight::close);
      throw e;
    }
  }

  /** The type in which values of a type are kept: half precision is computed in float32. */
  static DType type(DType t) {
    return t == DType.FLOAT16 || t == DType.BFLOAT16 ? DType.FLOAT32 : t;
  }

  private void run(Graph graph) {
    Node boundary = new Node("inputs", "", "Input", 0, List.of(), List.of(), null);
    for (Graph.Input in : graph.inputs()) {
      Value v = in.value();
      inputs.add(program.allocateDense(v.dtype(), v.shape()));
      inputPorts.add(new Port(v.name(), v.dtype(), v.shape()));
      constants.add(graph.isConstantInput(v));
    }
    // First what depends on constant inputs alone: these steps are left out while they stay.
    followers.putAll(Followers.of(graph, CpuCompiler::follows));
    Map<Node, BitSet> first = graph.constantNodes();
    List<BitSet> sources = new ArrayList<>();
    inputs(graph, true, boundary, sources);
    for (Node node : graph.nodes()) {
      if (first.containsKey(node)) {
        node(node);
        BitSet depends = (BitSet) first.get(node).clone();
        Node follower = followers.get(node);
        if (follower != null && first.containsKey(follower)) {
          depends.or(first.get(follower));
        }
        fill(sources, depends);
      }
    }
    Set<Slot> places = new HashSet<>();
    inputs.forEach(v -> places.add(v.slot()));
    once = ConstantSteps.of(List.copyOf(program.steps), sources, places);
    inputs(graph, false, boundary, sources);
    graph.nodes().stream().filter(n -> !first.containsKey(n)).forEach(this::node);
    program.begin(new Node("outputs", "", "Output", 0, List.of(), List.of(), null));
    for (int i = 0; i < graph.outputs().size(); i++) {
      Value v = graph.outputs().get(i);
      View from = program.dense(program.get(v));
      View to = program.allocateDense(v.dtype(), v.shape());
      FallbackLowering.convert(program, from, to, "Output");
      outputs.add(to);
      outputPorts.add(new Port(graph.outputNames().get(i), v.dtype(), v.shape()));
    }
    lifetimes();
  }

  /** The inputs of one kind, constant or not; says what the steps that they need depend on. */
  private void inputs(Graph graph, boolean constant, Node boundary, List<BitSet> sources) {
    program.begin(boundary);
    for (int i = 0; i < inputs.size(); i++) {
      if (constants.get(i) == constant) {
        input(graph.inputs().get(i).value(), inputs.get(i));
        BitSet itself = new BitSet();
        itself.set(i);
        fill(sources, itself);
      }
    }
  }

  /** The steps that have come since the latest call depend on these inputs. */
  private void fill(List<BitSet> sources, BitSet depends) {
    while (sources.size() < program.steps.size()) {
      sources.add(depends);
    }
  }

  private void node(Node node) {
    program.begin(node);
    Node follower = followers.get(node);
    if (follower != null && lower(node, follower)) {
      done.add(follower);
    } else if (!done.contains(node) && !lower(node)) {
      FallbackLowering.lower(program, node);
    }
  }

  private static boolean follows(Node first, Node then) {
    return then.isFused(FusedOps.GEGLU)
        ? first.isFused(FusedOps.LINEAR) && GegluLowering.fits(first, then)
        : ConvLowering.takes(first, then);
  }

  /** Both nodes in one; false where there is no such kernel. */
  private boolean lower(Node node, Node follower) {
    return node.isFused(FusedOps.LINEAR)
        ? GegluLowering.lower(program, node, follower)
        : ConvLowering.lower(program, node, follower);
  }

  private void input(Value v, View view) {
    if (type(v.dtype()) == v.dtype()) {
      program.put(v, view);
      return;
    }
    View wide = program.allocateDense(type(v.dtype()), v.shape());
    FallbackLowering.convert(program, view, wide, "Input");
    program.put(v, wide);
  }

  private void lifetimes() {
    int end = program.steps.size();
    Lifetimes.set(program.steps.stream().map(Step::views).toList(), once.size());
    // Inputs outlive the run: a caller that sets one again only when it changes saves the copy.
    inputs.forEach(v -> Lifetimes.keep(v.slot(), end));
    outputs.forEach(v -> v.slot().touch(end));
    program.slots.removeIf(s -> !s.isUsed());
  }

  private boolean lower(Node node) {
    Value x = node.input(0);
    Value y = node.output(0);
    DType kept = x == null ? null : type(x.dtype());
    boolean floats = kept == DType.FLOAT32;
    if (node.domain().equals(FusedOps.DOMAIN)) {
      return floats && y.elements() > 0 && fused(node);
    }
    return switch (node.opType()) {
      case "Identity",
          "Dropout",
          "Reshape",
          "Flatten",
          "Squeeze",
          "Unsqueeze",
          "Transpose",
          "Expand",
          "Slice",
          "DepthToSpace",
          "SpaceToDepth" ->
          node.output(1) == null && ViewLowering.lower(program, node);
      case "Split" -> {
        ViewLowering.split(program, node);
        yield true;
      }
      case "Concat" -> {
        ViewLowering.concat(program, node);
        yield true;
      }
      case "Gather" -> GatherLowering.lower(program, node);
      case "Cast" -> FallbackLowering.cast(program, node);
      case "Conv", "ConvTranspose" ->
          floats && y.elements() > 0 && ConvLowering.lower(program, node, null);
      case "MatMul" -> floats && MatMulLowering.matmul(program, node);
      case "Softmax" -> floats && SoftmaxLowering.softmax(program, node);
      case "LayerNormalization" -> floats && SoftmaxLowering.layerNorm(program, node);
      case "RMSNormalization" -> floats && RmsNormLowering.lower(program, node);
      case "Add", "Sub", "Mul", "Div", "Max", "Min" ->
          floats && ElementwiseLowering.binary(program, node);
      case "ReduceMean",
          "ReduceSum",
          "ReduceSumSquare",
          "ReduceL1",
          "ReduceL2",
          "ReduceMax",
          "ReduceMin" ->
          floats && ReduceLowering.lower(program, node);
      case "Pad" -> y.elements() > 0 && PadLowering.lower(program, node, fill(node));
      case "Tile" -> y.elements() > 0 && ViewLowering.tile(program, node);
      case "Where",
          "IsNaN",
          "And",
          "Or",
          "Xor",
          "Not",
          "Equal",
          "Less",
          "LessOrEqual",
          "Greater",
          "GreaterOrEqual" ->
          LogicLowering.lower(program, node);
      case "Resize" -> floats && ResizeLowering.lower(program, node);
      case "AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool" ->
          floats && PoolLowering.lower(program, node);
      default -> floats && UnaryLowering.lower(program, node);
    };
  }

  /** The constant that a Pad adds, in the type that its input is kept in; null where it repeats. */
  private View fill(Node pad) {
    if (!pad.attributes().getString("mode", "constant").equals("constant")) {
      return null;
    }
    Value given = pad.input(2);
    DType kept = type(pad.input(0).dtype());
    if (given == null || given.elements() == 0) {
      Tensor value = Tensor.allocate(kept, 1);
      value.setDouble(0, pad.attributes().getFloat("value", 0));
      return program.constant(Constant.of(value));
    }
    View one = kept == DType.FLOAT32 ? program.floatsOf(given) : program.get(given);
    return one.reshape(new long[] {1});
  }

  private boolean fused(Node node) {
    switch (node.opType()) {
      case FusedOps.CONV -> {
        return ConvLowering.lower(program, node, null);
      }
      case FusedOps.LINEAR -> {
        return LinearLowering.lower(program, node);
      }
      case FusedOps.GROUP_NORM -> {
        GroupNormLowering.lower(program, node);
        return true;
      }
      case FusedOps.ATTENTION -> {
        return AttentionLowering.lower(program, node);
      }
      case FusedOps.EXPRESSION -> {
        ExpressionLowering.lower(program, node);
        return true;
      }
      case FusedOps.GEGLU -> {
        return ElementwiseLowering.geglu(program, node);
      }
      default -> {
        return UnaryLowering.lower(program, node);
      }
    }
  }
}
