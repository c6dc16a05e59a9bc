package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Run;
import io.github.morseengine.engine.backend.plan.MemoryPlan;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.DeviceWeights;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A placed program. */
final class CudaExecutable implements Executable {

  final CudaDevice device;
  final List<CudaStep> steps;

  /** See {@link CudaCompiler#arrivals}. */
  final List<View> arrivals;

  /** See {@link CudaCompiler#inputs}. */
  final List<View> forms;

  /** See {@link CudaCompiler#results}. */
  final List<View> results;

  /** See {@link CudaCompiler#departures}. */
  final List<View> departures;

  /** Words that look-ups set; null where there are none. */
  final View faults;

  /** Nodes of the words of {@link #faults}. */
  final List<String> lookups;

  /** The steps that compute, without those that convert inputs and outputs. */
  final int bodyStart;

  final int bodyEnd;

  /** See {@link CudaCompiler#onceStart}. */
  final int onceStart;

  /** See {@link CudaCompiler#onceEnd}. */
  final int onceEnd;

  private final List<StepInfo> infos;
  private final List<Port> inputs;
  private final List<Boolean> constants;
  private final List<Port> outputs;
  private final List<DeviceWeights.DeviceWeight> weights;
  private final long arenaBytes;
  private final long lowerBound;
  private final Map<Long, Long> buffers = new LinkedHashMap<>();
  private boolean closed;

  CudaExecutable(CudaCompiler c) {
    CudaProgram program = c.program;
    device = program.device;
    steps = List.copyOf(program.steps);
    infos = List.copyOf(program.infos);
    arrivals = List.copyOf(c.arrivals);
    forms = List.copyOf(c.inputs);
    results = List.copyOf(c.results);
    departures = List.copyOf(c.departures);
    inputs = List.copyOf(c.inputPorts);
    constants = List.copyOf(c.constants);
    outputs = List.copyOf(c.outputPorts);
    bodyStart = c.bodyStart;
    bodyEnd = c.bodyEnd;
    onceStart = c.onceStart;
    onceEnd = c.onceEnd;
    faults = program.faults();
    lookups = List.copyOf(program.lookups);
    weights = List.copyOf(program.weights);
    arenaBytes = MemoryPlan.place(program.slots, CudaProgram.ALIGNMENT);
    lowerBound = MemoryPlan.lowerBound(program.slots, program.steps.size(), CudaProgram.ALIGNMENT);
    for (DeviceWeights.DeviceWeight w : weights) {
      buffers.put(w.id(), w.bytes());
    }
  }

  /** Whether a run can be one captured graph: no step waits for the host. */
  boolean isCapturable() {
    return steps.stream().allMatch(CudaStep::isCapturable);
  }

  /** Whether something is computed from constant inputs alone. */
  boolean hasConstantSteps() {
    return onceEnd > onceStart;
  }

  @Override
  public List<Port> inputs() {
    return inputs;
  }

  @Override
  public boolean isConstant(int index) {
    return hasConstantSteps() && constants.get(index);
  }

  @Override
  public int onceSteps() {
    return hasConstantSteps() ? onceEnd : 0;
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
    return new CudaRun(this);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      steps.forEach(CudaStep::close);
      weights.forEach(DeviceWeights.DeviceWeight::close);
    }
  }
}
