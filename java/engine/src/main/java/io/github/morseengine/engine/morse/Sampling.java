package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.backend.Trajectory;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Sessions of Dash and Dot with everything that a batch needs. The sample lives in the input of the
 * model that sees it next, so that the update writes it exactly once. For one thread at a time.
 */
final class Sampling implements AutoCloseable {

  /** A value that Dot takes from a step of Dash; of a sample only the channels that it has. */
  private record Observation(Tensor from, Session dot, String input) {

    void copy() {
      Tensor to = dot.input(input);
      if (from.rank() == 4) {
        SampleInput.copyChannels(from, to, 0);
      } else {
        to.copyFrom(from);
      }
    }
  }

  private final SampleUpdate update;
  private final Net dash;
  private final Net dot;
  private final Classifier classifier;
  private final Tensor dashOutput;
  private final List<Observation> observations = new ArrayList<>();

  /** What Dot takes from Dash's step before the latest one, out of its own inputs. */
  private final List<Observation> previous = new ArrayList<>();

  private final SampleNoise noise;
  private final Tensor last;
  private StartEstimate start;
  private final MemorySegment[] history = new MemorySegment[SampleUpdate.HISTORY];

  /** The device's own loop; null where it has none. */
  private final Trajectory loop;

  Sampling(Engine engine, Plan plan) {
    update = engine.sampleUpdate();
    Session first = plan.dash.newSession();
    Session second = null;
    Classifier guide = null;
    try {
      noise = new SampleNoise(plan.sample);
      last = Tensor.allocate(DType.FLOAT32, plan.sample);
      Tensor apart = Tensor.allocate(DType.FLOAT32, plan.sample);
      List<String> outputs = plan.dash.outputs().stream().map(Executable.Port::name).toList();
      dash = Net.of(first, plan.dash.inputs(), ModelPair.estimateName(outputs), apart);
      if (plan.dot == null) {
        dot = null;
      } else {
        second = plan.dot.newSession();
        dot = Net.of(second, plan.dot.inputs(), ModelPair.RESIDUAL, apart);
        for (Executable.Port p : plan.dot.inputs()) {
          if (p.name().equals(ModelPair.DASH_SAMPLE)) {
            observations.add(new Observation(dash.sample().port(), second, p.name()));
          } else if (p.name().equals(ModelPair.DASH_OUTPUT)) {
            observations.add(new Observation(dash.output(), second, p.name()));
          } else if (outputs.contains(p.name())) {
            observations.add(new Observation(first.output(p.name()), second, p.name()));
          }
        }
        for (Map.Entry<String, String> e : plan.previous.entrySet()) {
          previous.add(new Observation(second.input(e.getValue()), second, e.getKey()));
        }
      }
      guide = plan.classifier == null ? null : new Classifier(plan.classifier);
      classifier = guide;
      dashOutput = dash.wide();
      loop = engine.trajectory(first, second, ports(plan, outputs));
    } catch (RuntimeException | Error e) {
      first.close();
      if (second != null) {
        second.close();
      }
      if (guide != null) {
        guide.close();
      }
      throw e;
    }
  }

  private static Engine.LoopPorts ports(Plan plan, List<String> outputs) {
    Map<String, String> observed = new LinkedHashMap<>();
    String estimate = ModelPair.estimateName(outputs);
    for (Executable.Port p : plan.dot == null ? List.<Executable.Port>of() : plan.dot.inputs()) {
      switch (p.name()) {
        case ModelPair.DASH_SAMPLE -> observed.put(p.name(), ModelPair.SAMPLE);
        case ModelPair.DASH_OUTPUT -> observed.put(p.name(), estimate);
        case ModelPair.DASH_TIMESTEP -> observed.put(p.name(), ModelPair.TIMESTEP);
        default -> {
          if (outputs.contains(p.name())) {
            observed.put(p.name(), p.name());
          }
        }
      }
    }
    return new Engine.LoopPorts(
        ModelPair.SAMPLE,
        ModelPair.TIMESTEP,
        estimate,
        ModelPair.RESIDUAL,
        observed,
        plan.previous);
  }

  /** Called after each step. */
  interface AfterStep {
    void done(int step, long nanos);
  }

  /** Called within each step, with what it takes the finished samples for. */
  interface Estimates {
    void at(int step, Tensor estimate);
  }

  /**
   * Runs all steps of a batch.
   *
   * @param b the batch
   * @param latents receives its final samples, in the rows of the request
   * @param trajectory receives every sample; may be null
   * @param after hears of each step
   * @param estimates hears what each step is heading for; may be null
   */
  void run(Batch b, Tensor latents, Tensor trajectory, AfterStep after, Estimates estimates) {
    int steps = b.table().count();
    dash.condition(b);
    if (dot != null) {
      dot.condition(b);
    }
    if (loop != null && estimates == null && DeviceSampling.fits(b)) {
      onDevice(b, latents, trajectory, after);
      return;
    }
    if (classifier != null) {
      for (int i = 0; i < classifier.labels().elements(); i++) {
        classifier.labels().setLong(i, b.label(i));
      }
    }
    MemorySegment x = room(b, 0);
    noise.start(b, x);
    publish(b, 0);
    keep(b, trajectory, 0, x);
    for (int i = 0; i < steps; i++) {
      if (Thread.interrupted()) {
        throw new java.util.concurrent.CancellationException("interrupted before step " + i);
      }
      long begin = System.nanoTime();
      x = step(b, i, x, estimates);
      after.done(i, System.nanoTime() - begin);
      keep(b, trajectory, i + 1, x);
    }
    MemorySegment.copy(x, 0, latents.data(), x.byteSize() * b.first() / b.size(), x.byteSize());
  }

  /** The device goes from step to step by itself. */
  private void onDevice(Batch b, Tensor latents, Tensor trajectory, AfterStep after) {
    MemorySegment x = last.data().asSlice(0, last.byteSize() / (b.guided() ? 2 : 1));
    MemorySegment first = null;
    if (b.request().noise() != null || b.request().start() != null) {
      noise.start(b, x);
      first = x;
    }
    DeviceSampling.Listener listener =
        new DeviceSampling.Listener(
            trajectory != null, (i, sample) -> keep(b, trajectory, i, sample), after);
    int fault = loop.run(DeviceSampling.request(b, first, x.byteSize()), x, listener);
    if (fault >= 0) {
      throw DeviceSampling.notFinite(b, fault);
    }
    MemorySegment.copy(x, 0, latents.data(), x.byteSize() * b.first() / b.size(), x.byteSize());
  }

  private MemorySegment step(Batch b, int i, MemorySegment x, Estimates estimates) {
    SamplerStep step = b.table().steps().get(i);
    double t = step.timestep();
    StepKind kind = b.kind(i);
    Net net = kind == StepKind.DASH ? dash : dot;
    net.run(b, t);
    if (kind == StepKind.DASH && dot != null) {
      observe(i, t);
    }
    MemorySegment out = room(b, i + 1);
    SampleUpdate.Memory memory =
        new SampleUpdate.Memory(
            x,
            dashOutput.data(),
            kind == StepKind.DOT ? dot.wide().data() : null,
            classifier == null ? null : classifier.gradient(x, t),
            step.factors().d() == 0 ? null : noise.ofStep(b, i, x.byteSize()),
            history(step.factors(), x.byteSize()),
            out);
    if (b.request().checkFinite()) {
      check(net.wide(), b, i, kind == StepKind.DASH ? "Dash's estimate" : "Dot's residual");
    }
    if (estimates != null) {
      estimates.at(i, start(b).of(b, i, memory));
    }
    advance(b, step, memory);
    noise.blend(b, i + 1, out);
    if (b.request().checkFinite()) {
      check(new Tensor(DType.FLOAT32, new long[] {out.byteSize() / 4}, out), b, i, "the sample");
    }
    publish(b, i + 1);
    return out;
  }

  /** Keeps what Dash has just said, and what it had said before. */
  private void observe(int step, double timestep) {
    previous.forEach(Observation::copy);
    observations.forEach(Observation::copy);
    Net.fill(Net.optional(dot.session(), dot.inputs(), ModelPair.DASH_TIMESTEP), timestep);
    if (step == 0) {
      previous.forEach(Observation::copy);
    }
  }

  private StartEstimate start(Batch b) {
    if (start == null) {
      start = new StartEstimate(b.size(), last.dim(1), last.dim(2), last.dim(3));
    }
    return start;
  }

  private void advance(Batch b, SamplerStep step, SampleUpdate.Memory m) {
    double guidance = b.guided() ? b.request().guidance() : Double.NaN;
    double rescale = b.guided() ? b.request().rescale() : 0;
    Factors f = step.factors();
    if (classifier != null) {
      f = f.withGradient(b.request().classifier() * step.guide());
    }
    long elements = m.x().byteSize() / 4;
    if (!Adaptation.needed(step, rescale)) {
      update.apply(f, guidance, m, 0, elements);
      return;
    }
    long picture = elements / b.size();
    for (long from = 0; from < elements; from += picture) {
      long to = from + picture;
      Factors own = Adaptation.factors(step, f, b.config(), guidance, rescale, m, from, to);
      update.apply(own, guidance, m, from, to);
    }
  }

  /** The history as large as the sample; made when a sampler first needs it. */
  private List<MemorySegment> history(Factors f, long bytes) {
    List<MemorySegment> out = new ArrayList<>();
    for (int k = 0; k < history.length; k++) {
      if (history[k] == null && f.store().slot() == k) {
        history[k] = Tensor.allocate(DType.FLOAT32, last.shape()).data();
      }
      out.add(history[k] == null ? MemorySegment.NULL : history[k].asSlice(0, bytes));
    }
    return out;
  }

  /** Memory for the sample that step i sees: the model's own input where that can hold it. */
  private MemorySegment room(Batch b, int i) {
    if (i < b.table().count()) {
      return input(b, i).room(b.guided());
    }
    return last.data().asSlice(0, last.byteSize() / (b.guided() ? 2 : 1));
  }

  private SampleInput input(Batch b, int i) {
    return (b.kind(i) == StepKind.DASH ? dash : dot).sample();
  }

  /** Makes the sample visible to all rows of the model that step i runs. */
  private void publish(Batch b, int i) {
    if (i < b.table().count()) {
      input(b, i).publish(b.guided());
    }
  }

  private static void keep(Batch b, Tensor trajectory, int index, MemorySegment x) {
    if (trajectory != null) {
      long picture = x.byteSize() / b.size();
      long at = (index * trajectory.dim(1) + b.first()) * picture;
      MemorySegment to = trajectory.data().asSlice(at, x.byteSize());
      SampleNoise.scale(x, 1 / b.table().scale(index), to);
    }
  }

  private static void check(Tensor t, Batch b, int step, String what) {
    for (long i = 0; i < t.elements(); i++) {
      double v = t.getDouble(i);
      if (!Double.isFinite(v)) {
        throw new InvalidInputException(
            "step "
                + step
                + " ("
                + b.kind(step).label()
                + ", timestep "
                + b.table().steps().get(step).timestep()
                + "): "
                + what
                + " holds "
                + v
                + " at element "
                + i
                + ": the model or its input is out of range");
      }
    }
  }

  @Override
  public void close() {
    if (loop != null) {
      loop.close();
    }
    dash.session().close();
    if (dot != null) {
      dot.session().close();
    }
    if (classifier != null) {
      classifier.close();
    }
  }
}
