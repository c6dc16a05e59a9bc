package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.Trajectory;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaEvent;
import io.github.morseengine.engine.device.cuda.CudaGraph;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.PinnedBuffer;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.ffi.nvtx.Ranges;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;

/**
 * A step of Dash and a step of Dot as one captured graph each, with what Dot takes from Dash and
 * the fused update; the first step of Dot behind one of Dash has another graph, which also computes
 * what stays the same until Dash speaks again. The update reads its factors from a device table by
 * a device-side counter and writes the next model's inputs, so that a generation is a launch per
 * step and nothing else. The host stays one step ahead of the device.
 */
final class CudaTrajectory implements Trajectory {

  /** Marks of steps that may be under way or unread. */
  private static final int MARKS = 4;

  private static final long MOST_BLOCKS = 65535;

  private static final Ranges.Name DASH_STEP = Ranges.name("Dash step");
  private static final Ranges.Name DOT_STEP = Ranges.name("Dot step");
  private static final Ranges.Name UPDATE = Ranges.name("update");

  private final CudaDevice device;
  private final Kernels kernels;
  private final Wiring wiring;
  private final CudaRun dash;
  private final CudaRun dot;
  private final Resources resources = new Resources();
  private final CudaStream stream;
  private final CudaEvent[] marks = new CudaEvent[MARKS];
  private final DType type;

  /** Dash's estimate and Dot's residual with channels innermost, where the update reads them. */
  private final View estimate;

  private final View residual;
  private final List<CudaStep.Bound> afterDash = new ArrayList<>();
  private final List<CudaStep.Bound> afterDot = new ArrayList<>();

  /** What Dot takes from Dash's step before, out of its own inputs. */
  private final List<CudaStep.Bound> formers = new ArrayList<>();

  private final CudaBinding free;
  private final PinnedBuffer word;
  private CudaGraph dashStep;
  private CudaGraph dotStep;

  /** The first step of Dot behind one of Dash; that of the others where nothing is constant. */
  private CudaGraph firstDotStep;

  private TrajectoryMemory memory;
  private boolean closed;

  private CudaTrajectory(CudaDevice device, Kernels kernels, DType type, Wiring wiring) {
    this.device = device;
    this.kernels = kernels;
    this.type = type;
    this.wiring = wiring;
    this.dash = (CudaRun) wiring.dash();
    this.dot = (CudaRun) wiring.dot();
    try {
      stream = resources.add(device.newStream());
      for (int i = 0; i < MARKS; i++) {
        marks[i] = resources.add(device.newEvent());
      }
      word = resources.add(device.allocatePinned(ValueLayout.JAVA_INT.byteSize()));
      Arena lifetime = Arena.ofShared();
      resources.add((AutoCloseable) lifetime::close);
      free = new CudaBinding(device, 0, new long[0], lifetime);
      estimate = channelsLast(dash.result(wiring.dashOutput()), afterDash);
      residual = dot == null ? null : channelsLast(dot.result(wiring.dotResidual()), afterDot);
      for (Former f : wiring.formers()) {
        copy(dot.form(f.from()), dot.form(f.to()), formers);
      }
      afterDash.addAll(formers);
      for (Link link : wiring.links()) {
        View from = link.ofInput() ? dash.form(link.from()) : dash.result(link.from());
        View to = dot.form(link.to());
        copy(from.rank() == 4 ? firstChannels(from, to.shape()[1]) : from, to, afterDash);
      }
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  /** The loop; null where a plan waits for the host, or an input has a form that is not written. */
  static CudaTrajectory open(CudaDevice device, Kernels kernels, DType type, Wiring wiring) {
    boolean fits =
        fits((CudaRun) wiring.dash(), wiring.dashSample(), wiring.dashTime(), type)
            && (wiring.dot() == null
                || fits((CudaRun) wiring.dot(), wiring.dotSample(), wiring.dotTime(), type));
    return fits ? new CudaTrajectory(device, kernels, type, wiring) : null;
  }

  private static boolean fits(CudaRun run, int sample, int time, DType type) {
    View x = run.form(sample);
    boolean known = time < 0 || timeKind(run.form(time), type) >= 0;
    return run.executable().isCapturable() && x.rank() == 4 && x.dtype() == type && known;
  }

  /** How the fused step numbers types of times; -1 for those that it does not write. */
  private static int timeKind(View time, DType type) {
    return switch (time.dtype()) {
      case FLOAT32 -> 0;
      case INT64 -> 2;
      case INT32 -> 3;
      default -> time.dtype() == type ? 1 : -1;
    };
  }

  private View channelsLast(View v, List<CudaStep.Bound> steps) {
    if (v.dtype() == type && v.isChannelsLast()) {
      return v;
    }
    long[] strides = View.channelsLast(v.shape());
    View to =
        FixedSlot.view(
            resources.add(device.allocate(v.elements() * type.bytes())), type, v.shape(), strides);
    copy(v, to, steps);
    return to;
  }

  /** A sample without what stands behind its own channels. */
  private static View firstChannels(View v, long channels) {
    long[] shape = v.shape().clone();
    shape[1] = channels;
    return v.slice(new long[4], new long[] {1, 1, 1, 1}, shape);
  }

  private void copy(View from, View to, List<CudaStep.Bound> steps) {
    CudaProgram copies = CudaProgram.ofCopies(device, kernels, type);
    copies.copy(from, to, "link");
    for (CudaStep s : copies.steps) {
      steps.add(resources.add(s.bind(free)));
    }
  }

  @Override
  public int run(Request request, MemorySegment out, Listener listener) {
    device.checkUsable();
    boolean done = false;
    try {
      prepare(request);
      int fault = loop(request, out, listener);
      done = true;
      return fault;
    } finally {
      if (!done) {
        settle();
      }
    }
  }

  /** What was started must end before its memory is used again. */
  private void settle() {
    try {
      stream.synchronize();
    } catch (MorseException e) {
      // The device is unusable, as the failure that led here says.
      return;
    }
  }

  private void prepare(Request request) {
    if (memory == null || !memory.fits(request)) {
      if (memory != null) {
        memory.close();
      }
      memory = new TrajectoryMemory(device, estimate.shape(), request);
    }
    memory.upload(request, stream);
    dashStep = capture(dashStep, dash, false, afterDash, update(request, null));
    if (dot != null && request.steps().stream().anyMatch(Step::dot)) {
      CudaStep.Bound update = update(request, residual);
      dotStep = capture(dotStep, dot, false, afterDot, update);
      firstDotStep =
          dot.executable().hasConstantSteps()
              ? capture(firstDotStep, dot, true, afterDot, update)
              : dotStep;
    }
    dash.enqueueInputs(stream);
    dash.enqueueConstant(stream);
    if (dot != null) {
      dot.enqueueInputs(stream);
    }
  }

  /** Captures a step; an older graph takes the new parameters. */
  private CudaGraph capture(
      CudaGraph known,
      CudaRun run,
      boolean constants,
      List<CudaStep.Bound> after,
      CudaStep.Bound update) {
    stream.beginCapture();
    try {
      if (constants) {
        run.enqueueConstant(stream);
      }
      run.enqueueBody(stream);
      after.forEach(s -> s.enqueue(stream));
      enqueue(update);
      if (known == null) {
        return resources.add(stream.endCapture());
      }
      stream.endCapture(known);
      return known;
    } catch (RuntimeException e) {
      stream.abandonCapture();
      throw e;
    }
  }

  private int loop(Request request, MemorySegment out, Listener listener) {
    int steps = request.steps().size();
    enqueue(start(request));
    if (listener.wantsSamples()) {
      listener.sample(0, memory.sample(stream));
    }
    stream.record(marks[0]);
    for (int i = 0; i < steps; i++) {
      if (Thread.interrupted()) {
        throw new CancellationException("interrupted before step " + i);
      }
      boolean dots = request.steps().get(i).dot();
      boolean first = dots && !request.steps().get(i - 1).dot();
      launch(first ? firstDotStep : dots ? dotStep : dashStep, dots ? DOT_STEP : DASH_STEP);
      if (i == 0) {
        // There was no step before.
        formers.forEach(s -> s.enqueue(stream));
      }
      stream.record(marks[(i + 1) % MARKS]);
      if (listener.wantsSamples()) {
        listener.sample(i + 1, memory.sample(stream));
      }
      if (i > 0) {
        report(i - 1, listener);
      }
    }
    report(steps - 1, listener);
    out.copyFrom(memory.sample(stream));
    return fault(request);
  }

  private void launch(CudaGraph step, Ranges.Name name) {
    Ranges.push(name);
    try {
      stream.launch(step);
    } finally {
      Ranges.pop();
    }
  }

  /** The sampler's kernel; within a capture its range is that of being captured. */
  private void enqueue(CudaStep.Bound update) {
    Ranges.push(UPDATE);
    try {
      update.enqueue(stream);
    } finally {
      Ranges.pop();
    }
  }

  /** Waits for a step and tells of it. */
  private void report(int step, Listener listener) {
    CudaEvent end = marks[(step + 1) % MARKS];
    end.synchronize();
    listener.done(step, (long) (1e6 * end.millisSince(marks[step % MARKS])));
  }

  private int fault(Request request) {
    dash.enqueueFaults(stream);
    if (dot != null) {
      dot.enqueueFaults(stream);
    }
    stream.copyToHost(word.segment(), memory.faultAddress(), word.segment().byteSize());
    stream.synchronize();
    dash.checkFaults();
    if (dot != null) {
      dot.checkFaults();
    }
    return request.checkFinite() ? word.segment().get(ValueLayout.JAVA_INT, 0) - 1 : -1;
  }

  private CudaStep.Bound update(Request r, View residual) {
    return shared(
        kernels
            .step("residual_feedback_step_nhwc", type)
            .view(memory.x())
            .view(estimate)
            .view(residual)
            .view(null)
            .view(memory.history())
            .view(memory.noise()),
        r,
        true);
  }

  private CudaStep.Bound start(Request r) {
    return shared(
        kernels.step("residual_feedback_start_nhwc", type).view(memory.x()).view(memory.initial()),
        r,
        false);
  }

  /** The parameters that both kernels have, and what only one of them has between. */
  private CudaStep.Bound shared(KernelStep step, Request r, boolean update) {
    View in0 = dash.form(wiring.dashSample());
    View in1 = dot == null ? null : dot.form(wiring.dotSample());
    View time0 = wiring.dashTime() < 0 ? null : dash.form(wiring.dashTime());
    View time1 = dot == null || wiring.dotTime() < 0 ? null : dot.form(wiring.dotTime());
    step.view(in0).view(in1).view(time0).view(time1);
    if (update) {
      step.view(memory.table());
    }
    step.view(memory.counter());
    if (update) {
      step.view(r.checkFinite() ? memory.fault() : null);
    }
    long channels = estimate.shape()[1];
    long pixels = estimate.shape()[2] * estimate.shape()[3];
    // The inputs may have channels behind the sample's, which came from the host and stay.
    step.i32(r.pictures(), channels, pixels, Double.isNaN(r.guidance()) ? 1 : 2)
        .i32(in0.shape()[1], in1 == null ? channels : in1.shape()[1])
        .i32(kind(time0), count(time0), kind(time1), count(time1))
        .i32(r.first())
        .i64(r.seed());
    if (!update) {
      double time = r.steps().getFirst().timestep();
      step.f32(r.initial() == null ? r.initialScale() : 1).f32(time).i64((long) Math.rint(time));
    }
    long tasks = r.pictures() * channels * Math.ceilDiv(pixels, 4);
    return step.grid(Math.min(Math.ceilDiv(tasks, 256), MOST_BLOCKS)).bind(free);
  }

  private int kind(View time) {
    return time == null ? 0 : timeKind(time, type);
  }

  private static long count(View time) {
    return time == null ? 0 : time.elements();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      if (memory != null) {
        memory.close();
      }
      resources.close();
    }
  }
}
