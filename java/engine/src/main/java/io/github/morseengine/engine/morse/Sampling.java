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
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Sessions of Dash and Dot with everything that a batch needs. The sample lives in the input of the
 * model that sees it next, so that the update writes it exactly once. For one thread at a time.
 */
final class Sampling implements AutoCloseable {

  /** A value that Dot takes from Dash's latest step. */
  private record Observation(Tensor from, Tensor to) {}

  /** A model's session with its well-known tensors. */
  private record Net(
      Session session,
      List<Executable.Port> inputs,
      Tensor sample,
      Tensor timestep,
      Tensor labels,
      Tensor output,
      Tensor wide) {

    static Net of(Session session, List<Executable.Port> inputs, String output) {
      Tensor out = session.output(output);
      return new Net(
          session,
          inputs,
          session.input(ModelPair.SAMPLE),
          optional(session, inputs, ModelPair.TIMESTEP),
          optional(session, inputs, ModelPair.LABELS),
          out,
          out.dtype() == DType.FLOAT32 ? out : Tensor.allocate(DType.FLOAT32, out.shape()));
    }

    private static Tensor optional(Session session, List<Executable.Port> inputs, String name) {
      return ModelPair.port(inputs, name) == null ? null : session.input(name);
    }
  }

  private final SampleUpdate update;
  private final Net dash;
  private final Net dot;
  private final Classifier classifier;
  private final Tensor dashTimestep;
  private final Tensor dashOutput;
  private final List<Observation> observations = new ArrayList<>();
  private final Tensor noise;
  private final Tensor initial;
  private final Tensor last;
  private final Tensor converted;
  private final MemorySegment[] history = new MemorySegment[SampleUpdate.HISTORY];

  /** The device's own loop; null where it has none. */
  private final Trajectory loop;

  Sampling(Engine engine, Plan plan) {
    update = engine.sampleUpdate();
    Session first = plan.dash.newSession();
    Session second = null;
    Classifier guide = null;
    try {
      List<String> outputs = plan.dash.outputs().stream().map(Executable.Port::name).toList();
      dash = Net.of(first, plan.dash.inputs(), ModelPair.estimateName(outputs));
      if (plan.dot == null) {
        dot = null;
        dashTimestep = null;
      } else {
        second = plan.dot.newSession();
        dot = Net.of(second, plan.dot.inputs(), ModelPair.RESIDUAL);
        dashTimestep = Net.optional(second, plan.dot.inputs(), ModelPair.DASH_TIMESTEP);
        for (Executable.Port p : plan.dot.inputs()) {
          if (p.name().equals(ModelPair.DASH_SAMPLE)) {
            observations.add(new Observation(dash.sample(), second.input(p.name())));
          } else if (p.name().equals(ModelPair.DASH_OUTPUT)) {
            observations.add(new Observation(dash.output(), second.input(p.name())));
          } else if (outputs.contains(p.name())) {
            observations.add(new Observation(first.output(p.name()), second.input(p.name())));
          }
        }
      }
      guide = plan.classifier == null ? null : new Classifier(plan.classifier);
      classifier = guide;
      dashOutput = dash.wide();
      noise = Tensor.allocate(DType.FLOAT32, plan.sample);
      initial = Tensor.allocate(DType.FLOAT32, plan.sample);
      last = Tensor.allocate(DType.FLOAT32, plan.sample);
      converted = Tensor.allocate(DType.FLOAT32, plan.sample);
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
        ModelPair.SAMPLE, ModelPair.TIMESTEP, estimate, ModelPair.RESIDUAL, observed);
  }

  /** What one batch is made of. */
  record Batch(
      GenerateRequest request,
      SchedulerConfig config,
      Sampler.Table table,
      int first,
      int size,
      int[] labels,
      int nullLabel) {

    boolean guided() {
      return request.guidance() > 1
          && (Arrays.stream(labels).anyMatch(l -> l != nullLabel)
              || request.conditions().stream().anyMatch(c -> c.unconditional() != null));
    }

    /** Pictures of a request take its labels in turn, so the batch does not matter. */
    int label(long row) {
      return labels[(int) ((first + row) % labels.length)];
    }

    StepKind kind(int step) {
      return request.schedule().kind(step);
    }

    /** alpha_bar at a time of the model; between two whole times that of the nearest. */
    double alphaBar(double timestep) {
      return new NoiseSchedule(config).alphaBar((int) Math.rint(timestep));
    }
  }

  /** Called after each step. */
  interface AfterStep {
    void done(int step, long nanos);
  }

  /**
   * Runs all steps of a batch.
   *
   * @param b the batch
   * @param latents receives its final samples, in the rows of the request
   * @param trajectory receives every sample; may be null
   * @param after hears of each step
   */
  void run(Batch b, Tensor latents, Tensor trajectory, AfterStep after) {
    int steps = b.table().count();
    condition(b, dash);
    if (dot != null) {
      condition(b, dot);
    }
    if (loop != null && DeviceSampling.fits(b)) {
      onDevice(b, latents, trajectory, after);
      return;
    }
    if (classifier != null) {
      for (int i = 0; i < classifier.labels().elements(); i++) {
        classifier.labels().setLong(i, b.label(i));
      }
    }
    MemorySegment x = room(b, 0, steps);
    start(b, x);
    publish(b, 0, steps, x);
    keep(b, trajectory, 0, x);
    for (int i = 0; i < steps; i++) {
      if (Thread.interrupted()) {
        throw new java.util.concurrent.CancellationException("interrupted before step " + i);
      }
      long begin = System.nanoTime();
      x = step(b, i, x);
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
      start(b, x);
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

  private MemorySegment step(Batch b, int i, MemorySegment x) {
    SamplerStep step = b.table().steps().get(i);
    double t = step.timestep();
    StepKind kind = b.kind(i);
    Net net = kind == StepKind.DASH ? dash : dot;
    fill(net.timestep(), t);
    run(b, net);
    widen(net);
    if (kind == StepKind.DASH && dot != null) {
      observe(t);
    }
    MemorySegment out = room(b, i + 1, b.table().count());
    SampleUpdate.Memory memory =
        new SampleUpdate.Memory(
            x,
            dashOutput.data(),
            kind == StepKind.DOT ? dot.wide().data() : null,
            classifier == null ? null : classifier.gradient(x, t),
            step.factors().d() == 0 ? null : noise(b, i, x.byteSize()),
            history(step.factors(), x.byteSize()),
            out);
    if (b.request().checkFinite()) {
      check(net.wide(), b, i, kind == StepKind.DASH ? "Dash's estimate" : "Dot's residual");
    }
    advance(b, step, memory);
    blend(b, i + 1, out);
    if (b.request().checkFinite()) {
      check(new Tensor(DType.FLOAT32, new long[] {out.byteSize() / 4}, out), b, i, "the sample");
    }
    publish(b, i + 1, b.table().count(), out);
    return out;
  }

  private static void run(Batch b, Net net) {
    try {
      net.session().run();
    } catch (InvalidInputException e) {
      if (!b.guided() || net.labels() == null) {
        throw e;
      }
      throw new InvalidInputException(
          e.getMessage()
              + " (guidance gives the unconditional half the null label "
              + b.nullLabel()
              + ", the number after those of labels.txt: a model without it cannot be guided)",
          e);
    }
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

  /** Memory for the sample that step i sees: the model's own input where that is float32. */
  private MemorySegment room(Batch b, int i, int steps) {
    Tensor home =
        i == steps ? last : input(b, i).dtype() == DType.FLOAT32 ? input(b, i) : converted;
    long bytes = last.byteSize();
    return home.data().asSlice(0, b.guided() ? bytes / 2 : bytes);
  }

  private Tensor input(Batch b, int i) {
    return (b.kind(i) == StepKind.DASH ? dash : dot).sample();
  }

  /** Makes the sample visible to all rows of the model that step i runs. */
  private void publish(Batch b, int i, int steps, MemorySegment x) {
    if (i == steps) {
      return;
    }
    if (b.guided()) {
      Tensor home = input(b, i).dtype() == DType.FLOAT32 ? input(b, i) : converted;
      MemorySegment.copy(x, 0, home.data(), x.byteSize(), x.byteSize());
    }
    if (input(b, i).dtype() != DType.FLOAT32) {
      input(b, i).copyFrom(converted);
    }
  }

  private void observe(double t) {
    for (Observation o : observations) {
      o.to().copyFrom(o.from());
    }
    fill(dashTimestep, t);
  }

  private static void widen(Net net) {
    if (net.wide() != net.output()) {
      net.wide().copyFrom(net.output());
    }
  }

  /** A model of whole timesteps gets the nearest. */
  static void fill(Tensor to, double value) {
    if (to != null) {
      boolean fractions =
          switch (to.dtype()) {
            case FLOAT32, FLOAT64, FLOAT16, BFLOAT16 -> true;
            default -> false;
          };
      for (long i = 0; i < to.elements(); i++) {
        to.setDouble(i, fractions ? value : Math.rint(value));
      }
    }
  }

  private static void condition(Batch b, Net net) {
    labels(b, net.labels());
    for (Condition c : b.request().conditions()) {
      if (ModelPair.port(net.inputs(), c.name()) != null) {
        c.fill(net.session().input(c.name()), b.guided(), b.first());
      }
    }
  }

  /** Unconditional rows first, as diffusers orders them. */
  private static void labels(Batch b, Tensor to) {
    if (to != null) {
      long half = b.guided() ? to.elements() / 2 : 0;
      for (long i = 0; i < to.elements(); i++) {
        to.setLong(i, i < half ? b.nullLabel() : b.label(i - half));
      }
    }
  }

  /** Noise at the first step's scale, or a picture with the noise of the first step. */
  private void start(Batch b, MemorySegment x) {
    MemorySegment drawn = initial.data().asSlice(0, x.byteSize());
    Tensor given = b.request().noise();
    if (given != null) {
      long at = x.byteSize() * b.first() / b.size();
      MemorySegment.copy(given.data(), at, drawn, 0, x.byteSize());
    } else {
      draw(b, drawn, 0);
    }
    GivenStart start = b.request().start();
    if (start != null && (start.skip() > 0 || start.mask() == null)) {
      noised(b, 0, x, false);
    } else {
      scale(drawn, b.table().initialScale() * b.table().scale(0), x);
    }
  }

  /** Puts back what lies outside the mask, as noisy as step i expects it. */
  private void blend(Batch b, int i, MemorySegment x) {
    if (b.request().start() != null && b.request().start().mask() != null) {
      noised(b, i, x, true);
    }
  }

  /**
   * The given picture at the noise of step i. A model sees sqrt(alpha_bar) x_0 + sqrt(1 -
   * alpha_bar) noise whatever the sampler: where it scales by s = 1 / sqrt(sigma^2 + 1), alpha_bar
   * is s^2.
   */
  private void noised(Batch b, int i, MemorySegment x, boolean masked) {
    GivenStart start = b.request().start();
    double bar = 1;
    if (i < b.table().count()) {
      SamplerStep step = b.table().steps().get(i);
      bar = step.scale() < 1 ? step.scale() * step.scale() : b.alphaBar(step.timestep());
    }
    double of = Math.sqrt(bar);
    double with = Math.sqrt(1 - bar);
    long picture = x.byteSize() / 4 / b.size();
    for (long k = 0; k < x.byteSize() / 4; k++) {
      long row = b.first() + k / picture;
      double known =
          of * start.clean(row, k % picture, picture)
              + with * initial.data().getAtIndex(ValueLayout.JAVA_FLOAT, k);
      double drawn = masked ? start.drawn(row, k % picture) : 0;
      double now = drawn == 0 ? 0 : x.getAtIndex(ValueLayout.JAVA_FLOAT, k);
      x.setAtIndex(ValueLayout.JAVA_FLOAT, k, (float) (drawn * now + (1 - drawn) * known));
    }
  }

  private static void scale(MemorySegment from, double factor, MemorySegment to) {
    if (factor == 1) {
      if (from != to) {
        to.copyFrom(from);
      }
      return;
    }
    for (long i = 0; i < from.byteSize() / 4; i++) {
      float v = from.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      to.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (v * factor));
    }
  }

  private MemorySegment noise(Batch b, int step, long bytes) {
    MemorySegment out = noise.data().asSlice(0, bytes);
    Tensor given = b.request().stepNoise();
    if (given != null) {
      long picture = bytes / b.size();
      long at = (step * given.dim(1) + b.first()) * picture;
      MemorySegment.copy(given.data(), at, out, 0, bytes);
    } else {
      draw(b, out, step + 1);
    }
    return out;
  }

  private static void draw(Batch b, MemorySegment out, int draw) {
    long picture = out.byteSize() / 4 / b.size();
    for (int k = 0; k < b.size(); k++) {
      Noise.fill(out, k * picture, picture, b.request().seed(), b.first() + k, draw);
    }
  }

  private static void keep(Batch b, Tensor trajectory, int index, MemorySegment x) {
    if (trajectory != null) {
      long picture = x.byteSize() / b.size();
      long at = (index * trajectory.dim(1) + b.first()) * picture;
      MemorySegment to = trajectory.data().asSlice(at, x.byteSize());
      scale(x, 1 / b.table().scale(index), to);
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
