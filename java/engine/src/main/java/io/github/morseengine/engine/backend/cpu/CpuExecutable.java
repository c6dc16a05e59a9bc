package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Run;
import io.github.morseengine.engine.backend.plan.MemoryPlan;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.WeightStore;
import io.github.morseengine.engine.ffi.onednn.DnnEngine;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A finished program: immutable, shared by runs. */
final class CpuExecutable implements Executable {

  final DnnEngine engine;
  final int threads;
  final List<Step> steps;
  final List<View> inputViews;
  final List<View> outputViews;

  /** Per step that depends on constant inputs alone, the inputs after whose change it runs. */
  final List<BitSet> once;

  private final List<Boolean> constants;
  private final List<StepInfo> infos;
  private final List<Port> inputs;
  private final List<Port> outputs;
  private final List<WeightStore.Weight> weights;
  private final long arenaBytes;
  private final long lowerBound;
  private final Map<Long, Long> buffers = new LinkedHashMap<>();
  private boolean closed;

  CpuExecutable(
      Program program,
      int threads,
      List<View> inputViews,
      List<Port> inputs,
      List<View> outputViews,
      List<Port> outputs,
      List<Boolean> constants,
      List<BitSet> once) {
    this.engine = program.engine;
    this.threads = threads;
    this.steps = List.copyOf(program.steps);
    this.infos = List.copyOf(program.infos);
    this.inputViews = List.copyOf(inputViews);
    this.outputViews = List.copyOf(outputViews);
    this.inputs = List.copyOf(inputs);
    this.outputs = List.copyOf(outputs);
    this.constants = List.copyOf(constants);
    this.once = List.copyOf(once);
    this.weights = List.copyOf(program.weights);
    this.arenaBytes = MemoryPlan.place(program.slots, MemoryPlan.ALIGNMENT);
    this.lowerBound =
        MemoryPlan.lowerBound(program.slots, program.steps.size(), MemoryPlan.ALIGNMENT);
    for (WeightStore.Weight w : weights) {
      buffers.put(w.id(), w.data().byteSize());
    }
  }

  @Override
  public List<Port> inputs() {
    return inputs;
  }

  @Override
  public List<Port> outputs() {
    return outputs;
  }

  @Override
  public List<StepInfo> steps() {
    return infos;
  }

  @Override
  public int onceSteps() {
    return once.size();
  }

  @Override
  public boolean isConstant(int index) {
    return !once.isEmpty() && constants.get(index);
  }

  @Override
  public long arenaBytes() {
    return arenaBytes;
  }

  @Override
  public long arenaLowerBound() {
    return lowerBound;
  }

  @Override
  public Map<Long, Long> weightBuffers() {
    return Map.copyOf(buffers);
  }

  @Override
  public Run newRun() {
    return new CpuRun(this);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      steps.forEach(Step::close);
      weights.forEach(WeightStore.Weight::close);
    }
  }
}
