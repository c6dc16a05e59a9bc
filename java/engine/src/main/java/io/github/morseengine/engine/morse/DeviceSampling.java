package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.backend.Trajectory;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A batch in the words of a device's own loop. */
final class DeviceSampling {

  private DeviceSampling() {}

  /**
   * Whether the device can go through a batch alone: no step depends on the sample or a classifier.
   */
  static boolean fits(Batch b) {
    double rescale = b.guided() ? b.request().rescale() : 0;
    boolean masked = b.request().start() != null && b.request().start().mask() != null;
    return !masked
        && b.request().classifier() == 0
        && b.table().steps().stream()
            .noneMatch(s -> Adaptation.needed(s, rescale) || s.factors().g() != 0);
  }

  /**
   * The request.
   *
   * @param b the batch
   * @param initial the first sample; null where the device draws it
   * @param bytes of the sample
   */
  static Trajectory.Request request(Batch b, MemorySegment initial, long bytes) {
    List<Trajectory.Step> steps = new ArrayList<>();
    for (int i = 0; i < b.table().count(); i++) {
      SamplerStep s = b.table().steps().get(i);
      steps.add(new Trajectory.Step(b.kind(i) == StepKind.DOT, s.timestep(), s.factors()));
    }
    return new Trajectory.Request(
        steps,
        b.size(),
        b.guided() ? b.request().guidance() : Double.NaN,
        b.request().seed(),
        b.first(),
        initial,
        b.table().initialScale() * b.table().scale(0),
        stepNoise(b, bytes),
        b.request().checkFinite());
  }

  /** The given noise of the batch's own pictures, step by step; null where it is drawn. */
  private static MemorySegment stepNoise(Batch b, long bytes) {
    Tensor given = b.request().stepNoise();
    if (given == null) {
      return null;
    }
    long picture = bytes / b.size();
    MemorySegment out = Arena.ofAuto().allocate(bytes * b.table().count(), 64);
    for (int i = 0; i < b.table().count(); i++) {
      long at = (i * given.dim(1) + b.first()) * picture;
      MemorySegment.copy(given.data(), at, out, i * bytes, bytes);
    }
    return out;
  }

  static InvalidInputException notFinite(Batch b, int step) {
    return new InvalidInputException(
        "step "
            + step
            + " ("
            + b.kind(step).label()
            + ", timestep "
            + b.table().steps().get(step).timestep()
            + "): the sample holds NaN or infinity: the model or its input is out of range");
  }

  /** Takes samples. */
  interface Keeper {
    void keep(int index, MemorySegment x);
  }

  /**
   * Passes on what the device tells.
   *
   * @param wantsSamples whether samples are kept
   * @param keeper takes them
   * @param after hears of each step
   */
  record Listener(boolean wantsSamples, Keeper keeper, Sampling.AfterStep after)
      implements Trajectory.Listener {

    @Override
    public void sample(int index, MemorySegment x) {
      keeper.keep(index, x);
    }

    @Override
    public void done(int step, long nanos) {
      after.done(step, nanos);
    }
  }
}
