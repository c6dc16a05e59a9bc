package io.github.morseengine.engine.graph.onnx;

import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.ResourceLimitException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Branch;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Dim;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.onnx.Onnx.FunctionProto;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.onnx.Onnx.OperatorSetIdProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.onnx.Onnx.TensorShapeProto;
import io.github.morseengine.onnx.Onnx.ValueInfoProto;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Builds the graph of a parsed model: values, nodes in topological order, functions inlined. */
final class GraphReader {

  private static final int MAX_CALL_DEPTH = 64;

  /** Functions that call others twice each would double a graph per level. */
  private static final int MAX_NODES = 200_000;

  private final String model;
  private final TensorReader tensors;
  private final AttributeReader attributes;
  private final Map<String, FunctionProto> functions = new HashMap<>();
  private final Map<String, Integer> imports;

  /** Those of the body that is being read. */
  private List<Node> nodes = new ArrayList<>();

  private int read;
  private int calls;

  GraphReader(String model, ModelProto proto, TensorReader tensors) {
    this.model = model;
    this.tensors = tensors;
    this.attributes = new AttributeReader(tensors);
    for (FunctionProto f : proto.getFunctionsList()) {
      functions.put(key(f.getDomain(), f.getName(), f.getOverload()), f);
    }
    this.imports = opsets(proto.getOpsetImportList());
  }

  static Map<String, Integer> opsets(List<OperatorSetIdProto> list) {
    Map<String, Integer> map = new HashMap<>();
    for (OperatorSetIdProto o : list) {
      map.put(domain(o.getDomain()), (int) o.getVersion());
    }
    return map;
  }

  /** "ai.onnx" is another way to write the default domain. */
  static String domain(String domain) {
    return domain.equals("ai.onnx") ? "" : domain;
  }

  static String key(String domain, String name, String overload) {
    return domain(domain) + "\0" + name + "\0" + overload;
  }

  Graph read(GraphProto proto) {
    Graph graph = new Graph(model);
    Scope scope = new Scope(null);
    initializers(proto, scope);
    for (ValueInfoProto info : proto.getInputList()) {
      // Files of before IR version 4 list initializers among the inputs too.
      Value known = scope.get(info.getName());
      if (known != null && known.isConstant()) {
        continue;
      }
      Value value = new Value(info.getName());
      value.setType(elementType(info, "input"));
      define(scope, value, "input");
      graph.inputs().add(new Graph.Input(value, dims(info)));
    }
    expand(proto.getNodeList(), scope, "", imports, null, new ArrayDeque<>());
    for (ValueInfoProto info : proto.getOutputList()) {
      Value value = scope.get(info.getName());
      if (value == null) {
        throw new ModelFormatException(
            model + ": no node computes the graph output '" + info.getName() + "'");
      }
      graph.outputs().add(value);
      graph.outputNames().add(info.getName());
      graph.outputDims().add(dims(info));
    }
    graph.nodes().addAll(nodes);
    return graph;
  }

  private void initializers(GraphProto proto, Scope scope) {
    for (TensorProto t : proto.getInitializerList()) {
      Tensor tensor = tensors.read(t, t.getName());
      define(scope, Value.ofConstant(t.getName(), Constant.of(tensor)), "initializer");
    }
  }

  private DType elementType(ValueInfoProto info, String what) {
    DType dtype =
        info.getType().hasTensorType()
            ? DType.ofOnnx(info.getType().getTensorType().getElemType())
            : null;
    if (dtype == null) {
      throw new UnsupportedOpException(
          model + ": " + what + " '" + info.getName() + "' is not a tensor of a type we run");
    }
    return dtype;
  }

  static List<Dim> dims(ValueInfoProto info) {
    if (!info.getType().getTensorType().hasShape()) {
      return null;
    }
    List<Dim> out = new ArrayList<>();
    for (TensorShapeProto.Dimension d : info.getType().getTensorType().getShape().getDimList()) {
      out.add(
          d.hasDimValue() && d.getDimValue() >= 0
              ? Dim.of(d.getDimValue())
              : Dim.symbolic(d.hasDimParam() ? d.getDimParam() : null));
    }
    return out;
  }

  private void define(Scope scope, Value value, String what) {
    if (value.name().isEmpty()) {
      throw new ModelFormatException(model + ": an " + what + " has no name");
    }
    if (scope.get(value.name()) != null) {
      throw new ModelFormatException(
          model + ": two values are named '" + value.name() + "'; names must be unique");
    }
    scope.put(value.name(), value);
  }

  /** Adds the nodes of one body in topological order, whatever order the file has. */
  private void expand(
      List<NodeProto> body,
      Scope scope,
      String prefix,
      Map<String, Integer> opsets,
      Attributes outer,
      ArrayDeque<String> stack) {
    Set<String> producedLater = new HashSet<>();
    for (NodeProto n : body) {
      for (String out : n.getOutputList()) {
        if (!out.isEmpty() && (!producedLater.add(out) || scope.knows(out))) {
          throw new ModelFormatException(
              model
                  + ": node '"
                  + nodeName(n, prefix)
                  + "' computes '"
                  + out
                  + "', which exists already; names must be unique");
        }
      }
    }
    List<NodeProto> waiting = new ArrayList<>(body);
    while (!waiting.isEmpty()) {
      List<NodeProto> next = new ArrayList<>();
      for (NodeProto n : waiting) {
        boolean ready = true;
        for (String in : Scope.reads(n)) {
          if (!in.isEmpty() && !scope.knows(in)) {
            if (!producedLater.contains(in)) {
              throw new ModelFormatException(
                  model
                      + ": node '"
                      + nodeName(n, prefix)
                      + "' reads '"
                      + in
                      + "', which nothing computes");
            }
            ready = false;
          }
        }
        if (ready) {
          add(n, scope, prefix, opsets, outer, stack);
        } else {
          next.add(n);
        }
      }
      if (next.size() == waiting.size()) {
        throw new ModelFormatException(
            model + ": node '" + nodeName(next.getFirst(), prefix) + "' is part of a cycle");
      }
      waiting = next;
    }
  }

  static String nodeName(NodeProto n, String prefix) {
    String name = n.getName();
    if (name.isEmpty()) {
      name = n.getOpType() + "(" + (n.getOutputCount() > 0 ? n.getOutput(0) : "") + ")";
    }
    return prefix + name;
  }

  private void add(
      NodeProto n,
      Scope scope,
      String prefix,
      Map<String, Integer> opsets,
      Attributes outer,
      ArrayDeque<String> stack) {
    String name = nodeName(n, prefix);
    if (read++ >= MAX_NODES) {
      throw new ResourceLimitException(
          model
              + ": node '"
              + name
              + "': more than "
              + MAX_NODES
              + " nodes and function calls; export a smaller graph");
    }
    List<Value> inputs = new ArrayList<>(n.getInputCount());
    for (String in : n.getInputList()) {
      inputs.add(in.isEmpty() ? null : scope.get(in));
    }
    Attributes attrs = attributes.read(n.getAttributeList(), outer, name);
    for (AttributeProto a : n.getAttributeList()) {
      if (a.hasG()) {
        String inside = name + "/" + a.getName() + "/";
        Branch branch = branch(a.getG(), new Scope(scope), inside, opsets, outer, stack);
        attrs = attrs.with(a.getName(), branch);
      }
    }
    String domain = domain(n.getDomain());
    FunctionProto function = functions.get(key(domain, n.getOpType(), n.getOverload()));
    if (function != null) {
      call(function, n, name, inputs, attrs, scope, prefix, stack);
      return;
    }
    List<Value> outputs = new ArrayList<>(n.getOutputCount());
    for (String out : n.getOutputList()) {
      Value value = out.isEmpty() ? null : new Value(prefix + out);
      outputs.add(value);
      if (value != null) {
        scope.put(out, value);
      }
    }
    if (domain.isEmpty() && n.getOpType().equals("Constant")) {
      outputs.getFirst().setConstant(Constant.of(constant(attrs, name)));
      return;
    }
    int opset = opsets.getOrDefault(domain, imports.getOrDefault(domain, 1));
    nodes.add(new Node(name, domain, n.getOpType(), opset, inputs, outputs, attrs));
  }

  /** A graph within a node: it reads what stands around it. */
  private Branch branch(
      GraphProto proto,
      Scope scope,
      String prefix,
      Map<String, Integer> opsets,
      Attributes outer,
      ArrayDeque<String> stack) {
    List<Node> around = nodes;
    nodes = new ArrayList<>();
    initializers(proto, scope);
    expand(proto.getNodeList(), scope, prefix, opsets, outer, stack);
    List<Value> outputs = new ArrayList<>();
    for (ValueInfoProto info : proto.getOutputList()) {
      Value value = scope.get(info.getName());
      if (value == null) {
        throw new ModelFormatException(
            model + ": nothing computes '" + info.getName() + "', an output of '" + prefix + "'");
      }
      outputs.add(value);
    }
    Branch branch = new Branch(nodes, outputs);
    nodes = around;
    return branch;
  }

  private Tensor constant(Attributes a, String node) {
    if (a.has("value")) {
      return a.getTensor("value");
    }
    if (a.has("value_float")) {
      return Tensor.ofFloats(new float[] {a.getFloat("value_float", 0)});
    }
    if (a.has("value_int")) {
      return Tensor.ofLongs(new long[] {a.getInt("value_int", 0)});
    }
    if (a.has("value_floats")) {
      float[] v = a.getFloats("value_floats");
      return Tensor.ofFloats(v, v.length);
    }
    if (a.has("value_ints")) {
      long[] v = a.getInts("value_ints");
      return Tensor.ofLongs(v, v.length);
    }
    throw new UnsupportedOpException(
        model + ": node '" + node + "' is a Constant without a numeric value");
  }

  private void call(
      FunctionProto f,
      NodeProto n,
      String name,
      List<Value> inputs,
      Attributes attrs,
      Scope scope,
      String prefix,
      ArrayDeque<String> stack) {
    String id = key(f.getDomain(), f.getName(), f.getOverload());
    if (stack.contains(id) || stack.size() >= MAX_CALL_DEPTH) {
      throw new ModelFormatException(
          model + ": node '" + name + "' calls the function '" + f.getName() + "' recursively");
    }
    Attributes full = attrs;
    for (var d : f.getAttributeProtoList()) {
      if (!full.has(d.getName())) {
        full = full.with(d.getName(), attributes.value(d, name));
      }
    }
    Scope inner = new Scope(null);
    for (int i = 0; i < f.getInputCount(); i++) {
      if (i < inputs.size() && inputs.get(i) != null) {
        inner.put(f.getInput(i), inputs.get(i));
      } else {
        inner.put(f.getInput(i), null);
      }
    }
    stack.push(id);
    String inside = prefix + f.getName() + "#" + calls++ + "/";
    expand(f.getNodeList(), inner, inside, opsets(f.getOpsetImportList()), full, stack);
    stack.pop();
    for (int i = 0; i < n.getOutputCount(); i++) {
      if (n.getOutput(i).isEmpty()) {
        continue;
      }
      Value value = i < f.getOutputCount() ? inner.get(f.getOutput(i)) : null;
      if (value == null) {
        throw new ModelFormatException(
            model + ": the function '" + f.getName() + "' does not compute output " + i);
      }
      scope.put(n.getOutput(i), value);
    }
  }
}
