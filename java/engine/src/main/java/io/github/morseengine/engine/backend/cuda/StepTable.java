package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.backend.Trajectory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** The records that the fused step reads on the device, one per step; see ABI.md of the kernels. */
final class StepTable {

  static final long RECORD = 128;

  private static final ValueLayout.OfFloat F = ValueLayout.JAVA_FLOAT;
  private static final ValueLayout.OfInt I = ValueLayout.JAVA_INT;

  private StepTable() {}

  /**
   * Writes all records.
   *
   * @param to memory of {@link #RECORD} bytes per step
   * @param steps the steps
   * @param guidance scale; NaN for none
   */
  static void write(MemorySegment to, List<Trajectory.Step> steps, double guidance) {
    for (int i = 0; i < steps.size(); i++) {
      boolean last = i + 1 == steps.size();
      double next = steps.get(last ? i : i + 1).timestep();
      record(to.asSlice(i * RECORD, RECORD), steps.get(i).factors(), guidance, i, next);
    }
  }

  private static void record(
      MemorySegment to, Factors given, double guidance, int step, double next) {
    Factors f = given.collapsed();
    double[] words = {f.p(), f.q(), f.limit(), f.a(), f.b(), f.c(), f.d(), f.g(), f.h0(), f.h1()};
    to.fill((byte) 0);
    for (int i = 0; i < words.length; i++) {
      to.setAtIndex(F, i, (float) words[i]);
    }
    to.setAtIndex(F, 10, (float) f.h2());
    to.setAtIndex(F, 11, Double.isNaN(guidance) ? 0 : (float) guidance);
    to.setAtIndex(I, 12, f.store().slot());
    to.setAtIndex(F, 13, (float) f.store().u());
    to.setAtIndex(F, 14, (float) f.store().v());
    to.setAtIndex(F, 15, (float) f.store().w());
    to.setAtIndex(I, 16, f.d() == 0 ? 0 : step + 1);
    to.setAtIndex(F, 17, (float) next);
    to.set(ValueLayout.JAVA_LONG, 72, (long) Math.rint(next));
  }

  /** How many history buffers the steps need: the highest that is written, and those below. */
  static int history(List<Trajectory.Step> steps) {
    int most = 0;
    for (Trajectory.Step s : steps) {
      most = Math.max(most, s.factors().store().slot() + 1);
    }
    return most;
  }
}
