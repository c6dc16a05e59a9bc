package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.plan.Slot;
import io.github.morseengine.engine.backend.plan.View;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which of the steps that depend on constant inputs alone run again when one of these changes.
 * Steps that touch the same memory run together: what one leaves there for another lives only from
 * the one to the other, and is gone when the other would run alone.
 */
final class ConstantSteps {

  private ConstantSteps() {}

  /**
   * Finds them.
   *
   * @param steps the steps
   * @param sources per step, the inputs that it depends on
   * @param inputs where inputs lie, which no step writes
   * @return per step, the inputs after whose change it runs
   */
  static List<BitSet> of(List<Step> steps, List<BitSet> sources, Set<Slot> inputs) {
    int[] group = new int[steps.size()];
    Map<Slot, Integer> users = new HashMap<>();
    for (int i = 0; i < group.length; i++) {
      group[i] = i;
      for (View v : steps.get(i).views()) {
        Slot slot = v.slot();
        if (slot.isActivation() && !inputs.contains(slot)) {
          group[root(group, users.getOrDefault(slot, i))] = root(group, i);
          users.put(slot, i);
        }
      }
    }
    List<BitSet> all = new ArrayList<>();
    for (int i = 0; i < group.length; i++) {
      all.add(new BitSet());
    }
    for (int i = 0; i < group.length; i++) {
      all.get(root(group, i)).or(sources.get(i));
    }
    List<BitSet> out = new ArrayList<>();
    for (int i = 0; i < group.length; i++) {
      out.add(all.get(root(group, i)));
    }
    return out;
  }

  private static int root(int[] group, int i) {
    return group[i] == i ? i : (group[i] = root(group, group[i]));
  }
}
