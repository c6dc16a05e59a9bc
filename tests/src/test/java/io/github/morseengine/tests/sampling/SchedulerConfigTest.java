package io.github.morseengine.tests.sampling;

import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.Prediction;
import io.github.morseengine.engine.morse.Sampler;
import io.github.morseengine.engine.morse.SamplerStep;
import io.github.morseengine.engine.morse.Samplers;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.SchedulerConfig;
import io.github.morseengine.engine.morse.StepKind;
import io.github.morseengine.tests.support.ToyMorse;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is read from scheduler_config.json, and the tables that follow without running a model. */
class SchedulerConfigTest {

  @TempDir Path folder;

  private SchedulerConfig config(String text) {
    Path file = folder.resolve("scheduler_config.json");
    ToyMorse.text(file, text);
    return SchedulerConfig.read(file);
  }

  private double[] times(String text, String sampler, int steps) {
    return Samplers.of(sampler, config(text), 0).table(steps).steps().stream()
        .mapToDouble(SamplerStep::timestep)
        .toArray();
  }

  /** A file that diffusers' DPMSolverMultistepScheduler wrote, and one of Stable Diffusion 1.5. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        """
        {"_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.30.0",
         "algorithm_type": "dpmsolver++", "beta_end": 0.012, "beta_schedule": "scaled_linear",
         "beta_start": 0.00085, "dynamic_thresholding_ratio": 0.995, "euler_at_final": false,
         "final_sigmas_type": "zero", "flow_shift": 1.0, "lambda_min_clipped": -Infinity,
         "lower_order_final": true, "num_train_timesteps": 1000, "prediction_type": "v_prediction",
         "rescale_betas_zero_snr": false, "sample_max_value": 1.0, "solver_order": 2,
         "solver_type": "midpoint", "steps_offset": 1, "thresholding": false,
         "timestep_spacing": "linspace", "time_shift_type": "exponential", "trained_betas": null,
         "use_beta_sigmas": false, "use_dynamic_shifting": false, "use_exponential_sigmas": false,
         "use_flow_sigmas": false, "use_karras_sigmas": false, "use_lu_lambdas": false,
         "variance_type": null}
        """,
        """
        {"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
         "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
         "prediction_type": "v_prediction", "set_alpha_to_one": false, "skip_prk_steps": true,
         "steps_offset": 1, "trained_betas": null, "clip_sample": false}
        """
      })
  void filesOfDiffusersAreRead(String text) {
    SchedulerConfig c = config(text);
    assertEquals(1000, c.trainSteps());
    assertEquals(Prediction.V, c.prediction());
    for (String sampler : Samplers.names()) {
      Sampler s = Samplers.of(sampler, c, 0);
      assertEquals(6, s.table(6).count(), sampler);
      assertEquals(sampler, s.name());
    }
  }

  /** What diffusers 0.42 gives for six steps where the file says nothing of the spacing. */
  @Test
  void eachClassKeepsItsOwnDefaults() {
    String text = "{\"steps_offset\": 1}";
    assertEquals(
        List.of(831.0, 665.0, 499.0, 333.0, 167.0, 1.0),
        java.util.Arrays.stream(times(text, "ddim", 6)).boxed().toList());
    double[] dpm = times(text, "dpmpp", 6);
    assertEquals(999, dpm[0]);
    assertEquals(832, dpm[1]);
    double[] euler = times(text, "euler", 6);
    assertEquals(999, euler[0]);
    assertEquals(799.2, euler[1], 1e-4);
    assertEquals(
        List.of(999.0, 832.0, 666.0, 499.0, 332.0, 166.0),
        java.util.Arrays.stream(times("{\"timestep_spacing\": \"trailing\"}", "dpmpp", 6))
            .boxed()
            .toList());
    assertEquals(999, times(text, "sde", 2)[0], 1e-3);
    double[] sde = times("{\"_class_name\": \"ScoreSdeVpScheduler\"}", "sde", 2);
    assertEquals(1999, sde[0], 1e-3);
    assertEquals(1.999, sde[1], 1e-3);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"_class_name\": \"FlowMatchHeunDiscreteScheduler\"} | FlowMatchHeunDiscreteScheduler",
        "{\"_class_name\": 7} | _class_name",
        "{\"beta_schedul\": \"linear\"} | beta_schedul",
        "{\"beta_schedule\": \"sigmoid\"} | beta_schedule",
        "{\"prediction_type\": \"flow_prediction\"} | prediction_type",
        "{\"timestep_spacing\": 3} | timestep_spacing",
        "{\"algorithm_type\": \"euler\"} | algorithm_type",
        "{\"solver_order\": 4} | solver_order",
        "{\"use_flow_sigmas\": true} | use_flow_sigmas",
        "{\"use_beta_sigmas\": 1} | use_beta_sigmas",
        "{\"lower_order_final\": \"yes\"} | lower_order_final",
        "{\"trained_betas\": [0.1, 0.2]} | trained_betas",
        "{\"trained_betas\": [true]} | trained_betas",
        "{\"dynamic_thresholding_ratio\": 1.5} | dynamic_thresholding_ratio",
        "{\"clip_sample_range\": 0} | clip_sample_range",
        "{\"steps_offset\": 1000} | steps_offset",
        "{\"steps_offset\": 0.5} | steps_offset",
      })
  void unknownKeysAndValuesAreSaid(String text, String word) {
    fails(ModelFormatException.class, () -> config(text), word, "scheduler_config.json");
  }

  @Test
  void runsThatASamplerDoesNotHaveAreRefused() {
    SchedulerConfig c = config("{}");
    fails(InvalidInputException.class, () -> Samplers.of("lcm", c, 0).table(51), "51", "50");
    fails(InvalidInputException.class, () -> Samplers.of("euler", c, 0).table(1001), "1001");
    fails(InvalidInputException.class, () -> Samplers.of("dpmpp", c, 0).table(1001), "1001");
    fails(InvalidInputException.class, () -> Samplers.of("sde:corrector", c, 0).table(5), "even");
    fails(InvalidInputException.class, () -> Samplers.of("euphoria", c, 0), "euphoria", "ddim");
    fails(InvalidInputException.class, () -> Samplers.of("ode:fast", c, 0), "fast", "heun");
    fails(InvalidInputException.class, () -> Samplers.of("dpmpp:1:2", c, 0), "two orders");
    fails(InvalidInputException.class, () -> Samplers.of("ddim:", c, 0), "no variant ''");
    SchedulerConfig noise = config("{\"algorithm_type\": \"dpmsolver\"}");
    fails(ModelFormatException.class, () -> Samplers.of("dpmpp", noise, 0), "sigma_min");
    SchedulerConfig learned = config("{\"variance_type\": \"learned_range\"}");
    fails(ModelFormatException.class, () -> Samplers.of("ddpm", learned, 0), "learned_range");
    SchedulerConfig offset = config("{\"timestep_spacing\": \"leading\", \"steps_offset\": 500}");
    fails(InvalidInputException.class, () -> Samplers.of("euler", offset, 0).table(5), "offset");
    fails(InvalidInputException.class, () -> Samplers.of("dpmpp", offset, 0).table(5), "leading");
  }

  @Test
  void determinismIsKnownFromTheTable() {
    SchedulerConfig c = config("{}");
    for (String name : List.of("ddim", "dpmpp", "dpm", "ode", "ode:heun", "euler")) {
      assertTrue(Samplers.of(name, c, 0).table(6).deterministic(), name);
    }
    for (String name : List.of("ddpm", "dpmpp:sde", "sde", "sde:corrector", "lcm")) {
      assertFalse(Samplers.of(name, c, 0).table(6).deterministic(), name);
    }
    assertFalse(Samplers.of("ddim", c, 1).table(6).deterministic(), "ddim with eta");
  }

  /**
   * A cosine model is asked at whole times of its own, those of the SDE's signal-to-noise ratio.
   */
  @Test
  void modelsOfOtherSchedulesAreAskedAtEqualNoise() {
    double[] t = times("{\"beta_schedule\": \"squaredcos_cap_v2\"}", "ode", 50);
    for (int i = 0; i < t.length; i++) {
      assertEquals(Math.rint(t[i]), t[i]);
      assertTrue(i == 0 || t[i] <= t[i - 1], "descending at " + i);
    }
    // alpha_bar of the SDE at 1 is exp(-10.05); the cosine schedule has it at 0.9959 of its time.
    assertEquals(996, t[0], 1.5);
    assertTrue(t[49] <= 1);
  }

  @Test
  void schedulesAreReadAndWritten() {
    Schedule s = Schedule.parse("DKKdkD");
    assertEquals("DKKDKD", s.toString());
    assertEquals(3, s.dash());
    assertEquals(3, s.dot());
    assertEquals(3 + 3 * 0.125, s.lsd(0.125));
    assertEquals(StepKind.DOT, s.kind(4));
    assertEquals(Schedule.parse("DKKDKK"), Schedule.of(2, 2));
    fails(InvalidInputException.class, () -> Schedule.parse("KDK"), "start with Dash");
    fails(InvalidInputException.class, () -> Schedule.parse("DKX"), "'X'", "place 3");
    fails(InvalidInputException.class, () -> Schedule.parse(""), "steps");
    fails(InvalidInputException.class, () -> Schedule.of(1000, 1000), "fewer");
  }
}
