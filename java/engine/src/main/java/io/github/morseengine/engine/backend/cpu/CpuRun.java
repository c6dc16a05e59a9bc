package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.Run;
import io.github.morseengine.engine.backend.plan.MemoryPlan;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import io.github.morseengine.engine.ffi.openmp.Team;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.HashMap;

/** An arena with all steps bound to it. */
final class CpuRun implements Run {

  private final CpuExecutable executable;
  private final Arena lifetime = Arena.ofShared();
  private final Team team;
  private final Step.Bound[] steps;

  /** Per step, how many threads oneDNN takes for it. */
  private final int[] width;

  private final MemorySegment[] inputs;
  private final MemorySegment[] outputs;

  /** Constant inputs that have changed since what depends on them was computed. */
  private final BitSet changed = new BitSet();

  private boolean closed;

  CpuRun(CpuExecutable executable) {
    this.executable = executable;
    this.team = new Team(executable.threads);
    this.steps = new Step.Bound[executable.steps.size()];
    changed.set(0, executable.inputs().size());
    this.width = new int[steps.length];
    try {
      MemorySegment arena =
          lifetime.allocate(Math.max(1, executable.arenaBytes()), MemoryPlan.ALIGNMENT);
      Binding binding = new Binding(executable.engine, team, arena, lifetime, new HashMap<>());
      team.adopt();
      for (int i = 0; i < steps.length; i++) {
        Step step = executable.steps.get(i);
        width[i] = step.alone() ? 1 : executable.threads;
        steps[i] = step.bind(binding);
      }
      inputs = slices(binding, executable.inputViews);
      outputs = slices(binding, executable.outputViews);
    } catch (OutOfMemoryError e) {
      release();
      throw new DeviceOutOfMemoryException(
          "no memory for an arena of "
              + executable.arenaBytes()
              + " bytes: use a smaller batch or size, or close other sessions",
          e);
    } catch (RuntimeException e) {
      release();
      throw e;
    }
  }

  private static MemorySegment[] slices(Binding b, java.util.List<View> views) {
    MemorySegment[] out = new MemorySegment[views.size()];
    for (int i = 0; i < out.length; i++) {
      View v = views.get(i);
      out[i] = b.of(v).asSlice(0, v.elements() * v.dtype().bytes());
    }
    return out;
  }

  @Override
  public MemorySegment input(int index) {
    return inputs[index];
  }

  @Override
  public void changed(int index) {
    if (executable.isConstant(index)) {
      changed.set(index);
    }
  }

  @Override
  public void execute() {
    int now = 0;
    for (int i = changed.isEmpty() ? executable.once.size() : 0; i < steps.length; i++) {
      if (rests(i)) {
        continue;
      }
      if (width[i] != now) {
        now = width[i];
        Team.use(now);
      }
      steps[i].run();
    }
    changed.clear();
  }

  /** Whether what a step would compute is there already. */
  private boolean rests(int step) {
    return step < executable.once.size() && !executable.once.get(step).intersects(changed);
  }

  @Override
  public void executeProfiled(long[] nanos) {
    for (int i = changed.isEmpty() ? executable.once.size() : 0; i < steps.length; i++) {
      if (rests(i)) {
        continue;
      }
      Team.use(width[i]);
      long start = System.nanoTime();
      steps[i].run();
      nanos[i] += System.nanoTime() - start;
    }
    changed.clear();
  }

  @Override
  public MemorySegment output(int index) {
    return outputs[index];
  }

  private void release() {
    for (Step.Bound step : steps) {
      if (step != null) {
        step.close();
      }
    }
    team.close();
    lifetime.close();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      release();
    }
  }
}
