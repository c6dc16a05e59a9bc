package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.ffi.cudnn.EngineConfig;
import io.github.morseengine.engine.ffi.cudnn.ExecutionPlan;
import io.github.morseengine.engine.ffi.cudnn.Heuristics;
import io.github.morseengine.engine.ffi.cudnn.OperationGraph;
import io.github.morseengine.engine.ffi.cudnn.Target;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/**
 * Makes cuDNN's plan for a graph: from the cache, or the first or fastest of those that its
 * heuristics propose. The target may be a device that is only described; then nothing can be
 * measured, and the rest is the same.
 */
final class Planner {

  /**
   * A plan and how it was come by.
   *
   * @param plan the plan, owned by whoever asked
   * @param tag engine and settings
   * @param fromCache whether it was read from the cache
   */
  record Planned(ExecutionPlan plan, String tag, boolean fromCache) {}

  /** Part of every key; changes with the form of entries and with the graphs that are built. */
  private static final String FORM = "cudnn plan 1";

  private final Target target;
  private final String device;
  private final DiskCache cache;
  private final int most;

  /**
   * A planner for a device.
   *
   * @param target the device
   * @param device everything about device and library that plans depend on, in one line
   * @param cache where choices are kept
   * @param most number of plans that are made and measured; each fused one takes up to a second
   */
  Planner(Target target, String device, DiskCache cache, int most) {
    this.target = target;
    this.device = device;
    this.cache = cache;
    this.most = most;
  }

  /**
   * Looks a problem up.
   *
   * @param problem the problem
   * @return its plan, or nothing where it was not chosen yet, or the library refuses what is stored
   */
  Optional<Planned> stored(Problem problem) {
    return stored(cache.read(key(problem)));
  }

  private String key(Problem problem) {
    return DiskCache.key(List.of(FORM, device, problem.key()));
  }

  /** The plan of an entry, its tag's line first; nothing where the library refuses it. */
  private Optional<Planned> stored(byte[] entry) {
    if (entry == null) {
      return Optional.empty();
    }
    int end = 0;
    while (end < entry.length && entry[end] != '\n') {
      end++;
    }
    if (end == entry.length) {
      return Optional.empty();
    }
    String tag = new String(entry, 0, end, StandardCharsets.UTF_8);
    byte[] json = Arrays.copyOfRange(entry, end + 1, entry.length);
    return ExecutionPlan.ofJson(json, target).map(plan -> new Planned(plan, tag, true));
  }

  private void store(String key, Planned chosen) {
    byte[] tag = (chosen.tag + "\n").getBytes(StandardCharsets.UTF_8);
    byte[] json = chosen.plan.json();
    byte[] entry = Arrays.copyOf(tag, tag.length + json.length);
    System.arraycopy(json, 0, entry, tag.length, json.length);
    cache.write(key, entry);
  }

  /**
   * Chooses a plan and stores it.
   *
   * @param problem the problem
   * @param time measures a plan, in any unit; null takes the first that works
   * @return the plan, or nothing where cuDNN has none
   */
  Optional<Planned> choose(Problem problem, ToDoubleFunction<ExecutionPlan> time) {
    Optional<Planned> chosen;
    try (OperationGraph graph = problem.graph(target)) {
      chosen = choose(problem, graph, time);
    }
    chosen.ifPresent(c -> store(key(problem), c));
    return chosen;
  }

  private Optional<Planned> choose(
      Problem problem, OperationGraph graph, ToDoubleFunction<ExecutionPlan> time) {
    Planned best = null;
    double bestTime = Double.POSITIVE_INFINITY;
    int wanted = time == null ? 1 : most;
    Set<String> seen = new HashSet<>();
    int made = 0;
    for (Heuristics.Mode mode : Heuristics.Mode.values()) {
      // What works at all is slow: only where nothing better does.
      if (made >= wanted || mode == Heuristics.Mode.FALLBACK && made > 0) {
        break;
      }
      List<EngineConfig> configs = Heuristics.of(graph, mode);
      try {
        while (!configs.isEmpty() && made < wanted) {
          EngineConfig config = configs.removeFirst();
          String tag = config.tag();
          if (!seen.add(tag) || !problem.allows(config.notes())) {
            config.close();
            continue;
          }
          Optional<ExecutionPlan> plan = ExecutionPlan.of(config, target);
          if (plan.isEmpty()) {
            continue;
          }
          made++;
          double t = measure(plan.get(), time);
          if (t < bestTime || best == null) {
            if (best != null) {
              best.plan.close();
            }
            bestTime = t;
            best = new Planned(plan.get(), tag, false);
          } else {
            plan.get().close();
          }
        }
      } catch (RuntimeException e) {
        if (best != null) {
          best.plan.close();
        }
        throw e;
      } finally {
        configs.forEach(EngineConfig::close);
      }
    }
    return Optional.ofNullable(best);
  }

  private static double measure(ExecutionPlan plan, ToDoubleFunction<ExecutionPlan> time) {
    if (time == null) {
      return 0;
    }
    try {
      return time.applyAsDouble(plan);
    } catch (RuntimeException e) {
      plan.close();
      throw e;
    }
  }
}
