package io.github.morseengine.engine.backend.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Places activations in one arena: the largest first, each in the lowest gap among those that live
 * at the same time (Pisarchyk and Lee 2020, "greedy by size").
 */
public final class MemoryPlan {

  /** Alignment of every slot in bytes: a cache line, and a multiple of what vector loads need. */
  public static final long ALIGNMENT = 64;

  private MemoryPlan() {}

  /**
   * Sets the offset of every slot.
   *
   * @param slots activations, their lives known
   * @param alignment of every slot in bytes
   * @return the size of the arena in bytes
   */
  public static long place(List<Slot> slots, long alignment) {
    List<Slot> bySize = new ArrayList<>(slots);
    bySize.sort(Comparator.comparingLong((Slot s) -> -s.bytes()).thenComparingInt(Slot::first));
    List<Slot> placed = new ArrayList<>();
    long size = 0;
    for (Slot slot : bySize) {
      long at = 0;
      for (Slot other : placed) {
        if (other.first() > slot.last() || slot.first() > other.last()) {
          continue;
        }
        if (at + slot.bytes() <= other.offset()) {
          break;
        }
        at = Math.max(at, align(other.offset() + other.bytes(), alignment));
      }
      slot.place(at);
      size = Math.max(size, at + slot.bytes());
      int i = 0;
      while (i < placed.size() && placed.get(i).offset() <= at) {
        i++;
      }
      placed.add(i, slot);
    }
    return align(size, alignment);
  }

  /**
   * What no placement can go below.
   *
   * @param slots activations, their lives known
   * @param steps number of steps
   * @param alignment of every slot in bytes
   * @return the largest sum of bytes alive at one step
   */
  public static long lowerBound(List<Slot> slots, int steps, long alignment) {
    long[] change = new long[steps + 3];
    for (Slot s : slots) {
      if (s.isUsed()) {
        change[s.first() + 1] += align(s.bytes(), alignment);
        change[s.last() + 2] -= align(s.bytes(), alignment);
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

  private static long align(long bytes, long alignment) {
    return (bytes + alignment - 1) / alignment * alignment;
  }
}
