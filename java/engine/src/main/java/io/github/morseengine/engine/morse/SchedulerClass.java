package io.github.morseengine.engine.morse;

import java.util.Map;

/**
 * The schedulers of diffusers that samplers follow, each with its own values where a configuration
 * is silent.
 */
enum SchedulerClass {
  DDIM("DDIMScheduler", Map.of("clip_sample", true, "timestep_spacing", "leading")),
  DDPM(
      "DDPMScheduler",
      Map.of("clip_sample", true, "timestep_spacing", "leading", "variance_type", "fixed_small")),
  DPM_SOLVER("DPMSolverMultistepScheduler", Map.of()),
  EULER("EulerDiscreteScheduler", Map.of()),
  FLOW_EULER("FlowMatchEulerDiscreteScheduler", Map.of("shift", 1.0)),
  LCM(
      "LCMScheduler",
      Map.of("beta_start", 0.00085, "beta_end", 0.012, "beta_schedule", "scaled_linear")),
  SDE_VP("ScoreSdeVpScheduler", Map.of("num_train_timesteps", 2000.0));

  /** Of most classes; what no entry names has no value. */
  private static final Map<String, Object> COMMON =
      Map.ofEntries(
          Map.entry("num_train_timesteps", 1000.0),
          Map.entry("beta_start", 0.0001),
          Map.entry("beta_end", 0.02),
          Map.entry("beta_schedule", "linear"),
          Map.entry("prediction_type", "epsilon"),
          Map.entry("clip_sample", false),
          Map.entry("clip_sample_range", 1.0),
          Map.entry("thresholding", false),
          Map.entry("dynamic_thresholding_ratio", 0.995),
          Map.entry("sample_max_value", 1.0),
          Map.entry("timestep_spacing", "linspace"),
          Map.entry("steps_offset", 0.0),
          Map.entry("set_alpha_to_one", true),
          Map.entry("rescale_betas_zero_snr", false),
          Map.entry("solver_order", 2.0),
          Map.entry("algorithm_type", "dpmsolver++"),
          Map.entry("solver_type", "midpoint"),
          Map.entry("lower_order_final", true),
          Map.entry("euler_at_final", false),
          Map.entry("final_sigmas_type", "zero"),
          Map.entry("lambda_min_clipped", Double.NEGATIVE_INFINITY),
          Map.entry("use_karras_sigmas", false),
          Map.entry("use_exponential_sigmas", false),
          Map.entry("use_lu_lambdas", false),
          Map.entry("interpolation_type", "linear"),
          Map.entry("timestep_type", "discrete"),
          Map.entry("original_inference_steps", 50.0),
          Map.entry("timestep_scaling", 10.0),
          Map.entry("beta_min", 0.1),
          Map.entry("beta_max", 20.0),
          Map.entry("sampling_eps", 1e-3),
          Map.entry("snr", 0.16));

  private final String diffusers;
  private final Map<String, Object> own;

  SchedulerClass(String diffusers, Map<String, Object> own) {
    this.diffusers = diffusers;
    this.own = own;
  }

  /** The class of a name in diffusers; DDIM stands for all that have no entry here. */
  static SchedulerClass of(Object name) {
    for (SchedulerClass c : values()) {
      if (c.diffusers.equals(name)) {
        return c;
      }
    }
    return DDIM;
  }

  /** The value of a key that a configuration leaves out; null where there is none. */
  Object fallback(String key) {
    return own.getOrDefault(key, COMMON.get(key));
  }
}
