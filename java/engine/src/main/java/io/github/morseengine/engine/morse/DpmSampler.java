package io.github.morseengine.engine.morse;

import java.util.ArrayList;
import java.util.List;

/**
 * {@link DpmSolver} on the continuous times of {@link VpSde}, equally spread as in section 4.4 of
 * Lu et al. 2022 (arXiv 2206.00927) for high-resolution pictures ("time_uniform"): the run ends at
 * sampling_eps, not at 0. diffusers has no such class.
 */
final class DpmSampler implements Sampler {

  private final String name;
  private final VpSde sde;
  private final DpmSolver solver;

  DpmSampler(String name, SchedulerConfig given, int order) {
    this.name = name;
    SchedulerConfig config = given.as(SchedulerClass.DPM_SOLVER);
    sde = new VpSde(given.as(SchedulerClass.SDE_VP));
    solver = new DpmSolver(config, order == 0 ? config.whole("solver_order") : order, false);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Table table(int steps) {
    return table(steps, 0);
  }

  @Override
  public Table table(int steps, int skip) {
    float[] grid = sde.times(steps + 1);
    double[] times = new double[steps];
    List<Level> levels = new ArrayList<>();
    for (int i = 0; i <= steps; i++) {
      VpSde.At at = sde.at(grid[i]);
      levels.add(at.level());
      if (i < steps) {
        times[i] = at.timestep();
      }
    }
    return new Table(1, solver.steps(times, levels, skip));
  }
}
