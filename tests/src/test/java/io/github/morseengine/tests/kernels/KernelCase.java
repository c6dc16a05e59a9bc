package io.github.morseengine.tests.kernels;

import java.util.ArrayList;
import java.util.List;

/**
 * One launch of a kernel against a plain reference.
 *
 * @param name instance, type and shape
 * @param check runs it; returns null or what is wrong
 */
record KernelCase(String name, Check check) {

  /** The body of a case. */
  interface Check {
    String run(KernelBench bench);
  }

  static String type(int code) {
    return new String[] {"float", "half", "bfloat"}[code];
  }

  /** {@return the cases of a group, whose name is that of a class here} */
  static List<KernelCase> of(String group) {
    return switch (group) {
      case "products" -> KernelProducts.cases();
      case "attention" -> KernelAttention.cases();
      case "norms" -> KernelNorms.cases();
      case "movement" -> KernelMovement.cases();
      case "step" -> KernelStep.cases();
      case "pointwise" -> KernelPointwise.cases();
      default -> throw new IllegalArgumentException("no group " + group);
    };
  }

  /** Cases that a block of code adds. */
  static List<KernelCase> collect(java.util.function.Consumer<List<KernelCase>> adder) {
    List<KernelCase> out = new ArrayList<>();
    adder.accept(out);
    return List.copyOf(out);
  }
}
