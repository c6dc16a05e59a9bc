package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.Shapes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A parsed Einsum equation bound to operand shapes. Labels are letters; an ellipsis becomes labels
 * of its own, aligned to the right.
 */
public final class EinsumSpec {

  private final List<List<String>> operands;
  private final List<String> output;
  private final List<String> summed = new ArrayList<>();
  private final Map<String, Long> sizes = new LinkedHashMap<>();
  private final long[][] shapes;

  private EinsumSpec(List<List<String>> operands, List<String> output, long[][] shapes) {
    this.operands = operands;
    this.output = output;
    this.shapes = shapes;
  }

  /**
   * Parses an equation.
   *
   * @param equation as in numpy, e.g. {@code nchw,hw->nc}
   * @param shapes one shape per operand
   * @return the bound equation
   * @throws InvalidInputException if it does not fit the shapes
   */
  public static EinsumSpec parse(String equation, long[][] shapes) {
    String[] sides = equation.replace(" ", "").split("->", -1);
    String[] terms = sides[0].split(",", -1);
    if (terms.length != shapes.length) {
      throw new InvalidInputException(
          "equation '" + equation + "' does not have " + shapes.length + " operands");
    }
    List<List<String>> operands = new ArrayList<>();
    int widest = 0;
    for (int i = 0; i < terms.length; i++) {
      if (terms[i].contains("...")) {
        widest = Math.max(widest, shapes[i].length - (terms[i].length() - 3));
      }
    }
    for (int i = 0; i < terms.length; i++) {
      operands.add(labels(terms[i], shapes[i].length - (terms[i].length() - 3), widest));
    }
    List<String> output;
    if (sides.length > 1) {
      output = labels(sides[1], widest, widest);
    } else {
      output = implicit(operands);
    }
    EinsumSpec spec = new EinsumSpec(operands, output, shapes);
    spec.bind(equation);
    return spec;
  }

  private static List<String> labels(String term, int ellipsis, int widest) {
    List<String> out = new ArrayList<>();
    for (int i = 0; i < term.length(); i++) {
      if (term.startsWith("...", i)) {
        for (int k = widest - ellipsis; k < widest; k++) {
          out.add("." + k);
        }
        i += 2;
      } else {
        out.add(term.substring(i, i + 1));
      }
    }
    return out;
  }

  private static List<String> implicit(List<List<String>> operands) {
    Map<String, Integer> counts = new java.util.TreeMap<>();
    for (List<String> labels : operands) {
      for (String l : labels) {
        counts.merge(l, 1, Integer::sum);
      }
    }
    List<String> out = new ArrayList<>();
    for (Map.Entry<String, Integer> e : counts.entrySet()) {
      if (e.getKey().startsWith(".") || e.getValue() == 1) {
        out.add(e.getKey());
      }
    }
    return out;
  }

  private void bind(String equation) {
    for (int k = 0; k < shapes.length; k++) {
      List<String> labels = operands.get(k);
      if (labels.size() != shapes[k].length) {
        throw new InvalidInputException(
            "equation '" + equation + "': operand " + k + " has rank " + shapes[k].length);
      }
      for (int d = 0; d < labels.size(); d++) {
        long size = shapes[k][d];
        Long known = sizes.get(labels.get(d));
        if (known == null || known == 1) {
          sizes.put(labels.get(d), size);
        } else if (size != known && size != 1) {
          throw new InvalidInputException(
              "equation '" + equation + "': sizes " + known + " and " + size + " of one label");
        }
      }
    }
    for (String label : sizes.keySet()) {
      if (!output.contains(label)) {
        summed.add(label);
      }
    }
    for (String label : output) {
      if (!sizes.containsKey(label)) {
        throw new InvalidInputException("equation '" + equation + "': unknown label " + label);
      }
    }
  }

  /**
   * The labels of an operand.
   *
   * @param operand its index
   * @return one per dimension; one that begins with a dot is part of an ellipsis
   */
  public List<String> labels(int operand) {
    return List.copyOf(operands.get(operand));
  }

  /** {@return the labels of the result} */
  public List<String> output() {
    return List.copyOf(output);
  }

  /**
   * The size of a label.
   *
   * @param label one of an operand
   * @return the size
   */
  public long size(String label) {
    return sizes.get(label);
  }

  /**
   * The product of the sizes of labels.
   *
   * @param labels those of operands
   * @return the product; 1 of none
   */
  public long elements(List<String> labels) {
    return labels.stream().mapToLong(this::size).reduce(1, Math::multiplyExact);
  }

  /** {@return dimensions of the result} */
  public long[] outputShape() {
    return shape(output);
  }

  /** {@return sizes of the labels that are summed over} */
  public long[] summedShape() {
    return shape(summed);
  }

  private long[] shape(List<String> labels) {
    long[] out = new long[labels.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = sizes.get(labels.get(i));
    }
    return out;
  }

  /**
   * How an operand moves with each output dimension.
   *
   * @param operand its index
   * @return strides in elements, 0 where it does not move
   */
  public long[] outputSteps(int operand) {
    return steps(operand, output);
  }

  /**
   * How an operand moves with each summed label.
   *
   * @param operand its index
   * @return strides in elements, 0 where it does not move
   */
  public long[] summedSteps(int operand) {
    return steps(operand, summed);
  }

  private long[] steps(int operand, List<String> labels) {
    long[] strides = Shapes.strides(shapes[operand]);
    long[] out = new long[labels.size()];
    for (int i = 0; i < out.length; i++) {
      for (int d = 0; d < strides.length; d++) {
        if (operands.get(operand).get(d).equals(labels.get(i)) && shapes[operand][d] != 1) {
          out[i] += strides[d];
        }
      }
    }
    return out;
  }
}
