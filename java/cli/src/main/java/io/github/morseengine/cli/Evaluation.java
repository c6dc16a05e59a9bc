package io.github.morseengine.cli;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.GenerateResult;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.Sampler;
import io.github.morseengine.engine.morse.Samplers;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.ScheduleCandidates;
import io.github.morseengine.engine.morse.TunedSchedules;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Draws and judges all points of an evaluation, batch by batch. For one thread. */
final class Evaluation implements AutoCloseable {

  /** Below the least budget, since Morse reaches the quality of a budget at a fraction of it. */
  private static final double[] CHEAPER = {1.5, 2, 2.5, 3};

  private static final int MEASURED_STEPS = 6;
  private static final double SHOWN_BUDGET = 10;
  private static final int SHOWN = 12;

  /**
   * How much is drawn.
   *
   * @param budgets latencies of Dash
   * @param batch pictures per batch
   * @param batches batches per point
   * @param steps steps of the solution
   * @param compared batches that are compared with it
   * @param seed of the first batch
   * @param dot steps of Dot per step of Dash where nothing was tuned
   */
  record Size(
      List<Double> budgets,
      int batch,
      int batches,
      int steps,
      int compared,
      long seed,
      double dot) {}

  private final MorsePipeline pipeline;
  private final List<Setting> settings;
  private final Size size;
  private final EvaluationStore store;
  private final List<EvaluationPoint> points;
  private final Judge judge;

  Evaluation(
      Engine engine,
      MorsePipeline pipeline,
      List<Setting> settings,
      Size size,
      EvaluationStore store) {
    this.pipeline = pipeline;
    this.settings = settings;
    this.size = size;
    this.store = store;
    points = store.points(this::plan);
    if (Judge.isThere(pipeline.directory())) {
      // One picture tells the shape.
      Tensor one = settings.getFirst().run(pipeline, Schedule.of(1, 0), 0, 0, 1, quiet()).latents();
      judge =
          Judge.open(
              engine,
              pipeline.directory(),
              new long[] {size.batch(), one.dim(1), one.dim(2), one.dim(3)});
    } else {
      judge = null;
    }
  }

  private static ProgressListener quiet() {
    return (done, total) -> {};
  }

  private Sampler.Table table(int setting, int steps) {
    String name = settings.get(setting).sampler();
    return Samplers.of(name, pipeline.directory().scheduler(), 0).table(steps);
  }

  private boolean deterministic(int setting) {
    int steps = Math.min(size.steps(), 50);
    return table(setting, steps).deterministic();
  }

  /** Chooses schedules by the measured costs of Dash and Dot. */
  private List<EvaluationPoint> plan() {
    Optional<TunedSchedules> tuned = TunedSchedules.read(pipeline.directory());
    List<EvaluationPoint> out = new ArrayList<>();
    for (int k = 0; k < settings.size(); k++) {
      Setting s = settings.get(k);
      Schedule alternating = Schedule.of(MEASURED_STEPS, 1);
      GenerateResult measured = s.run(pipeline, alternating, size.seed(), 0, size.batch(), quiet());
      double ratio = measured.dotMs() / measured.dashMs();
      Set<Schedule> seen = new LinkedHashSet<>();
      for (double b : size.budgets()) {
        Schedule dash = Schedule.of((int) Math.max(1, Math.round(b)), 0);
        if (seen.add(dash)) {
          out.add(new EvaluationPoint(k, false, b, dash));
        }
      }
      List<Double> costs = new ArrayList<>();
      for (double b : CHEAPER) {
        if (b < size.budgets().getFirst()) {
          costs.add(b);
        }
      }
      costs.addAll(size.budgets());
      costs.addAll(EvaluationBudgets.between(size.budgets()));
      costs.sort(null);
      seen.clear();
      for (double b : costs) {
        Schedule morse = schedule(tuned, s.sampler(), b, ratio);
        if (seen.add(morse)) {
          out.add(new EvaluationPoint(k, true, b, morse));
        }
      }
    }
    out.forEach(p -> table(p.setting(), p.schedule().count()));
    return out;
  }

  private Schedule schedule(
      Optional<TunedSchedules> tuned, String sampler, double budget, double ratio) {
    if (tuned.isPresent()) {
      try {
        return tuned.get().find(sampler, budget).schedule();
      } catch (InvalidInputException e) {
        // Not tuned for this sampler or so small a budget: spread evenly.
      }
    }
    int dash = (int) Math.max(1, Math.floor(budget / (1 + size.dot() * ratio)));
    int dot = (int) Math.max(1, Math.floor(Math.min((budget - dash) / ratio, size.dot() * dash)));
    return ScheduleCandidates.spread(dash, dot, ScheduleCandidates.Density.EVEN);
  }

  /** Draws whatever is not there yet. */
  void run(ProgressListener progress) {
    Work work = new Work(progress, cost());
    for (int b = 0; b < size.batches(); b++) {
      for (int k = 0; k < settings.size(); k++) {
        if (b < size.compared() && deterministic(k)) {
          Schedule many = Schedule.of(size.steps(), 0);
          if (store.hasFine(k, b)) {
            work.skip(many.count());
          } else {
            fine(k, b, work.of(many, 1));
          }
        }
      }
      for (int i = 0; i < points.size(); i++) {
        Schedule s = points.get(i).schedule();
        if (store.has(i, b)) {
          work.skip(s.lsd(ASSUMED));
        } else {
          store.write(i, b, measure(i, b, work.of(s, ASSUMED)));
        }
      }
    }
  }

  /** Cost of a step of Dot for the progress alone. */
  private static final double ASSUMED = 0.15;

  private double cost() {
    double sum = 0;
    for (EvaluationPoint p : points) {
      sum += p.schedule().lsd(ASSUMED) * size.batches();
    }
    for (int k = 0; k < settings.size(); k++) {
      sum += deterministic(k) ? (double) size.compared() * size.steps() : 0;
    }
    return sum;
  }

  private Tensor fine(int setting, int batch, ProgressListener progress) {
    Schedule many = Schedule.of(size.steps(), 0);
    return store.fine(
        setting,
        batch,
        () ->
            settings
                .get(setting)
                .run(pipeline, many, size.seed(), batch, size.batch(), progress)
                .latents());
  }

  /** One batch of a point: see {@link Measurement} for the columns. */
  private Tensor measure(int point, int batch, ProgressListener progress) {
    EvaluationPoint p = points.get(point);
    Setting s = settings.get(p.setting());
    int n = size.batch();
    GenerateResult r = s.run(pipeline, p.schedule(), size.seed(), batch, n, progress);
    Judge.Verdict verdict = judge == null ? null : judge.look(r.latents());
    boolean compared = batch < size.compared() && deterministic(p.setting());
    Tensor solution = compared ? fine(p.setting(), batch, quiet()) : null;
    int features = judge == null ? 0 : judge.features();
    int width = features + Measurement.MORE;
    Tensor rows = Tensor.allocate(DType.FLOAT32, n, width);
    for (int i = 0; i < n; i++) {
      long at = (long) i * width;
      for (int k = 0; k < features; k++) {
        rows.setDouble(at + k, verdict.features()[i][k]);
      }
      int label = s.label(batch, n, i);
      double hit = label < 0 || verdict == null ? Double.NaN : verdict.labels()[i] == label ? 1 : 0;
      rows.setDouble(at + features, hit);
      rows.setDouble(
          at + features + 1,
          solution == null ? Double.NaN : Errors.squared(r.latents(), solution, i));
      rows.setDouble(at + features + 2, r.wallMs());
      rows.setDouble(at + features + 3, r.dashMs());
      rows.setDouble(at + features + 4, r.dotSteps() == 0 ? Double.NaN : r.dotMs());
    }
    return rows;
  }

  EvaluationReport report(int repetitions) {
    List<Measurement> measured = new ArrayList<>();
    for (int i = 0; i < points.size(); i++) {
      List<float[][]> batches = new ArrayList<>();
      for (int b = 0; b < size.batches(); b++) {
        batches.add(Judge.rows(store.read(i, b)));
      }
      measured.add(new Measurement(batches, judge == null ? 0 : judge.features()));
    }
    return new EvaluationReport(
        settings, size, points, measured, judge == null ? null : judge.distance(), repetitions);
  }

  /** The first pictures of each setting at one cost: solution, Dash alone, Morse. */
  void pictures(Path file) {
    List<Comparison.Row> rows = new ArrayList<>();
    for (int k = 0; k < settings.size(); k++) {
      if (deterministic(k) && store.hasFine(k, 0)) {
        rows.add(
            new Comparison.Row(
                settings.get(k).name() + ", " + size.steps() + " steps", fine(k, 0, quiet())));
      }
      for (boolean withDot : new boolean[] {false, true}) {
        EvaluationPoint p = nearest(k, withDot);
        Tensor drawn =
            settings
                .get(k)
                .run(pipeline, p.schedule(), size.seed(), 0, size.batch(), quiet())
                .latents();
        rows.add(
            new Comparison.Row(
                settings.get(k).name()
                    + (withDot ? ", Morse, " : ", Dash alone, ")
                    + p.budget()
                    + " LSD",
                drawn));
      }
    }
    Comparison.write(rows, SHOWN, file);
  }

  private EvaluationPoint nearest(int setting, boolean withDot) {
    return points.stream()
        .filter(p -> p.setting() == setting && p.withDot() == withDot)
        .min(java.util.Comparator.comparingDouble(p -> Math.abs(p.budget() - SHOWN_BUDGET)))
        .orElseThrow();
  }

  @Override
  public void close() {
    if (judge != null) {
      judge.close();
    }
  }
}
