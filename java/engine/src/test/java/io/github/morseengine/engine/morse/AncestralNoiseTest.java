package io.github.morseengine.engine.morse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ancestral runs of different lengths see one path of noise. */
class AncestralNoiseTest {

  private static final long[] SAMPLE = {2, 3, 16, 16};

  @TempDir Path folder;

  private SchedulerConfig config() throws Exception {
    Path file = folder.resolve("scheduler_config.json");
    Files.writeString(
        file, "{\"prediction_type\": \"epsilon\", \"timestep_spacing\": \"trailing\"}");
    return SchedulerConfig.read(file);
  }

  @Test
  void everyStepHasNoiseOfVarianceOne() throws Exception {
    SchedulerConfig config = config();
    Tensor noise = new AncestralNoise(config, SAMPLE, 5).of(new DdpmSampler(config).table(7));
    int elements = 2 * 3 * 16 * 16;
    for (int s = 0; s < 7; s++) {
      double mean = 0;
      double square = 0;
      for (int i = 0; i < elements; i++) {
        double v = noise.getDouble((long) s * elements + i);
        mean += v / elements;
        square += v * v / elements;
      }
      double wanted = s < 6 ? 1 : 0;
      assertEquals(0, mean, 5 / Math.sqrt(elements));
      assertEquals(wanted, square, 5 * Math.sqrt(2.0 / elements));
    }
  }

  /**
   * With one x_0 in the place of a model, the samples of both runs are the same where they meet.
   */
  @Test
  void aLongStepGoesWhereShortOnesGo() throws Exception {
    SchedulerConfig config = config();
    AncestralNoise path = new AncestralNoise(config, SAMPLE, 5);
    double[] few = samples(config, path, 5);
    double[] many = samples(config, path, 20);
    for (int i = 0; i < few.length; i++) {
      assertEquals(many[4 * i], few[i], 2e-4, "step " + i);
    }
    double other = samples(config, new AncestralNoise(config, SAMPLE, 6), 5)[2];
    assertTrue(Math.abs(other - few[2]) > 1e-2, "another seed is another path");
  }

  /** The first number of the sample at each step. */
  private static double[] samples(SchedulerConfig config, AncestralNoise path, int steps) {
    Sampler.Table table = new DdpmSampler(config).table(steps);
    Tensor noise = path.of(table);
    NoiseSchedule bars = new NoiseSchedule(config);
    double[] out = new double[steps];
    double x = 0.7;
    for (int s = 0; s < steps; s++) {
      out[s] = x;
      double bar = bars.alphaBar((int) table.steps().get(s).timestep());
      double next = s + 1 < steps ? bars.alphaBar((int) table.steps().get(s + 1).timestep()) : 1;
      double beta = 1 - bar / next;
      double start = 0.3;
      x =
          Math.sqrt(next) * beta / (1 - bar) * start
              + Math.sqrt(bar / next) * (1 - next) / (1 - bar) * x
              + Math.sqrt((1 - next) / (1 - bar) * beta)
                  * noise.getDouble((long) s * 2 * 3 * 16 * 16);
    }
    return out;
  }

  @Test
  void timesBetweenTimestepsAreRefused() throws Exception {
    SchedulerConfig config = config();
    AncestralNoise path = new AncestralNoise(config, SAMPLE, 5);
    Sampler.Table between = Samplers.of("ode", config, 0).table(3);
    InvalidInputException e = assertThrows(InvalidInputException.class, () -> path.of(between));
    assertTrue(e.getMessage().contains("training timesteps"), e.getMessage());
  }
}
