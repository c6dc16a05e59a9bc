package io.github.morseengine.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * One shipped way to compile and launch a kernel; a line of {@code instances.tsv}.
 *
 * @param name unique name
 * @param file source, for {@link KernelSources#source}
 * @param entry name of the kernel in it
 * @param types element types it is shipped for: values of {@code MORSE_T} (0 float32, 1 float16, 2
 *     bfloat16); empty where the source has no such type
 * @param threads threads per block
 * @param sharedBytes dynamic shared memory per block; -1 where ABI.md gives a formula
 * @param hot whether the static proof forbids spills
 * @param macros values of the kernel's macros, in the order of the line
 */
public record KernelInstance(
    String name,
    String file,
    String entry,
    List<Integer> types,
    int threads,
    int sharedBytes,
    boolean hot,
    Map<String, Integer> macros) {

  /**
   * The options for NVRTC that choose this instance; architecture and language are the caller's.
   *
   * @param type value of {@code MORSE_T}; not looked at where {@link #types} is empty
   * @return one definition per macro
   * @throws IllegalArgumentException if the instance is not shipped for the type
   */
  public List<String> options(int type) {
    List<String> options = new ArrayList<>();
    if (!types.isEmpty()) {
      if (!types.contains(type)) {
        throw new IllegalArgumentException(
            "kernel " + name + " is shipped for the types " + types + ", not for " + type);
      }
      options.add("-DMORSE_T=" + type);
    }
    macros.forEach((macro, value) -> options.add("-D" + macro + "=" + value));
    return List.copyOf(options);
  }

  /**
   * A macro's value.
   *
   * @param macro its name, e.g. {@code MORSE_BM}
   * @return its value
   * @throws IllegalArgumentException if the instance does not set it
   */
  public int macro(String macro) {
    Integer value = macros.get(macro);
    if (value == null) {
      throw new IllegalArgumentException("kernel " + name + " does not set " + macro);
    }
    return value;
  }
}
