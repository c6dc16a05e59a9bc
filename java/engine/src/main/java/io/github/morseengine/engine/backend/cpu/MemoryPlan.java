package io.github.morseengine.engine.backend.cpu;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Places activations in one arena: the largest first, each in the lowest gap among those that live
 * at the same time (Pisarchyk and Lee 2020, "greedy by size").
 */
final class MemoryPlan {

  static final long ALIGNMENT = 64;

  private MemoryPlan() {}

  /** Sets the offset of every slot and returns the size of the arena in bytes. */
  static long place(List<Slot> slots) {
    List<Slot> bySize = new ArrayList<>(slots);
    bySize.sort(Comparator.comparingLong((Slot s) -> -s.bytes).thenComparingInt(s -> s.first));
    List<Slot> placed = new ArrayList<>();
    long size = 0;
    for (Slot slot : bySize) {
      long at = 0;
      for (Slot other : placed) {
        if (other.first > slot.last || slot.first > other.last) {
          continue;
        }
        if (at + slot.bytes <= other.offset) {
          break;
        }
        at = Math.max(at, align(other.offset + other.bytes));
      }
      slot.offset = at;
      size = Math.max(size, at + slot.bytes);
      int i = 0;
      while (i < placed.size() && placed.get(i).offset <= at) {
        i++;
      }
      placed.add(i, slot);
    }
    return align(size);
  }

  /** The largest sum of bytes alive at one step. */
  static long lowerBound(List<Slot> slots, int steps) {
    long[] change = new long[steps + 3];
    for (Slot s : slots) {
      if (s.last >= 0) {
        change[s.first + 1] += align(s.bytes);
        change[s.last + 2] -= align(s.bytes);
      }
    }
    long now = 0;
    long most = 0;
    for (long c : change) {
      now += c;
      most = Math.max(most, now);
    }
    return most;
  }

  static long align(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
}
