package io.github.morseengine.engine.morse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Stochastic runs that draw noise before steps of Dash alone. */
class FreshNoiseTest {

  private static final Schedule MIXED = Schedule.parse("DKKDDKDKKK");

  @TempDir Path folder;

  private SchedulerConfig config;

  @BeforeEach
  void readConfig() throws Exception {
    Path file = folder.resolve("scheduler_config.json");
    Files.writeString(
        file,
        "{\"prediction_type\": \"epsilon\", \"timestep_spacing\": \"trailing\","
            + " \"clip_sample\": false, \"solver_order\": 2}");
    config = SchedulerConfig.read(file);
  }

  private Sampler.Table table(String sampler, int steps) {
    return Samplers.of(sampler, config, 1).table(steps);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ddim", "ddpm", "sde", "sde:reverse", "dpmpp:sde", "dpmpp:3:sde"})
  void noNoiseIsDrawnBeforeDot(String sampler) {
    Sampler.Table every = table(sampler, MIXED.count());
    Sampler.Table some = every.of(MIXED, FreshNoise.DASH_STEPS);
    assertEquals(every.initialScale(), some.initialScale());
    for (int i = 0; i < MIXED.count(); i++) {
      boolean last = i + 1 == MIXED.count();
      if (last || MIXED.kind(i + 1) == StepKind.DASH) {
        assertEquals(every.steps().get(i), some.steps().get(i), "step " + i);
        assertTrue(last || every.steps().get(i).factors().d() > 0, "step " + i);
      } else {
        assertEquals(0, some.steps().get(i).factors().d(), "step " + i);
        assertEquals(every.steps().get(i).timestep(), some.steps().get(i).timestep());
      }
    }
    assertSame(every, every.of(MIXED, FreshNoise.EVERY_STEP));
    Schedule dash = Schedule.of(MIXED.count(), 0);
    assertEquals(every, every.of(dash, FreshNoise.DASH_STEPS));
  }

  /** A step without noise is the one that the deterministic kin makes there. */
  @ParameterizedTest
  @CsvSource({"sde, ode", "dpmpp:sde, dpmpp", "dpmpp:3:sde, dpmpp:3"})
  void aStillStepIsThatOfTheKin(String sampler, String kin) {
    List<SamplerStep> steps = table(sampler, 12).steps();
    List<SamplerStep> wanted = table(kin, 12).steps();
    for (int i = 0; i < 12; i++) {
      Factors f = steps.get(i).still();
      Factors w = wanted.get(i).factors();
      assertEquals(w.a(), f.a(), 1e-12);
      assertEquals(w.b(), f.b(), 1e-4 * Math.abs(w.b()));
      assertEquals(w.c(), f.c(), 1e-3 * Math.abs(w.c()));
      assertEquals(w.h0(), f.h0(), 1e-12);
      assertEquals(w.h1(), f.h1(), 1e-12);
    }
  }

  /** Nothing is cut here, so what ddpm keeps of the noise is DDIM's epsilon. */
  @Test
  void aStillStepOfDdpmIsThatOfDdim() {
    List<SamplerStep> ddpm = table("ddpm", 10).steps();
    List<SamplerStep> ddim = table("ddim", 10).steps();
    for (int i = 0; i < 10; i++) {
      double[] is = linear(ddpm.get(i).still());
      double[] wanted = linear(ddim.get(i).still());
      assertEquals(wanted[0], is[0], 1e-9, "x, step " + i);
      assertEquals(wanted[1], is[1], 1e-9, "z, step " + i);
    }
  }

  /** Factors of x and z of a step that cuts nothing. */
  private static double[] linear(Factors f) {
    return new double[] {f.a() * f.p() + f.b(), f.a() * f.q() + f.c()};
  }

  /**
   * The data are numbers of variance 1/4, of which an exact model knows epsilon = sigma / (alpha^2
   * / 4 + sigma^2) x. Whichever steps draw, the samples have the data's variance.
   */
  @ParameterizedTest
  @CsvSource({"ddim, 0.02", "ddpm, 0.02", "sde, 0.06", "sde:reverse, 0.06"})
  void everyChoiceHasTheVarianceOfTheData(String sampler, double tolerance) {
    Schedule schedule = Schedule.of(200, 4);
    Sampler.Table every = table(sampler, schedule.count());
    assertEquals(1, variance(every) / 0.25, tolerance);
    Sampler.Table some = every.of(schedule, FreshNoise.DASH_STEPS);
    assertNotEquals(every, some);
    assertEquals(1, variance(some) / 0.25, tolerance);
  }

  private double variance(Sampler.Table table) {
    NoiseSchedule schedule = new NoiseSchedule(config);
    double variance = 1;
    for (SamplerStep step : table.steps()) {
      double bar = schedule.alphaBar((int) Math.rint(step.timestep()));
      double estimate = Math.sqrt(1 - bar) / (bar / 4 + 1 - bar);
      double[] f = linear(step.factors());
      double x = f[0] + f[1] * estimate;
      double d = step.factors().d();
      variance = x * x * variance + d * d;
    }
    return variance;
  }

  @Test
  void givenNoiseIsUsedAtEveryStep() {
    Tensor noise = Tensor.allocate(DType.FLOAT32, 20, 16, 3, 8, 8);
    GenerateRequest.Builder drawn = GenerateRequest.builder();
    assertEquals(FreshNoise.DASH_STEPS, drawn.build().freshNoise());
    GenerateRequest given = drawn.stepNoise(noise).build();
    assertEquals(FreshNoise.EVERY_STEP, given.freshNoise());
    GenerateRequest asked = drawn.freshNoise(FreshNoise.DASH_STEPS).build();
    assertEquals(FreshNoise.DASH_STEPS, asked.freshNoise());
    assertTrue(asked.toBuilder().build().freshNoise() == FreshNoise.DASH_STEPS);
  }
}
