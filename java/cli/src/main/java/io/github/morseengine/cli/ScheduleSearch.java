package io.github.morseengine.cli;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.MorsePipeline;
import io.github.morseengine.engine.morse.ProgressListener;
import io.github.morseengine.engine.morse.Sampler;
import io.github.morseengine.engine.morse.Samplers;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.ScheduleCandidates;
import io.github.morseengine.engine.morse.ScheduleCandidates.Candidate;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the schedules of one sampler. Many candidates are tried on one batch; the best of them run
 * on all, since a few pictures that go another way decide the error of a small number. For one
 * thread.
 */
final class ScheduleSearch {

  /** Even schedules whose steps of Dash are spread anew. */
  private static final int RESPREAD = 2;

  /** The best by one batch that are tried with a step of Dash at the end, too. */
  private static final int CLOSED = 3;

  /**
   * How many steps of Dash fewer and more the best is tried with, until nothing near it is better.
   * By one alone it would stay where a neighbour is no better but the one behind it is.
   */
  private static final int NEAR = 2;

  /** How often a better neighbour is gone to. */
  private static final int CLIMBS = 3;

  /** About how many schedules one climb tries: those near two places. */
  private static final int NEIGHBOURS = 7;

  /** Schedules that are tried on all batches, besides those of other budgets and Dash alone. */
  private static final int FINALISTS = 8;

  /**
   * Timesteps of {@link Sampler#shortfall} that count as much as twice the error. The noise that
   * they leave is hardly a distance; by Fréchet distance 10 timesteps made the pictures of one
   * model half as far again from the data.
   */
  private static final double DEAR_SHORTFALL = 100;

  /** Keeps the error of pictures without any detail finite. */
  private static final double LEAST_DETAIL = 1e-3;

  /**
   * What schedules are tried on.
   *
   * @param batches batches of pictures
   * @param batch pictures in each
   * @param seed of the first
   * @param steps of the solution that errors are measured against
   * @param ratio cost of a step of Dot
   */
  record Size(int batches, int batch, long seed, int steps, double ratio) {}

  private final MorsePipeline pipeline;
  private final Setting setting;
  private final Size size;
  private final Work work;
  private final Sampler sampler;
  private final ScheduleCandidates candidates;
  private final List<Tensor> solutions = new ArrayList<>();
  private final List<Double> details = new ArrayList<>();
  private final Map<Schedule, Score[]> known = new LinkedHashMap<>();

  ScheduleSearch(MorsePipeline pipeline, String sampler, Size size, Work work) {
    this.pipeline = pipeline;
    this.setting = Setting.unlabelled(sampler);
    this.size = size;
    this.work = work;
    this.sampler = Samplers.of(sampler, pipeline.directory().scheduler(), 0);
    this.candidates = new ScheduleCandidates(size.ratio(), this.sampler::shortfall);
  }

  /** About what a search costs, in latencies of Dash. */
  static double cost(List<Double> budgets, Size size) {
    ScheduleCandidates candidates = new ScheduleCandidates(size.ratio(), steps -> 0);
    double sum = (double) size.steps() * size.batches();
    for (double b : budgets) {
      List<Candidate> even = candidates.even(b);
      int spread = RESPREAD * ScheduleCandidates.respread(even.getFirst()).size();
      double tried = even.size() + spread + 2 + CLOSED;
      sum += b * (tried + 2 + (FINALISTS + 3.0) * (size.batches() - 1));
      sum += b * NEIGHBOURS * size.batches();
    }
    return sum;
  }

  /**
   * How a schedule did on some pictures.
   *
   * <p>What tells little of a picture ends near the mean of all that it may be: a blur, which is
   * nearer to the solution than another picture as sharp as that. So the error counts by the share
   * of detail that is there.
   *
   * @param rmse the mean of each picture's root mean squared distance to the solution. Most runs
   *     end near it, a few in another picture altogether; the root of the mean square over all of
   *     them would follow those few, which another seed draws otherwise.
   * @param detail of the solutions' detail ({@link Errors#detail}), at most 1
   */
  private record Score(double rmse, double detail) {

    double error() {
      return rmse / detail;
    }
  }

  /** A schedule that was tried. */
  private record Tried(Candidate candidate, double error) {}

  /** The best schedule for each budget, as the entries of the file. */
  List<Map<String, Object>> run(List<Double> budgets) {
    for (int b = 0; b < size.batches(); b++) {
      Schedule many = Schedule.of(size.steps(), 0);
      solutions.add(draw(many, b, work.of(many, 1)));
      details.add(Errors.detail(solutions.get(b)));
    }
    List<Double> ascending = budgets.stream().sorted().toList();
    List<Candidate> found = new ArrayList<>();
    Candidate best = null;
    for (double budget : ascending) {
      List<Candidate> even = candidates.even(budget);
      Candidate dash = even.getFirst();
      List<Candidate> last = new ArrayList<>(finalists(even, budget));
      if (best != null) {
        // What a smaller budget paid for is within this one, too.
        last.add(best);
        last.add(candidates.scaled(best, budget));
      }
      last.add(dash);
      best = climbed(better(last), budget);
      found.add(best);
    }
    // What suits a larger budget may not have been among the candidates of the one below.
    for (int i = found.size() - 2; i >= 0; i--) {
      Candidate above = candidates.scaled(found.get(i + 1), ascending.get(i));
      found.set(i, better(List.of(found.get(i), above)));
    }
    List<Map<String, Object>> out = new ArrayList<>();
    for (int i = 0; i < found.size(); i++) {
      best = better(i == 0 ? List.of(found.get(0)) : List.of(best, found.get(i)));
      out.add(entry(ascending.get(i), best));
    }
    return out;
  }

  private Candidate better(List<Candidate> among) {
    return sorted(among, size.batches()).getFirst().candidate();
  }

  /** The best that is reached from a schedule by going to a better neighbour again and again. */
  private Candidate climbed(Candidate from, double budget) {
    Candidate at = from;
    for (int i = 0; i < CLIMBS && at.dot() > 0; i++) {
      List<Candidate> near = new ArrayList<>(candidates.beside(at, budget, NEAR));
      near.add(ScheduleCandidates.closed(at));
      near.add(ScheduleCandidates.opened(at));
      near.add(at);
      Candidate next = better(near);
      if (next.schedule().equals(at.schedule())) {
        break;
      }
      at = next;
    }
    return at;
  }

  private Map<String, Object> entry(double budget, Candidate best) {
    Candidate dash = candidates.even(budget).getFirst();
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("budget", budget);
    entry.put("lsd", best.schedule().lsd(size.ratio()));
    entry.put("schedule", best.schedule().toString());
    Score with = score(best, size.batches());
    Score without = score(dash, size.batches());
    entry.put("rmse", with.rmse());
    entry.put("detail", with.detail());
    entry.put("rmse_without_dot", without.rmse());
    entry.put("detail_without_dot", without.detail());
    return entry;
  }

  /** The best by one batch. */
  private List<Candidate> finalists(List<Candidate> even, double budget) {
    List<Candidate> all = new ArrayList<>(even);
    for (Tried t : sorted(even, 1).subList(0, Math.min(RESPREAD, even.size()))) {
      all.addAll(ScheduleCandidates.respread(t.candidate()));
    }
    all.addAll(candidates.beside(sorted(all, 1).getFirst().candidate(), budget, 1));
    List<Tried> open = sorted(all, 1);
    open.stream().limit(CLOSED).forEach(t -> all.add(ScheduleCandidates.closed(t.candidate())));
    Map<Schedule, Candidate> different = new LinkedHashMap<>();
    sorted(all, 1).forEach(t -> different.putIfAbsent(t.candidate().schedule(), t.candidate()));
    return different.values().stream().limit(FINALISTS).toList();
  }

  private List<Tried> sorted(List<Candidate> some, int batches) {
    return some.stream()
        .map(c -> new Tried(c, score(c, batches).error() * waste(c)))
        .sorted(Comparator.comparingDouble(Tried::error))
        .toList();
  }

  private double waste(Candidate c) {
    return 1 + sampler.shortfall(c.dash() + c.dot()) / DEAR_SHORTFALL;
  }

  private Score score(Candidate c, int batches) {
    Schedule s = c.schedule();
    Score[] scores = known.getOrDefault(s, new Score[0]);
    if (scores.length < batches) {
      Score[] more = Arrays.copyOf(scores, batches);
      for (int b = scores.length; b < batches; b++) {
        more[b] = attempt(s, b);
      }
      known.put(s, more);
      scores = more;
    }
    List<Score> counted = Arrays.asList(scores).subList(0, batches);
    return new Score(
        counted.stream().mapToDouble(Score::rmse).average().orElseThrow(),
        counted.stream().mapToDouble(Score::detail).average().orElseThrow());
  }

  private Score attempt(Schedule s, int batch) {
    try {
      Tensor drawn = draw(s, batch, work.of(s, size.ratio()));
      double share = Errors.detail(drawn) / details.get(batch);
      return new Score(
          Errors.meanRmse(drawn, solutions.get(batch)),
          Double.isFinite(share) ? Math.clamp(share, LEAST_DETAIL, 1) : 1);
    } catch (InvalidInputException e) {
      // A sampler may have no run of that length.
      return new Score(Double.POSITIVE_INFINITY, 1);
    }
  }

  private Tensor draw(Schedule s, int batch, ProgressListener progress) {
    return setting.run(pipeline, s, size.seed(), batch, size.batch(), progress).latents();
  }
}
