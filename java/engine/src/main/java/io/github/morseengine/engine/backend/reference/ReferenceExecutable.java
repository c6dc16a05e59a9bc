package io.github.morseengine.engine.backend.reference;

import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Run;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The nodes of a graph with their constants. */
final class ReferenceExecutable implements Executable {

  private final List<Node> nodes;
  private final List<Value> inputs = new ArrayList<>();
  private final List<Port> inputPorts = new ArrayList<>();
  private final List<Value> outputs;
  private final List<Port> outputPorts = new ArrayList<>();
  private final Map<Value, Tensor> constants = new IdentityHashMap<>();
  private final Map<Long, Long> buffers = new LinkedHashMap<>();
  private final List<StepInfo> steps = new ArrayList<>();

  ReferenceExecutable(Graph graph) {
    this.nodes = List.copyOf(graph.nodes());
    for (Graph.Input in : graph.inputs()) {
      inputs.add(in.value());
      inputPorts.add(new Port(in.value().name(), in.value().dtype(), in.value().shape()));
    }
    this.outputs = List.copyOf(graph.outputs());
    for (int i = 0; i < outputs.size(); i++) {
      Value v = outputs.get(i);
      outputPorts.add(new Port(graph.outputNames().get(i), v.dtype(), v.shape()));
      keep(v);
    }
    for (Node node : nodes) {
      node.inputs().forEach(this::keep);
      steps.add(
          new StepInfo(
              node.name(), node.opType(), "plain Java", Flops.of(node), Flops.bytes(node)));
    }
  }

  private void keep(Value v) {
    if (v != null && v.isConstant() && !constants.containsKey(v)) {
      // Copied, so that the model file can be closed.
      Tensor stored = v.constant().materialize(Arena.ofAuto());
      Tensor copy = Tensor.allocate(stored.dtype(), stored.shape());
      copy.data().copyFrom(stored.data());
      constants.put(v, copy);
      buffers.put((long) buffers.size(), copy.byteSize());
    }
  }

  @Override
  public List<Port> inputs() {
    return inputPorts;
  }

  @Override
  public List<Port> outputs() {
    return outputPorts;
  }

  @Override
  public List<StepInfo> steps() {
    return steps;
  }

  @Override
  public long arenaBytes() {
    return 0;
  }

  @Override
  public long arenaLowerBound() {
    return 0;
  }

  @Override
  public Map<Long, Long> weightBuffers() {
    return buffers;
  }

  @Override
  public Run newRun() {
    return new ReferenceRun();
  }

  @Override
  public void close() {
    // The garbage collector frees the constants.
  }

  /** Holds inputs and the latest outputs. */
  private final class ReferenceRun implements Run {
    private final List<Tensor> in = new ArrayList<>();
    private final List<Tensor> out = new ArrayList<>();

    ReferenceRun() {
      for (Port p : inputPorts) {
        in.add(Tensor.allocate(p.dtype(), p.shape()));
      }
      for (Port p : outputPorts) {
        out.add(Tensor.allocate(p.dtype(), p.shape()));
      }
    }

    @Override
    public MemorySegment input(int index) {
      return in.get(index).data();
    }

    @Override
    public void execute() {
      executeProfiled(new long[nodes.size()]);
    }

    @Override
    public void executeProfiled(long[] nanos) {
      Map<Value, Tensor> values = new IdentityHashMap<>(constants);
      for (int i = 0; i < inputs.size(); i++) {
        values.put(inputs.get(i), in.get(i));
      }
      for (int i = 0; i < nodes.size(); i++) {
        long start = System.nanoTime();
        Node node = nodes.get(i);
        Tensor[] args = new Tensor[node.inputs().size()];
        for (int k = 0; k < args.length; k++) {
          args[k] = node.input(k) == null ? null : values.get(node.input(k));
        }
        Tensor[] results = ReferenceOps.run(node, args);
        for (int k = 0; k < node.outputs().size(); k++) {
          if (node.output(k) != null) {
            values.put(node.output(k), results[k]);
          }
        }
        nanos[i] += System.nanoTime() - start;
      }
      for (int i = 0; i < out.size(); i++) {
        out.get(i).data().copyFrom(values.get(outputs.get(i)).data());
      }
    }

    @Override
    public MemorySegment output(int index) {
      return out.get(index).data();
    }

    @Override
    public void close() {
      out.clear();
    }
  }
}
