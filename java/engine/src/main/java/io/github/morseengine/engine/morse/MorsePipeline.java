package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Draws pictures with Morse: Dash at some steps, Dot's residual feedback at the steps between (Li,
 * Fan and Yao 2025, arXiv 2506.18251).
 *
 * <p>Safe for use by several threads; each request leases memory of its own, which later requests
 * use again. Closing while requests run lets them end and then frees everything; the engine stays
 * open and belongs to the caller.
 */
public final class MorsePipeline implements AutoCloseable {

  private static final int DEFAULT_BATCH = 16;

  private record Key(
      List<Long> sample,
      long beside,
      Map<String, List<Long>> conditions,
      boolean withDot,
      long classified) {}

  private final Engine engine;
  private final ModelDirectory directory;
  private final ModelPair pair;
  private final Map<Key, Plan> plans = new HashMap<>();
  private long loadNanos;
  private int running;
  private boolean closed;
  private boolean freed;

  private MorsePipeline(Engine engine, ModelDirectory directory, ModelPair pair, long nanos) {
    this.engine = engine;
    this.directory = directory;
    this.pair = pair;
    this.loadNanos = nanos;
  }

  /**
   * Opens the models of a directory and checks that they fit each other.
   *
   * @param engine the device; must outlive the pipeline
   * @param directory the models
   * @return the pipeline
   */
  public static MorsePipeline open(Engine engine, ModelDirectory directory) {
    long begin = System.nanoTime();
    ModelPair pair = ModelPair.open(directory);
    return new MorsePipeline(engine, directory, pair, System.nanoTime() - begin);
  }

  /** {@return the inputs of Dash as its file declares them} */
  public List<OnnxModel.Port> dashInputs() {
    return pair.dashInputs();
  }

  /** {@return the directory} */
  public ModelDirectory directory() {
    return directory;
  }

  /**
   * Draws pictures.
   *
   * @param request what to draw
   * @param progress hears of each step, and what it is heading for
   * @return the samples and what they cost
   * @throws InvalidInputException if the request does not fit the model
   * @throws java.util.concurrent.CancellationException if the thread is interrupted; takes effect
   *     within one step
   * @throws IllegalStateException if the pipeline is closed
   */
  public GenerateResult generate(GenerateRequest request, ProgressListener progress) {
    synchronized (this) {
      if (closed) {
        throw new IllegalStateException("this pipeline is closed");
      }
      running++;
    }
    try {
      return sample(request, progress);
    } finally {
      synchronized (this) {
        running--;
      }
      freeWhenUnused();
    }
  }

  private GenerateResult sample(GenerateRequest request, ProgressListener progress) {
    if (request.schedule().dot() > 0 && !pair.hasDot()) {
      throw new InvalidInputException(
          "'" + directory.path() + "' holds no dot.onnx: ask for no Dot steps");
    }
    if (!request.labels().isEmpty() && !pair.hasLabels()) {
      throw new InvalidInputException(
          directory.dash() + " takes no '" + ModelPair.LABELS + "': leave the label out");
    }
    pair.checkConditions(request.conditions());
    checkGuidance(request);
    SchedulerConfig config = directory.scheduler();
    Sampler sampler = Samplers.of(request.sampler(), config, request.eta());
    int skip = request.start() == null ? 0 : request.start().skip();
    Sampler.Table table =
        sampler.table(request.steps() + skip, skip).of(request.schedule(), request.freshNoise());
    int[] labels = labels(request);
    long[] shape = pair.sampleShape(wantedShape(request), beside(request));
    checkNoise(request, shape);
    int count = request.count();
    int batch = Math.min(count, request.batch() == 0 ? DEFAULT_BATCH : request.batch());
    int batches = (count + batch - 1) / batch;
    boolean estimates = progress.wantsEstimates();
    NoiseSchedule noises = request.start() != null || estimates ? new NoiseSchedule(config) : null;
    int steps = table.count();
    Tensor latents = Tensor.allocate(DType.FLOAT32, count, shape[0], shape[1], shape[2]);
    Tensor trajectory =
        request.trajectory()
            ? Tensor.allocate(DType.FLOAT32, steps + 1L, count, shape[0], shape[1], shape[2])
            : null;
    Timing timing = new Timing(steps);
    Plan widest = null;
    long wall = 0;
    progress.step(0, Math.multiplyExact(steps, batches));
    for (int k = 0; k < batches; k++) {
      int first = k * batch;
      int size = Math.min(batch, count - first);
      Batch b =
          new Batch(
              request,
              config,
              noises,
              table,
              first,
              size,
              labels,
              directory.nullLabel(),
              directory.classes().origin());
      Plan plan = plan(shape, b, request);
      widest = widest == null ? plan : widest;
      Sampling sampling = plan.lease(engine);
      long begin = System.nanoTime();
      int before = k * steps;
      boolean full = size == batch;
      try {
        sampling.run(
            b,
            latents,
            trajectory,
            (step, nanos) -> {
              if (full) {
                timing.add(step, nanos);
              }
              progress.step(before + step + 1, steps * batches);
            },
            estimates
                ? (step, start) -> progress.estimate(before + step + 1, steps * batches, start)
                : null);
      } finally {
        plan.giveBack(sampling);
      }
      wall += System.nanoTime() - begin;
    }
    return result(request, table, timing, latents, trajectory, widest, batch, wall);
  }

  private void checkGuidance(GenerateRequest request) {
    boolean conditioned = pair.hasLabels() || !request.conditions().isEmpty();
    if (request.guidance() > 1 && !conditioned) {
      throw new InvalidInputException(
          directory.dash()
              + " takes no '"
              + ModelPair.LABELS
              + "' and so has no null label for guidance: leave guidance out");
    }
    if (request.classifier() != 0) {
      if (directory.classifier().isEmpty()) {
        throw new InvalidInputException(
            "'"
                + directory.path()
                + "' holds no classifier_grad.onnx: leave classifier guidance out, or export one");
      }
      if (request.labels().isEmpty()) {
        throw new InvalidInputException("classifier guidance needs a label to guide to: give one");
      }
    }
  }

  private int[] labels(GenerateRequest request) {
    return request.labels().isEmpty()
        ? new int[] {directory.nullLabel()}
        : request.labels().stream().mapToInt(directory::label).toArray();
  }

  private GenerateResult result(
      GenerateRequest request,
      Sampler.Table table,
      Timing timing,
      Tensor latents,
      Tensor trajectory,
      Plan plan,
      int batch,
      long wall) {
    List<StepReport> steps = new ArrayList<>();
    List<Double> dash = new ArrayList<>();
    for (int i = 0; i < table.count(); i++) {
      StepKind kind = request.schedule().kind(i);
      double ms = timing.median(i);
      steps.add(new StepReport(i, table.steps().get(i).timestep(), kind, ms));
      if (kind == StepKind.DASH) {
        dash.add(ms);
      }
    }
    double dashMs = Timing.median(dash);
    double dotMs = timing.dot(request.schedule());
    int dots = table.count() - dash.size();
    double load;
    synchronized (this) {
      load = loadNanos / 1e6;
    }
    return new GenerateResult(
        latents,
        trajectory,
        steps,
        dash.size(),
        dots,
        dashMs,
        dotMs,
        dash.size() + dots * dotMs / dashMs,
        request.count() / (wall / 1e9),
        load,
        wall / 1e6,
        batch,
        plan.weightBytes(),
        plan.arenaBytes());
  }

  /** [N, C, H, W] as the request says it; null where the model decides. */
  private static long[] wantedShape(GenerateRequest request) {
    if (request.noise() != null || request.sampleShape() == null) {
      return request.noise() == null ? null : request.noise().shape();
    }
    List<Long> s = request.sampleShape();
    return new long[] {request.count(), s.get(0), s.get(1), s.get(2)};
  }

  /** Channels that stand behind the sample's own. */
  private static long beside(GenerateRequest request) {
    return request.beside() == null ? 0 : request.beside().dim(1);
  }

  private static void checkNoise(GenerateRequest request, long[] shape) {
    if (request.start() != null) {
      request.start().check(request.count(), shape);
    }
    Tensor beside = request.beside();
    if (beside != null
        && (beside.dim(0) != 1 && beside.dim(0) != request.count()
            || beside.dim(2) != shape[1]
            || beside.dim(3) != shape[2])) {
      throw new InvalidInputException(
          "what stands beside the sample is "
              + beside
              + ", expected 1 or "
              + request.count()
              + " rows of "
              + shape[1]
              + " x "
              + shape[2]);
    }
    long[] wanted = {request.count(), shape[0], shape[1], shape[2]};
    if (request.noise() != null && !Arrays.equals(request.noise().shape(), wanted)) {
      throw new InvalidInputException(
          "the noise is "
              + request.noise()
              + ", expected "
              + Arrays.toString(wanted)
              + " for "
              + request.count()
              + " pictures");
    }
    long[] all = {request.steps(), request.count(), shape[0], shape[1], shape[2]};
    if (request.stepNoise() != null && !Arrays.equals(request.stepNoise().shape(), all)) {
      throw new InvalidInputException(
          "the step noise is "
              + request.stepNoise()
              + ", expected "
              + Arrays.toString(all)
              + " for "
              + request.steps()
              + " steps");
    }
  }

  private synchronized Plan plan(long[] shape, Batch b, GenerateRequest request) {
    long rows = b.guided() ? 2L * b.size() : b.size();
    boolean withDot = request.schedule().dot() > 0;
    long classified = request.classifier() == 0 ? 0 : b.size();
    Map<String, List<Long>> conditions = new HashMap<>();
    for (Condition c : request.conditions()) {
      conditions.put(c.name(), Arrays.stream(c.shape(rows)).boxed().toList());
    }
    List<Long> size = List.of(rows, shape[0], shape[1], shape[2]);
    Key key = new Key(size, beside(request), conditions, withDot, classified);
    Plan plan = plans.get(key);
    if (plan == null) {
      long begin = System.nanoTime();
      long[] sample = {rows, shape[0], shape[1], shape[2]};
      Plan.Guide guide =
          classified == 0 ? null : new Plan.Guide(directory.classifier().orElseThrow(), classified);
      ModelPair.Inputs inputs = new ModelPair.Inputs(sample, beside(request), request.conditions());
      plan = Plan.compile(engine, pair, inputs, withDot, guide);
      plans.put(key, plan);
      loadNanos += System.nanoTime() - begin;
    }
    return plan;
  }

  private void freeWhenUnused() {
    synchronized (this) {
      if (!closed || running > 0 || freed) {
        return;
      }
      freed = true;
    }
    plans.values().forEach(Plan::close);
    pair.close();
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    freeWhenUnused();
  }
}
