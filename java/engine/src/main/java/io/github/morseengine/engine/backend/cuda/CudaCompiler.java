package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.Executable.Port;
import io.github.morseengine.engine.backend.plan.Followers;
import io.github.morseengine.engine.backend.plan.Lifetimes;
import io.github.morseengine.engine.backend.plan.Slot;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.plan.ViewLowering;
import io.github.morseengine.engine.error.ResourceLimitException;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Turns a graph into a program: first the inputs are brought into the plan's form, then each
 * operator is lowered, what depends on constant inputs alone before the others, then the outputs
 * are brought into the ports' form; lifetimes follow.
 */
final class CudaCompiler {

  final CudaProgram program;

  /** Where the host's elements of each input arrive: dense, in the port's type. */
  final List<View> arrivals = new ArrayList<>();

  /** The inputs in the form that the plan reads. */
  final List<View> inputs = new ArrayList<>();

  final List<Port> inputPorts = new ArrayList<>();

  /** Per input, whether it was declared constant. */
  final List<Boolean> constants = new ArrayList<>();

  /** The outputs in the form that the plan leaves them in. */
  final List<View> results = new ArrayList<>();

  /** The outputs dense, in the ports' types. */
  final List<View> departures = new ArrayList<>();

  final List<Port> outputPorts = new ArrayList<>();

  /** Steps before this one convert constant inputs. */
  int onceStart;

  /** Steps before this one depend on constant inputs alone: they are left out while these stay. */
  int onceEnd;

  /** Steps before this one, and behind {@link #onceEnd}, convert the other inputs. */
  int bodyStart;

  /** Steps from this one on convert outputs. */
  int bodyEnd;

  private final Graph graph;
  private final Set<Node> once;
  private final Islands islands;

  /** Linear layers whose GEGLU computes them too. */
  private final Map<Node, Node> gated = new IdentityHashMap<>();

  CudaCompiler(Graph graph, CudaProgram program) {
    this.graph = graph;
    this.program = program;
    this.once = graph.constantNodes().keySet();
    this.islands = new Islands(graph, once);
  }

  void run() {
    program.narrow(new Narrowing(graph));
    ConcatPlaces.reserve(graph, program, islands);
    for (int i = 0; i < graph.inputs().size(); i++) {
      input(i, graph.inputs().get(i).value());
    }
    convert(true);
    onceStart = program.steps.size();
    gated.putAll(
        Followers.of(
            graph,
            (linear, geglu) ->
                linear.isFused(FusedOps.LINEAR)
                    && geglu.isFused(FusedOps.GEGLU)
                    && geglu.output(0).elements() > 0
                    && LinearLowering.takesGeglu(program, linear, geglu)));
    graph.nodes().stream().filter(once::contains).forEach(this::node);
    onceEnd = program.steps.size();
    convert(false);
    bodyStart = program.steps.size();
    graph.nodes().stream().filter(n -> !once.contains(n)).forEach(this::node);
    bodyEnd = program.steps.size();
    program.begin(boundary("Output"));
    for (int i = 0; i < graph.outputs().size(); i++) {
      Value v = graph.outputs().get(i);
      View from = program.get(v);
      View to = from;
      if (!from.isDense() || from.dtype() != v.dtype() || !from.slot().isActivation()) {
        to = program.allocateDense(v.dtype(), v.shape());
        program.copy(from, to, "Output");
      }
      results.add(from);
      departures.add(to);
      outputPorts.add(new Port(graph.outputNames().get(i), v.dtype(), v.shape()));
    }
    lifetimes();
  }

  private static Node boundary(String type) {
    return new Node(
        type.toLowerCase(java.util.Locale.ROOT), "", type, 0, List.of(), List.of(), null);
  }

  /**
   * Images and tokens are read in the type of activations, images with their channels innermost.
   * What has fewer dimensions, such as times, keeps its type: half precision would shift them.
   */
  private void input(int index, Value v) {
    DType own = v.dtype();
    boolean activation = v.rank() >= 3 && ElementTypes.computes(own);
    DType type = activation ? program.type : program.kept(own);
    boolean image = activation && v.rank() >= 4;
    long[] strides = image ? View.channelsLast(v.shape()) : Shapes.strides(v.shape());
    InputSlot slot = new InputSlot(index, Math.max(1, v.elements() * type.bytes()));
    View form = new View(slot, 0, type, v.shape().clone(), strides);
    View arrival = form;
    if (type != own || !form.isDense()) {
      arrival = program.allocateDense(own, v.shape());
    }
    arrivals.add(arrival);
    inputs.add(form);
    inputPorts.add(new Port(v.name(), own, v.shape()));
    constants.add(graph.isConstantInput(v));
    program.put(v, form);
  }

  /** Brings the inputs of one kind, constant or not, into the form that is read. */
  private void convert(boolean constant) {
    program.begin(boundary("Input"));
    for (int i = 0; i < inputs.size(); i++) {
      if (constants.get(i) == constant && arrivals.get(i) != inputs.get(i)) {
        program.copy(arrivals.get(i), inputs.get(i), "Input");
      }
    }
  }

  /** Kernels count elements in 32 bits. */
  private static void checkSizes(Node node) {
    for (Value v : node.outputs()) {
      if (v != null && v.elements() > Integer.MAX_VALUE) {
        throw new ResourceLimitException(
            "node '"
                + node.name()
                + "': '"
                + v.name()
                + "' has "
                + v.elements()
                + " elements, a GPU kernel takes at most "
                + Integer.MAX_VALUE
                + ": use a smaller batch or size");
      }
    }
  }

  private void node(Node node) {
    program.begin(node);
    checkSizes(node);
    if (gated.containsKey(node)) {
      // With its GEGLU, which comes later and reads the same input.
      return;
    }
    List<Node> island = islands.endingIn(node);
    boolean done =
        islands.isInner(node)
            || (island != null ? PointwiseLowering.lower(program, island) : lower(node));
    if (!done) {
      for (Node n : island == null ? List.of(node) : island) {
        onHost(n);
      }
    }
  }

  private boolean lower(Node node) {
    Value x = node.input(0);
    Value y = node.output(0);
    boolean floats = x != null && ElementTypes.computes(x.dtype());
    boolean some = y != null && y.elements() > 0;
    if (node.domain().equals(FusedOps.DOMAIN)) {
      return floats && some && fused(node);
    }
    if (!node.domain().isEmpty()) {
      return false;
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
          node.output(1) == null
              && LayoutLowering.hasConstantParameters(node)
              && ViewLowering.lower(program, node);
      case "Split" -> {
        boolean known = LayoutLowering.hasConstantParameters(node);
        if (known) {
          ViewLowering.split(program, node);
        }
        yield known;
      }
      case "Concat" -> {
        LayoutLowering.concat(program, node);
        yield true;
      }
      case "Pad" -> some && LayoutLowering.pad(program, node);
      case "Tile" -> some && ViewLowering.tile(program, node);
      case "Gather", "GatherElements" -> GatherLowering.lower(program, node);
      case "Conv" -> floats && some && ConvLowering.lower(program, node);
      case "ConvTranspose" -> floats && some && ConvLowering.transposed(program, node);
      case "MatMul" -> floats && some && MatMulLowering.matmul(program, node);
      case "Gemm" -> floats && some && MatMulLowering.gemm(program, node);
      case "Softmax", "LogSoftmax" -> floats && some && SoftmaxLowering.softmax(program, node);
      case "LayerNormalization", "RMSNormalization" ->
          floats && some && SoftmaxLowering.layerNorm(program, node);
      case "InstanceNormalization", "GroupNormalization" ->
          floats && some && GroupNormLowering.plain(program, node);
      case "Resize" -> floats && some && ResizeLowering.lower(program, node);
      case "AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool" ->
          floats && some && PoolLowering.lower(program, node);
      case "ReduceSum",
          "ReduceMean",
          "ReduceMax",
          "ReduceMin",
          "ReduceProd",
          "ReduceSumSquare",
          "ReduceL2" ->
          floats
              && some
              && LayoutLowering.hasConstantParameters(node)
              && ReduceLowering.lower(program, node);
      case "ArgMax", "ArgMin" -> floats && some && ReduceLowering.arg(program, node);
      case "CumSum" -> floats && some && ReduceLowering.cumulative(program, node);
      default -> false;
    };
  }

  private boolean fused(Node node) {
    switch (node.opType()) {
      case FusedOps.CONV -> {
        return ConvLowering.lower(program, node);
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
      case FusedOps.GEGLU -> {
        geglu(node);
        return true;
      }
      default -> {
        return false;
      }
    }
  }

  private void geglu(Node node) {
    Node linear = node.input(0).producer();
    if (linear != null && gated.get(linear) == node) {
      if (LinearLowering.geglu(program, linear, node)) {
        return;
      }
      program.begin(linear);
      if (!LinearLowering.lower(program, linear)) {
        onHost(linear);
      }
      program.begin(node);
    }
    SoftmaxLowering.geglu(program, node);
  }

  /** By the reference, where no kernel exists. */
  private void onHost(Node node) {
    List<View> in = new ArrayList<>();
    for (Value v : node.inputs()) {
      in.add(v == null ? null : program.dense(program.get(v)));
    }
    List<View> out = new ArrayList<>();
    for (Value v : node.outputs()) {
      View view = v == null ? null : program.allocateDense(program.kept(v.dtype()), v.shape());
      out.add(view);
      if (view != null) {
        program.put(v, view);
      }
    }
    program.add(new HostStep(node, in, out), node.opType(), Flops.of(node));
  }

  private void lifetimes() {
    int end = program.steps.size();
    Set<Slot> early = Lifetimes.set(program.steps.stream().map(CudaStep::views).toList(), onceEnd);
    arrivals.forEach(v -> v.slot().touch(0));
    if (program.faults() != null) {
      Lifetimes.keep(program.faults().slot(), end);
    }
    departures.forEach(v -> v.slot().touch(end));
    for (View v : results) {
      v.slot().touch(end);
      if (early.contains(v.slot())) {
        v.slot().touch(0);
      }
    }
    program.slots.removeIf(s -> !s.isUsed());
  }
}
