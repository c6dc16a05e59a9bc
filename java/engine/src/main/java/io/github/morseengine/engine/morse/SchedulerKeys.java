package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.ModelFormatException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What may stand in a scheduler_config.json: the classes of diffusers whose models the samplers can
 * drive, their keys and the values. Keys that only steer classes which are not built here (the
 * user's choice of a sampler replaces them) are known and not used.
 */
final class SchedulerKeys {

  /** Class of models that were trained by flow matching; a sampler of its own follows it. */
  static final String FLOW = "FlowMatchEulerDiscreteScheduler";

  private static final int MOST_STEPS = 1_000_000;

  /**
   * Variance-preserving schedulers on discrete or the SDE's times, which any sampler can replace,
   * and flow matching.
   */
  private static final Set<String> CLASSES =
      Set.of(
          "DDIMScheduler",
          "DDIMParallelScheduler",
          "DDPMScheduler",
          "DDPMParallelScheduler",
          "DEISMultistepScheduler",
          "DPMSolverMultistepScheduler",
          "DPMSolverSDEScheduler",
          "DPMSolverSinglestepScheduler",
          "EulerAncestralDiscreteScheduler",
          "EulerDiscreteScheduler",
          FLOW,
          "HeunDiscreteScheduler",
          "KDPM2AncestralDiscreteScheduler",
          "KDPM2DiscreteScheduler",
          "LCMScheduler",
          "LMSDiscreteScheduler",
          "PNDMScheduler",
          "SASolverScheduler",
          "ScoreSdeVpScheduler",
          "TCDScheduler",
          "UniPCMultistepScheduler");

  private static final Map<String, List<String>> WORDS =
      Map.ofEntries(
          Map.entry("beta_schedule", List.of("linear", "scaled_linear", "squaredcos_cap_v2")),
          Map.entry("prediction_type", List.of("epsilon", "v_prediction", "sample")),
          Map.entry("timestep_spacing", List.of("leading", "linspace", "trailing")),
          Map.entry(
              "variance_type",
              List.of("fixed_small", "fixed_small_log", "fixed_large", "learned", "learned_range")),
          Map.entry(
              "algorithm_type",
              List.of("dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver", "deis")),
          // The last three belong to DEIS and UniPC; diffusers takes midpoint for them.
          Map.entry("solver_type", List.of("midpoint", "heun", "logrho", "bh1", "bh2")),
          Map.entry("final_sigmas_type", List.of("zero", "sigma_min")),
          Map.entry("interpolation_type", List.of("linear", "log_linear")),
          Map.entry("timestep_type", List.of("discrete", "continuous")));

  private static final Set<String> FLAGS =
      Set.of(
          "clip_sample",
          "thresholding",
          "set_alpha_to_one",
          "rescale_betas_zero_snr",
          "lower_order_final",
          "euler_at_final",
          "use_karras_sigmas",
          "use_exponential_sigmas",
          "use_lu_lambdas");

  /** Ways to choose times that are not built. */
  private static final Set<String> ONLY_FALSE =
      Set.of(
          "use_beta_sigmas",
          "use_flow_sigmas",
          "use_dynamic_shifting",
          "invert_sigmas",
          "stochastic_sampling");

  /** Of those that others may have, what flow matching follows no more. */
  private static final List<String> NOT_WITH_FLOW =
      List.of("use_karras_sigmas", "use_exponential_sigmas", "shift_terminal");

  private static final Set<String> WHOLE =
      Set.of("num_train_timesteps", "steps_offset", "solver_order", "original_inference_steps");

  private static final Set<String> NUMBERS =
      Set.of(
          "beta_start",
          "beta_end",
          "clip_sample_range",
          "dynamic_thresholding_ratio",
          "sample_max_value",
          "lambda_min_clipped",
          "sigma_min",
          "sigma_max",
          "timestep_scaling",
          "beta_min",
          "beta_max",
          "sampling_eps",
          "shift",
          "snr");

  /** The last two were written by the first versions of diffusers. */
  private static final Set<String> UNUSED =
      Set.of(
          "skip_prk_steps",
          "solver_p",
          "predict_x0",
          "disable_corrector",
          "predictor_order",
          "corrector_order",
          "tau_func",
          "noise_sampler_seed",
          "flow_shift",
          "base_shift",
          "max_shift",
          "base_image_seq_len",
          "max_image_seq_len",
          "time_shift_type",
          "shift_terminal",
          "tensor_format",
          "timestep_values");

  private SchedulerKeys() {}

  /**
   * Checks every entry.
   *
   * @throws ModelFormatException that names the key and what it may be
   */
  static void check(Map<String, Object> map) {
    Object name = map.get("_class_name");
    if (name != null && !CLASSES.contains(name)) {
      throw new ModelFormatException(
          "_class_name '"
              + name
              + "' is not a scheduler whose models can be sampled here: it must be one of "
              + String.join(", ", new TreeSet<>(CLASSES)));
    }
    map.forEach(
        (key, value) -> {
          // diffusers keeps notes of its own under such names, and writes null for no value.
          if (!key.startsWith("_")) {
            check(key, value);
          }
        });
    range(map, "num_train_timesteps", 1, MOST_STEPS);
    range(map, "original_inference_steps", 1, MOST_STEPS);
    range(map, "solver_order", 1, 3);
    range(map, "steps_offset", 0, MOST_STEPS);
    range(map, "dynamic_thresholding_ratio", 0, 1);
    for (String key :
        List.of(
            "clip_sample_range",
            "sample_max_value",
            "timestep_scaling",
            "sampling_eps",
            "shift",
            "snr")) {
      range(map, key, Double.MIN_VALUE, Double.MAX_VALUE);
    }
    for (String key : NOT_WITH_FLOW) {
      Object value = map.get(key);
      if (FLOW.equals(name) && value != null && !Boolean.FALSE.equals(value)) {
        throw new ModelFormatException(
            "'"
                + key
                + "' is "
                + value
                + ", which is not followed for models of flow matching: remove it");
      }
    }
  }

  private static void check(String key, Object value) {
    if (WORDS.containsKey(key)) {
      if (value != null && !WORDS.get(key).contains(value)) {
        throw new ModelFormatException(
            key + " '" + value + "' is not known: use " + String.join(", ", WORDS.get(key)));
      }
    } else if (FLAGS.contains(key)) {
      require(key, value, Boolean.class, "true or false");
    } else if (ONLY_FALSE.contains(key)) {
      require(key, value, Boolean.class, "true or false");
      if (Boolean.TRUE.equals(value)) {
        throw new ModelFormatException(
            "'"
                + key
                + "' is true, which no sampler here follows: set it to false"
                + (key.startsWith("use_beta") ? ", or choose use_karras_sigmas" : ""));
      }
    } else if (WHOLE.contains(key)) {
      require(key, value, Double.class, "a whole number");
      if (value != null && (double) value != Math.rint((double) value)) {
        throw new ModelFormatException(
            "the value of '" + key + "' is " + value + ", not a whole number");
      }
    } else if (NUMBERS.contains(key)) {
      require(key, value, Double.class, "a number");
    } else if (key.equals("trained_betas")) {
      require(key, value, List.class, "a list of numbers");
      if (value != null && !((List<?>) value).stream().allMatch(Double.class::isInstance)) {
        throw new ModelFormatException("'" + key + "' must be a list of numbers");
      }
    } else if (!UNUSED.contains(key)) {
      throw new ModelFormatException(
          "unknown key '"
              + key
              + "': correct it, or remove it if it does not change what the model expects");
    }
  }

  private static void require(String key, Object value, Class<?> type, String words) {
    if (value != null && !type.isInstance(value)) {
      throw new ModelFormatException("the value of '" + key + "' is " + value + ", not " + words);
    }
  }

  private static void range(Map<String, Object> map, String key, double least, double most) {
    Object value = map.get(key);
    if (value != null && !((double) value >= least && (double) value <= most)) {
      String wanted = least == Double.MIN_VALUE ? "positive" : "between " + least + " and " + most;
      throw new ModelFormatException("'" + key + "' is " + value + ": it must be " + wanted);
    }
  }
}
