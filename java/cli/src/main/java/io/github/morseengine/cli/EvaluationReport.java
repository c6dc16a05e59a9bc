package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.evaluate.FrechetDistance;
import io.github.morseengine.engine.tensor.AtomicFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.DoubleStream;

/** What an evaluation says: numbers per point, curves, speedups. */
final class EvaluationReport {

  static final String FRECHET = "frechet";
  static final String RMSE = "rmse";

  private final List<Setting> settings;
  private final Evaluation.Size size;
  private final List<EvaluationPoint> points;
  private final List<Measurement> measured;
  private final int repetitions;
  private final boolean judged;
  private final List<Result> results = new ArrayList<>();
  private final String note;

  /** Numbers of one setting. */
  record Result(
      Setting setting,
      double dashMs,
      double dotMs,
      List<Row> rows,
      Map<String, Speedups> bySteps,
      Map<String, Speedups> byWall) {

    /** The metric that speaks first: the one that says whether pictures look like the data. */
    String metric() {
      return bySteps.containsKey(FRECHET) ? FRECHET : RMSE;
    }
  }

  /** Numbers of one point; qualities with the bootstrap's repetitions behind the measurement. */
  record Row(
      EvaluationPoint point,
      double lsd,
      double runMs,
      int pictures,
      double accuracy,
      Map<String, double[]> quality) {

    double value(String metric) {
      double[] q = quality.get(metric);
      return q == null ? Double.NaN : q[0];
    }

    double tail(String metric, double share) {
      double[] q = quality.get(metric);
      return q == null ? Double.NaN : Speedups.tail(q, share);
    }
  }

  EvaluationReport(
      List<Setting> settings,
      Evaluation.Size size,
      List<EvaluationPoint> points,
      List<Measurement> measured,
      FrechetDistance distance,
      int repetitions) {
    this.settings = settings;
    this.size = size;
    this.points = points;
    this.measured = measured;
    this.repetitions = repetitions;
    int pictures = size.batch() * size.batches();
    judged = distance != null && pictures >= distance.fewest();
    note =
        distance == null
            ? "no Fréchet distance: the model has no evaluation/classifier.onnx"
            : judged
                ? null
                : "no Fréchet distance: it needs at least "
                    + distance.fewest()
                    + " pictures per point, there are "
                    + pictures
                    + " (--samples)";
    for (int k = 0; k < settings.size(); k++) {
      results.add(result(k, distance));
    }
  }

  private Result result(int setting, FrechetDistance distance) {
    List<Integer> own = new ArrayList<>();
    for (int i = 0; i < points.size(); i++) {
      if (points.get(i).setting() == setting) {
        own.add(i);
      }
    }
    double dash = Measurement.median(all(own, true));
    double dot = Measurement.median(all(own, false));
    List<Row> rows = new ArrayList<>();
    for (int i : own) {
      Measurement m = measured.get(i);
      Map<String, double[]> quality = new LinkedHashMap<>();
      if (judged) {
        quality.put(FRECHET, repeat(m, pick -> m.frechet(distance, pick)));
      }
      if (m.hasError()) {
        quality.put(RMSE, repeat(m, m::rmse));
      }
      double lsd = points.get(i).schedule().lsd(dot / dash);
      rows.add(new Row(points.get(i), lsd, m.runMs(), m.pictures(), m.accuracy(), quality));
    }
    Map<String, Speedups> bySteps = new LinkedHashMap<>();
    Map<String, Speedups> byWall = new LinkedHashMap<>();
    for (String metric : List.of(FRECHET, RMSE)) {
      if (rows.stream().allMatch(r -> r.quality().containsKey(metric))) {
        bySteps.put(metric, speedups(rows, metric, Row::lsd));
        byWall.put(metric, speedups(rows, metric, r -> r.runMs() / dash));
      }
    }
    return new Result(settings.get(setting), dash, dot, rows, bySteps, byWall);
  }

  private double[] all(List<Integer> own, boolean dash) {
    return own.stream()
        .map(measured::get)
        .map(m -> dash ? m.dashMs() : m.dotMs())
        .flatMapToDouble(DoubleStream::of)
        .toArray();
  }

  /** The same pictures at every point, so that differences between points vary less. */
  private double[] repeat(Measurement m, java.util.function.ToDoubleFunction<int[]> quality) {
    double[] out = new double[repetitions + 1];
    out[0] = quality.applyAsDouble(m.all());
    Random random = new Random(1);
    for (int r = 1; r <= repetitions; r++) {
      int[] pick = random.ints(m.pictures(), 0, m.pictures()).toArray();
      double v = quality.applyAsDouble(pick);
      out[r] = Double.isNaN(v) ? out[0] : v;
    }
    return out;
  }

  private Speedups speedups(
      List<Row> rows, String metric, java.util.function.ToDoubleFunction<Row> cost) {
    List<Row> dash = rows.stream().filter(r -> !r.point().withDot()).toList();
    List<Row> morse = rows.stream().filter(r -> r.point().withDot()).toList();
    return Speedups.of(
        size.budgets(),
        new Speedups.Curves(
            dash.stream().mapToDouble(cost).toArray(),
            dash.stream().map(r -> r.quality().get(metric)).toArray(double[][]::new),
            morse.stream().mapToDouble(cost).toArray(),
            morse.stream().map(r -> r.quality().get(metric)).toArray(double[][]::new)));
  }

  void write(EvaluationStore store) {
    byte[] csv = csv().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(
        store.file("curves.csv"),
        channel -> {
          ByteBuffer buffer = ByteBuffer.wrap(csv);
          while (buffer.hasRemaining()) {
            channel.write(buffer);
          }
        });
    Charts.write(results, store.file("curves.png"));
  }

  private String csv() {
    StringBuilder out = new StringBuilder();
    out.append(
        "setting,sampler,guidance,classifier_guidance,model,budget,schedule,n_dash,n_dot,lsd,"
            + "wall_ms,ms_per_picture,pictures,frechet,frechet_low,frechet_high,rmse,rmse_low,"
            + "rmse_high,psnr,accuracy\n");
    for (Result result : results) {
      Setting s = result.setting();
      for (Row r : result.rows()) {
        Object[] fields = {
          s.name(),
          s.sampler(),
          s.guidance(),
          s.classifier(),
          r.point().withDot() ? "morse" : "dash",
          r.point().budget(),
          r.point().schedule(),
          r.point().schedule().dash(),
          r.point().schedule().dot(),
          r.lsd(),
          r.runMs(),
          r.runMs() / size.batch(),
          r.pictures(),
          r.value(FRECHET),
          r.tail(FRECHET, 0.025),
          r.tail(FRECHET, 0.975),
          r.value(RMSE),
          r.tail(RMSE, 0.025),
          r.tail(RMSE, 0.975),
          Errors.psnr(r.value(RMSE)),
          r.accuracy()
        };
        out.append(String.join(",", Arrays.stream(fields).map(EvaluationReport::field).toList()));
        out.append('\n');
      }
    }
    return out.toString();
  }

  private static String field(Object value) {
    if (value instanceof Double d) {
      return Double.isNaN(d) ? "" : String.format(Locale.ROOT, "%.6g", d);
    }
    return value.toString();
  }

  void fill(Report report) {
    report.put("batch", size.batch());
    report.put("pictures", size.batch() * size.batches());
    report.put("fine_steps", size.steps());
    report.put("note", note);
    Map<String, Object> samplers = new LinkedHashMap<>();
    for (Result r : results) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("budgets", size.budgets());
      entry.put("metric", r.bySteps().isEmpty() ? null : r.metric());
      entry.put("t_dash_ms", r.dashMs());
      entry.put("t_dot_ms", r.dotMs());
      if (!r.bySteps().isEmpty()) {
        entry.putAll(r.bySteps().get(r.metric()).keys(""));
        entry.putAll(r.byWall().get(r.metric()).keys("_wall"));
      }
      Map<String, Object> metrics = new LinkedHashMap<>();
      r.bySteps()
          .forEach(
              (metric, s) -> {
                Map<String, Object> both = s.keys("");
                both.putAll(r.byWall().get(metric).keys("_wall"));
                metrics.put(metric, both);
              });
      entry.put("metrics", metrics);
      samplers.put(r.setting().name(), entry);
    }
    report.put("samplers", samplers);
  }

  void print(Console console) {
    if (note != null) {
      console.err().println("morse: " + note);
    }
    for (Result r : results) {
      console
          .out()
          .printf(
              Locale.ROOT,
              "%s: t_dash %.2f ms, t_dot %.2f ms (%.1fx) at batch %d%n",
              r.setting().name(),
              r.dashMs(),
              r.dotMs(),
              r.dashMs() / r.dotMs(),
              size.batch());
      r.bySteps()
          .forEach(
              (metric, s) -> {
                Speedups wall = r.byWall().get(metric);
                console
                    .out()
                    .printf(
                        Locale.ROOT,
                        "  by %s: speedup %.2f [%.2f, %.2f] in LSD, %.2f [%.2f, %.2f] in time%n",
                        metric,
                        s.mean(),
                        s.meanLow(),
                        s.meanHigh(),
                        wall.mean(),
                        wall.meanLow(),
                        wall.meanHigh());
                StringBuilder line = new StringBuilder("   ");
                for (int i = 0; i < s.speedup().length; i++) {
                  line.append(
                      String.format(
                          Locale.ROOT,
                          " %s: %.2f%s",
                          field(s.budgets().get(i)),
                          s.speedup()[i],
                          s.reached()[i] ? "" : "*"));
                }
                console.out().println(line);
              });
    }
    if (results.stream()
        .flatMap(r -> r.bySteps().values().stream())
        .anyMatch(s -> !all(s.reached()))) {
      console.out().println("* extrapolated: Morse was not measured up to that quality");
    }
  }

  private static boolean all(boolean[] flags) {
    for (boolean f : flags) {
      if (!f) {
        return false;
      }
    }
    return true;
  }
}
