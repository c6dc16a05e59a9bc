package io.github.morseengine.engine.backend.plan;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** When activations live: from the first step that reads or writes them to the last. */
public final class Lifetimes {

  private Lifetimes() {}

  /**
   * Tells every activation the steps of its life. What the first steps leave for later ones lives
   * all along: they run only where a constant input has changed, and the others run again.
   *
   * @param steps what each step reads or writes
   * @param once how many of the first steps depend on constant inputs alone
   * @return what those steps read or write
   */
  public static Set<Slot> set(List<List<View>> steps, int once) {
    Set<Slot> early = new HashSet<>();
    for (int i = 0; i < steps.size(); i++) {
      for (View v : steps.get(i)) {
        Slot slot = v.slot();
        if (!slot.isActivation()) {
          continue;
        }
        slot.touch(i);
        if (i < once) {
          early.add(slot);
        } else if (early.contains(slot)) {
          keep(slot, steps.size());
        }
      }
    }
    return early;
  }

  /**
   * Lets an activation live from run to run.
   *
   * @param slot the activation
   * @param steps number of steps
   */
  public static void keep(Slot slot, int steps) {
    slot.touch(0);
    slot.touch(steps);
  }
}
