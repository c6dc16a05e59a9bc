package io.github.morseengine.engine.graph.infer;

import io.github.morseengine.engine.backend.reference.ReferenceOps;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.ResourceLimitException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.graph.contrib.ContribOps;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Branch;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Binds a graph to input shapes: afterwards every value has a static type, everything that does not
 * depend on input data is a constant, and nodes that change nothing are gone.
 */
public final class GraphBinder {

  /** Result of one folded node, and of all together: weights are viewed, never folded by value. */
  private static final long FOLD_NODE_BYTES = 64L << 20;

  private static final long FOLD_TOTAL_BYTES = 256L << 20;
  private static final long TENSOR_BYTES = 1L << 40;

  private final Graph graph;
  private final List<Node> kept = new ArrayList<>();
  private final Map<Value, Value> aliases = new IdentityHashMap<>();
  private final Set<Value> outputs = Collections.newSetFromMap(new IdentityHashMap<>());
  private long folded;

  private GraphBinder(Graph graph) {
    this.graph = graph;
    outputs.addAll(graph.outputs());
  }

  /**
   * Binds a graph in place.
   *
   * @param graph a graph as read
   * @param inputShapes dimensions by input name; inputs of fixed shape may be left out
   * @throws InvalidInputException if a shape does not fit the declared one
   * @throws ModelFormatException if a node's inputs do not fit it
   * @throws UnsupportedOpException if a shape depends on input data
   * @throws ResourceLimitException if a tensor would be absurdly large
   */
  public static void bind(Graph graph, Map<String, long[]> inputShapes) {
    InputBinder.bind(graph, inputShapes);
    GraphBinder binder = new GraphBinder(graph);
    for (Node node : graph.nodes()) {
      binder.visit(node);
    }
    binder.finish();
  }

  private void visit(Node node) {
    for (int i = 0; i < node.inputs().size(); i++) {
      Value alias = aliases.get(node.input(i));
      if (alias != null) {
        node.setInput(i, alias);
      }
    }
    try {
      List<Node> parts = parts(node);
      if (parts != null) {
        parts.forEach(this::visit);
        return;
      }
      TypeRules.infer(node);
      OperandRules.check(node);
      limit(node);
      if (!fold(node) && !skip(node)) {
        kept.add(node);
      }
    } catch (InvalidInputException | ArithmeticException e) {
      throw new ModelFormatException(where(node) + e.getMessage(), e);
    } catch (UnsupportedOpException e) {
      throw new UnsupportedOpException(where(node) + e.getMessage(), e);
    } catch (NullPointerException | IndexOutOfBoundsException e) {
      throw new ModelFormatException(
          where(node) + "its inputs do not fit the operator: " + node.inputs(), e);
    }
  }

  /** What stands for a node; null where it stays. */
  private static List<Node> parts(Node node) {
    return switch (node.domain().isEmpty() ? node.opType() : "") {
      case "If" -> branch(node);
      // Of the other tensor only the type counts: nothing has to wait for it, or compute it.
      case "CastLike" -> {
        Attributes to = Attributes.of("to", node.input(1).dtype().onnxCode());
        List<Value> x = List.of(node.input(0));
        yield List.of(new Node(node.name(), "", "Cast", node.opset(), x, node.outputs(), to));
      }
      default -> ContribOps.expand(node);
    };
  }

  /**
   * The nodes of the branch that an If takes, which has to be known before anything runs: exporters
   * write one where a model asks for the sizes of what it is given.
   */
  private static List<Node> branch(Node node) {
    Value condition = node.input(0);
    if (!condition.isConstant()) {
      throw new UnsupportedOpException(
          "which branch it takes depends on the value of '"
              + condition.name()
              + "', which is computed from input data; export the model with static logic");
    }
    Tensor value = condition.constant().materialize(Arena.ofAuto());
    if (value.elements() != 1) {
      throw new InvalidInputException("its condition is " + value + ", not one truth value");
    }
    String name = value.getLong(0) != 0 ? "then_branch" : "else_branch";
    Branch branch = node.attributes().getBranch(name);
    if (branch == null || branch.outputs().size() < node.outputs().size()) {
      throw new InvalidInputException(name + " does not give all outputs");
    }
    List<Node> out = new ArrayList<>(branch.nodes());
    for (int i = 0; i < node.outputs().size(); i++) {
      if (node.output(i) != null) {
        String named = node.name() + "/" + name + "/" + i;
        out.add(identity(named, branch.outputs().get(i), node.output(i)));
      }
    }
    return out;
  }

  private static Node identity(String name, Value from, Value to) {
    return new Node(name, "", "Identity", 13, List.of(from), List.of(to), Attributes.NONE);
  }

  private String where(Node node) {
    return graph.name() + ": node '" + node.name() + "' (" + node.opType() + "): ";
  }

  private void limit(Node node) {
    for (Value out : node.outputs()) {
      if (out == null) {
        continue;
      }
      long bytes = Math.multiplyExact(Shapes.elements(out.shape()), (long) out.dtype().bytes());
      if (bytes > TENSOR_BYTES) {
        throw new ResourceLimitException(
            where(node) + "its result " + out + " needs " + bytes + " bytes; give smaller inputs");
      }
    }
  }

  private boolean fold(Node node) {
    Value x = node.input(0);
    if (node.is("Shape") || node.is("Size")) {
      long[] s = ShapeRules.shapeSlice(node, x.shape());
      boolean size = node.is("Size");
      Tensor t = size ? Tensor.ofLongs(new long[] {x.elements()}) : Tensor.ofLongs(s, s.length);
      return constant(node, 0, Constant.of(t));
    }
    for (Value in : node.inputs()) {
      if (in != null && !in.isConstant()) {
        return false;
      }
    }
    Constant viewed = x == null ? null : view(node, x.constant());
    if (viewed != null) {
      return constant(node, 0, viewed);
    }
    long bytes = 0;
    for (Value out : node.outputs()) {
      bytes += out == null ? 0 : out.elements() * out.dtype().bytes();
    }
    if (bytes > FOLD_NODE_BYTES || folded + bytes > FOLD_TOTAL_BYTES) {
      throw new ResourceLimitException(
          where(node)
              + "computing it beforehand needs "
              + bytes
              + " bytes, more than the budget of "
              + FOLD_NODE_BYTES
              + " a node and "
              + FOLD_TOTAL_BYTES
              + " in all");
    }
    folded += bytes;
    Tensor[] in = new Tensor[node.inputs().size()];
    for (int i = 0; i < in.length; i++) {
      in[i] = node.input(i) == null ? null : node.input(i).constant().materialize(Arena.ofAuto());
    }
    Tensor[] results = ReferenceOps.run(node, in);
    for (int i = 0; i < node.outputs().size(); i++) {
      if (node.output(i) != null) {
        constant(node, i, Constant.of(results[i]));
      }
    }
    return true;
  }

  /** Renaming operators see the stored bytes through a view instead of copying them. */
  private static Constant view(Node node, Constant c) {
    Value out = node.output(0);
    return switch (node.opType()) {
      case "Identity" -> c;
      case "Cast" -> viewable(c.dtype()) && viewable(out.dtype()) ? c.cast(out.dtype()) : null;
      case "Reshape", "Squeeze", "Unsqueeze", "Flatten" -> c.reshape(out.shape());
      case "DequantizeLinear" -> dequantized(node, c);
      case "Transpose" ->
          c.shape().length == 0 ? c : c.transpose(ShapeRules.permutation(node, c.shape().length));
      default -> null;
    };
  }

  /** Null where scales stand for blocks, or where another type than theirs is wanted. */
  private static Constant dequantized(Node node, Constant c) {
    Tensor scales = node.input(1).constant().materialize(Arena.ofAuto());
    Value zero = node.input(2);
    boolean plain =
        node.attributes().getInt("block_size", 0) == 0
            && scales.dtype() == node.output(0).dtype()
            && (scales.elements() == 1 || scales.rank() == 1);
    if (!plain) {
      return null;
    }
    int axis =
        scales.elements() == 1
            ? 0
            : Shapes.axis(node.attributes().getInt("axis", 1), c.shape().length);
    if (scales.elements() > 1 && c.shape()[axis] != scales.elements()) {
      throw new InvalidInputException(scales + " as scales of " + node.input(0));
    }
    Tensor zeros = zero == null ? null : zero.constant().materialize(Arena.ofAuto());
    if (zeros != null && zeros.elements() != scales.elements()) {
      throw new InvalidInputException(zeros + " as zero points of " + scales);
    }
    return c.dequantize(scales, zeros, axis);
  }

  private static boolean viewable(DType t) {
    return t.isFloat();
  }

  private static boolean constant(Node node, int output, Constant value) {
    node.output(output).setConstant(value);
    return true;
  }

  /** Forwards the input of nodes that change nothing; graph outputs keep their node. */
  private boolean skip(Node node) {
    Value x = node.input(0);
    Value y = node.output(0);
    boolean same =
        switch (node.opType()) {
          case "Identity" -> true;
          case "Dropout" -> node.output(1) == null;
          case "Cast" -> x.dtype() == y.dtype();
          case "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile", "Pad", "Concat" ->
              sameShape(x, y) && (!node.is("Concat") || node.inputs().size() == 1);
          case "Slice" -> sameShape(x, y) && forward(node);
          case "Transpose" -> isIdentity(node, x);
          case "Add", "Sub" -> neutral(node, 0);
          case "Mul", "Div" -> neutral(node, 1);
          default -> false;
        };
    if (!same || !node.domain().isEmpty()) {
      return false;
    }
    if (outputs.contains(y)) {
      kept.add(node.is("Identity") ? node : identity(node.name(), x, y));
      return true;
    }
    aliases.put(y, x);
    return true;
  }

  private static boolean sameShape(Value x, Value y) {
    return Arrays.equals(x.shape(), y.shape());
  }

  private static boolean forward(Node node) {
    for (long step : TypeRules.region(node).step()) {
      if (step < 0) {
        return false;
      }
    }
    return true;
  }

  private static boolean isIdentity(Node node, Value x) {
    int[] perm = ShapeRules.permutation(node, x.rank());
    for (int i = 0; i < perm.length; i++) {
      if (perm[i] != i) {
        return false;
      }
    }
    return true;
  }

  /** Whether the second operand is a constant of one element that changes nothing. */
  private static boolean neutral(Node node, double element) {
    Value b = node.input(1);
    return b.isConstant()
        && b.elements() == 1
        && sameShape(node.input(0), node.output(0))
        && b.constant().materialize(Arena.ofAuto()).getDouble(0) == element;
  }

  /**
   * Names outputs that are constants or inputs by an Identity node, then drops what nobody reads.
   */
  private void finish() {
    for (int i = 0; i < graph.outputs().size(); i++) {
      Value y = graph.outputs().get(i);
      if (y.producer() == null) {
        Value named = new Value(graph.outputNames().get(i));
        named.setType(y.dtype(), y.shape());
        kept.add(identity("Identity(" + named.name() + ")", y, named));
        graph.outputs().set(i, named);
      }
    }
    Set<Value> needed = Collections.newSetFromMap(new IdentityHashMap<>());
    needed.addAll(graph.outputs());
    List<Node> alive = new ArrayList<>();
    for (int i = kept.size() - 1; i >= 0; i--) {
      Node node = kept.get(i);
      boolean used = false;
      for (Value out : node.outputs()) {
        used |= out != null && needed.contains(out);
      }
      if (used) {
        needed.addAll(node.inputs());
        alive.add(node);
      }
    }
    Collections.reverse(alive);
    graph.nodes().clear();
    graph.nodes().addAll(alive);
  }
}
