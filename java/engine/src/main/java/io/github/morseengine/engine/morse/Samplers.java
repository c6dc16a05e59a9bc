package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Finds samplers by name. A name may be followed by variants, each behind a colon: {@code dpmpp:3},
 * {@code ode:heun}, {@code sde:reverse:corrector}.
 */
public final class Samplers {

  private static final Map<String, List<String>> VARIANTS = new LinkedHashMap<>();

  static {
    VARIANTS.put("ddim", List.of("clipped"));
    VARIANTS.put("ddpm", List.of());
    VARIANTS.put("dpmpp", List.of("1", "2", "3", "sde"));
    VARIANTS.put("dpm", List.of("1", "2", "3"));
    VARIANTS.put("sde", List.of("reverse", "corrector", "mean"));
    VARIANTS.put("ode", List.of("heun"));
    VARIANTS.put("euler", List.of());
    VARIANTS.put("lcm", List.of());
  }

  private Samplers() {}

  /** {@return the names of all samplers, without variants} */
  public static List<String> names() {
    return List.copyOf(VARIANTS.keySet());
  }

  /** {@return the names with their variants, for people} */
  public static List<String> described() {
    return VARIANTS.entrySet().stream()
        .map(
            e ->
                e.getValue().isEmpty()
                    ? e.getKey()
                    : e.getKey() + "[:" + String.join("|", e.getValue()) + "]")
        .toList();
  }

  /**
   * Makes a sampler.
   *
   * @param name one of {@link #names()}, perhaps with variants
   * @param config the model's configuration
   * @param eta noise of ddim, 0 to 1
   * @return the sampler
   * @throws InvalidInputException if the name or a variant is unknown
   */
  public static Sampler of(String name, SchedulerConfig config, double eta) {
    String[] parts = name.split(":", -1);
    Set<String> variants = new TreeSet<>(Arrays.asList(parts).subList(1, parts.length));
    check(name, parts[0], variants);
    if (config.flow()) {
      if (!parts[0].equals("euler")) {
        throw new InvalidInputException(
            "sampler '"
                + name
                + "' does not fit a model that was trained by flow matching: use euler");
      }
      return new FlowSampler(config);
    }
    int order = variants.stream().filter(v -> v.matches("[123]")).mapToInt(Integer::parseInt).sum();
    return switch (parts[0]) {
      case "ddim" -> new DdimSampler(config, eta, variants.contains("clipped"));
      case "ddpm" -> new DdpmSampler(config);
      case "dpmpp" -> new DpmppSampler(name, config, order, variants.contains("sde"));
      case "dpm" -> new DpmSampler(name, config, order);
      case "sde" ->
          new SdeSampler(
              name,
              config,
              new SdeSampler.Variant(
                  variants.contains("reverse"),
                  variants.contains("corrector"),
                  variants.contains("mean")));
      case "ode" -> new OdeSampler(name, config, variants.contains("heun"));
      case "euler" -> new EulerSampler(config);
      default -> new LcmSampler(config);
    };
  }

  /**
   * Checks a name without a model.
   *
   * @param name a name, perhaps with variants
   * @throws InvalidInputException if the name or a variant is unknown
   */
  public static void check(String name) {
    String[] parts = name.split(":", -1);
    check(name, parts[0], new TreeSet<>(Arrays.asList(parts).subList(1, parts.length)));
  }

  private static void check(String name, String base, Set<String> variants) {
    if (!VARIANTS.containsKey(base)) {
      throw new InvalidInputException(
          "unknown sampler '" + name + "': use one of " + String.join(", ", described()));
    }
    for (String v : variants) {
      if (!VARIANTS.get(base).contains(v)) {
        List<String> known = VARIANTS.get(base);
        throw new InvalidInputException(
            "sampler '"
                + name
                + "': "
                + base
                + " has no variant '"
                + v
                + "'"
                + (known.isEmpty() ? "" : ", only " + String.join(", ", known)));
      }
    }
    if (variants.stream().filter(v -> v.matches("[123]")).count() > 1) {
      throw new InvalidInputException("sampler '" + name + "' names two orders: give one");
    }
  }

  /** Where the estimate of x_0 is cut; dynamic thresholding decides per picture instead. */
  static double limit(SchedulerConfig config) {
    return config.flag("clip_sample") && !config.flag("thresholding")
        ? config.number("clip_sample_range")
        : Double.POSITIVE_INFINITY;
  }
}
