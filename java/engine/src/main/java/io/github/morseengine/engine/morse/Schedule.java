package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import java.util.Collections;
import java.util.List;

/**
 * Which model speaks at each step of a run. Immutable.
 *
 * @param kinds one per step; the first is Dash, since Dot needs something to correct
 */
public record Schedule(List<StepKind> kinds) {

  private static final int MOST = 1_000_000;

  /**
   * Copies the list.
   *
   * @throws InvalidInputException if it is empty or starts with Dot
   */
  public Schedule {
    kinds = List.copyOf(kinds);
    if (kinds.isEmpty() || kinds.size() > MOST) {
      throw new InvalidInputException(
          "a schedule has 1 to " + MOST + " steps, got " + kinds.size());
    }
    if (kinds.getFirst() != StepKind.DASH) {
      throw new InvalidInputException(
          "a schedule must start with Dash (D): Dot corrects what Dash said before");
    }
  }

  /**
   * The schedule (D, K).
   *
   * @param dash Dash steps, at least 1
   * @param dot Dot steps after each of them, at least 0
   * @return D times one step of Dash and K of Dot
   */
  public static Schedule of(int dash, int dot) {
    if (dash < 1 || dot < 0) {
      throw new InvalidInputException(
          "dash must be at least 1 and dot at least 0, got " + dash + " and " + dot);
    }
    if (dash * (dot + 1L) > MOST) {
      throw new InvalidInputException(
          "dash " + dash + " and dot " + dot + " make more than " + MOST + " steps: use fewer");
    }
    StepKind[] kinds = new StepKind[dash * (dot + 1)];
    for (int i = 0; i < kinds.length; i++) {
      kinds[i] = i % (dot + 1) == 0 ? StepKind.DASH : StepKind.DOT;
    }
    return new Schedule(List.of(kinds));
  }

  /**
   * Reads a schedule.
   *
   * @param text D for a step of Dash and K for one of Dot, e.g. DKKDKDK
   * @return the schedule
   * @throws InvalidInputException if there is anything else in it, or it starts with K
   */
  public static Schedule parse(String text) {
    StepKind[] kinds = new StepKind[text.length()];
    for (int i = 0; i < kinds.length; i++) {
      kinds[i] =
          switch (text.charAt(i)) {
            case 'D', 'd' -> StepKind.DASH;
            case 'K', 'k' -> StepKind.DOT;
            default ->
                throw new InvalidInputException(
                    "a schedule is made of D (Dash) and K (Dot), e.g. DKKDKK; got '"
                        + text.charAt(i)
                        + "' at place "
                        + (i + 1));
          };
    }
    return new Schedule(List.of(kinds));
  }

  /** {@return the number of steps} */
  public int count() {
    return kinds.size();
  }

  /**
   * The model of a step.
   *
   * @param step its index
   * @return Dash or Dot
   */
  public StepKind kind(int step) {
    return kinds.get(step);
  }

  /** {@return the steps of Dash} */
  public int dash() {
    return Collections.frequency(kinds, StepKind.DASH);
  }

  /** {@return the steps of Dot} */
  public int dot() {
    return count() - dash();
  }

  /**
   * The cost of a run.
   *
   * @param dotOverDash time of a step of Dot over that of one of Dash
   * @return latencies of Dash
   */
  public double lsd(double dotOverDash) {
    return dash() + dot() * dotOverDash;
  }

  /** {@return the letters that {@link #parse} reads} */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    kinds.forEach(k -> out.append(k == StepKind.DASH ? 'D' : 'K'));
    return out.toString();
  }
}
