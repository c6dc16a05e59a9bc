package io.github.morseengine.engine.graph.passes;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.ShapeRules;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Slices that together cut a value into pieces along one axis (the chunk of a TorchScript export)
 * become one Split, and a Split that undoes a Concat goes away.
 */
final class SlicePartitions implements Pass {

  /** A Slice that takes a range of one axis. */
  private record Piece(Node node, int axis, long start, long end) {}

  @Override
  public boolean apply(Graph graph) {
    Map<Value, List<Piece>> slices = new IdentityHashMap<>();
    for (Node node : graph.nodes()) {
      Piece piece = node.is("Slice") ? piece(node) : null;
      if (piece != null) {
        slices.computeIfAbsent(node.input(0), v -> new ArrayList<>()).add(piece);
      }
    }
    Map<Node, List<Piece>> joined = new IdentityHashMap<>();
    for (List<Piece> pieces : slices.values()) {
      pieces.sort(Comparator.comparingLong(Piece::start));
      if (isPartition(pieces)) {
        pieces.forEach(p -> joined.put(p.node, pieces));
      }
    }
    boolean changed =
        Rewriter.sweep(
            graph,
            (r, n) -> {
              if (joined.containsKey(n)) {
                join(r, n, joined.get(n));
              }
            });
    return Rewriter.sweep(graph, SlicePartitions::undo) || changed;
  }

  private static Piece piece(Node node) {
    long[] shape = node.input(0).shape();
    ShapeRules.Region r = StridedSlices.region(node);
    if (r == null) {
      return null;
    }
    int axis = -1;
    for (int d = 0; d < shape.length; d++) {
      if (r.step()[d] != 1) {
        return null;
      }
      if (r.shape()[d] != shape[d]) {
        if (axis >= 0) {
          return null;
        }
        axis = d;
      }
    }
    return axis < 0
        ? null
        : new Piece(node, axis, r.start()[axis], r.start()[axis] + r.shape()[axis]);
  }

  private static boolean isPartition(List<Piece> sorted) {
    long at = 0;
    for (Piece p : sorted) {
      if (p.axis != sorted.getFirst().axis || p.start != at || p.end == at) {
        return false;
      }
      at = p.end;
    }
    return at == sorted.getFirst().node.input(0).shape()[sorted.getFirst().axis];
  }

  /** The first of the slices becomes the Split, which computes the outputs of all. */
  private static void join(Rewriter r, Node n, List<Piece> pieces) {
    if (pieces.stream().anyMatch(p -> p.node.output(0).producer().is("Split"))) {
      r.drop();
      return;
    }
    long[] sizes = pieces.stream().mapToLong(p -> p.end - p.start).toArray();
    Value parts =
        Value.ofConstant(n.name() + "/sizes", Constant.of(Tensor.ofLongs(sizes, sizes.length)));
    List<Value> outputs = pieces.stream().map(p -> p.node.output(0)).toList();
    Attributes axis = Attributes.of("axis", (long) pieces.getFirst().axis);
    r.replace(
        new Node(n.name(), "", "Split", Rewriter.OPSET, List.of(n.input(0), parts), outputs, axis));
  }

  private static void undo(Rewriter r, Node split) {
    Node concat = split.is("Split") ? Match.producer(split.input(0), "Concat") : null;
    if (concat == null || concat.inputs().size() != split.outputs().size()) {
      return;
    }
    int rank = split.input(0).rank();
    int axis = Shapes.axis(split.attributes().getInt("axis", 0), rank);
    if (Shapes.axis(concat.attributes().getInt("axis", 0), rank) != axis) {
      return;
    }
    Map<Value, Value> parts = new IdentityHashMap<>();
    for (int i = 0; i < concat.inputs().size(); i++) {
      Value out = split.output(i);
      if (out == null || out.shape()[axis] != concat.input(i).shape()[axis]) {
        return;
      }
      parts.put(out, concat.input(i));
    }
    r.substitute(parts);
  }
}
