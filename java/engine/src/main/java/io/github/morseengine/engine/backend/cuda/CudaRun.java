package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.Run;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaEvent;
import io.github.morseengine.engine.device.cuda.CudaGraph;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.PinnedBuffer;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.ffi.nvtx.Ranges;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * An arena with all steps bound to it, pinned memory for inputs and outputs, and the graph that
 * copies the inputs, runs all steps and copies the outputs back. It is captured at the first
 * execution; a later one is one launch and one wait. Where some steps depend on constant inputs
 * alone, there is a second graph without these.
 */
final class CudaRun implements Run {

  private static final long ALIGNMENT = CudaProgram.ALIGNMENT;
  private static final Ranges.Name STEP = Ranges.name("step");

  private final CudaExecutable executable;
  private final Resources resources = new Resources();
  private final CudaStream stream;
  private final CudaBinding binding;
  private final CudaStep.Bound[] steps;

  /** What a profiler shows for each step. */
  private final Ranges.Name[] names;

  private final MemorySegment[] inputs;
  private final MemorySegment[] outputs;
  private final MemorySegment faults;
  private final CudaEvent[] events;
  private CudaGraph graph;

  /** Without what depends on constant inputs alone. */
  private CudaGraph rest;

  /** Whether a constant input may have changed since what depends on it was computed. */
  private boolean stale = true;

  private boolean closed;

  CudaRun(CudaExecutable executable) {
    this.executable = executable;
    this.steps = new CudaStep.Bound[executable.steps.size()];
    this.events = new CudaEvent[steps.length + 1];
    this.names =
        executable.steps().stream()
            .map(s -> Ranges.name(s.name() + " " + s.kernel()))
            .toArray(Ranges.Name[]::new);
    CudaDevice device = executable.device;
    try {
      stream = resources.add(device.newStream());
      DeviceBuffer arena = resources.add(device.allocate(Math.max(1, executable.arenaBytes())));
      long[] addresses = new long[executable.forms.size()];
      long bytes = 0;
      for (View v : executable.forms) {
        bytes += aligned(v.slot().bytes());
      }
      DeviceBuffer forms = resources.add(device.allocate(Math.max(1, bytes)));
      long at = forms.address();
      for (int i = 0; i < addresses.length; i++) {
        addresses[i] = at;
        at += aligned(executable.forms.get(i).slot().bytes());
      }
      Arena lifetime = Arena.ofShared();
      resources.add((AutoCloseable) lifetime::close);
      binding = new CudaBinding(device, arena.address(), addresses, lifetime);
      for (int i = 0; i < steps.length; i++) {
        steps[i] = resources.add(executable.steps.get(i).bind(binding));
      }
      inputs = staging(device, executable.arrivals);
      outputs = staging(device, executable.departures);
      faults = executable.faults == null ? null : staging(device, List.of(executable.faults))[0];
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private MemorySegment[] staging(CudaDevice device, List<View> views) {
    long total = 0;
    for (View v : views) {
      total += aligned(bytes(v));
    }
    PinnedBuffer pinned = resources.add(device.allocatePinned(Math.max(1, total)));
    MemorySegment[] out = new MemorySegment[views.size()];
    long at = 0;
    for (int i = 0; i < out.length; i++) {
      out[i] = pinned.segment().asSlice(at, bytes(views.get(i)));
      at += aligned(out[i].byteSize());
    }
    pinned.segment().fill((byte) 0);
    return out;
  }

  private static long bytes(View v) {
    return v.elements() * v.dtype().bytes();
  }

  CudaExecutable executable() {
    return executable;
  }

  @Override
  public MemorySegment input(int index) {
    return inputs[index];
  }

  @Override
  public MemorySegment output(int index) {
    return outputs[index];
  }

  @Override
  public void changed(int index) {
    stale |= executable.isConstant(index);
  }

  @Override
  public void execute() {
    executable.device.checkUsable();
    Ranges.push(STEP);
    try {
      if (executable.isCapturable()) {
        stream.launch(graph());
      } else {
        enqueue(null);
      }
      stream.synchronize();
    } finally {
      Ranges.pop();
    }
    checkFaults();
    stale = false;
  }

  private CudaGraph graph() {
    if (keeps()) {
      rest = rest == null ? resources.add(capture()) : rest;
      return rest;
    }
    graph = graph == null ? resources.add(capture()) : graph;
    return graph;
  }

  /** Whether what depends on constant inputs alone is there already. */
  private boolean keeps() {
    return !stale && executable.hasConstantSteps();
  }

  /** What is to be computed now. */
  private CudaGraph capture() {
    stream.beginCapture();
    try {
      enqueue(null);
      return stream.endCapture();
    } catch (RuntimeException e) {
      stream.abandonCapture();
      throw e;
    }
  }

  @Override
  public void executeProfiled(long[] nanos) {
    executable.device.checkUsable();
    for (int i = 0; i < events.length; i++) {
      if (events[i] == null) {
        events[i] = resources.add(executable.device.newEvent());
      }
    }
    int first = keeps() ? executable.onceEnd : 0;
    enqueue(events);
    stream.synchronize();
    checkFaults();
    stale = false;
    for (int i = first; i < steps.length; i++) {
      nanos[i] += (long) (1e6 * events[i + 1].millisSince(events[i]));
    }
  }

  /**
   * Gives everything that is to be computed to the stream; marks, if there are any, before the
   * first step and after each.
   */
  private void enqueue(CudaEvent[] marks) {
    boolean keeps = keeps();
    upload(stream, keeps);
    int first = keeps ? executable.onceEnd : 0;
    mark(marks, first);
    for (int i = first; i < steps.length; i++) {
      enqueue(i, stream);
      mark(marks, i + 1);
    }
    for (int i = 0; i < outputs.length; i++) {
      if (outputs[i].byteSize() > 0) {
        long from = binding.address(executable.departures.get(i));
        stream.copyToHost(outputs[i], from, outputs[i].byteSize());
      }
    }
    enqueueFaults(stream);
  }

  /** One operator; within a capture its range is that of being captured. */
  private void enqueue(int step, CudaStream to) {
    Ranges.push(names[step]);
    try {
      steps[step].enqueue(to);
    } finally {
      Ranges.pop();
    }
  }

  private void enqueue(int from, int end, CudaStream to) {
    for (int i = from; i < end; i++) {
      enqueue(i, to);
    }
  }

  private void upload(CudaStream stream, boolean keepsConstants) {
    for (int i = 0; i < inputs.length; i++) {
      boolean kept = keepsConstants && executable.isConstant(i);
      if (!kept && inputs[i].byteSize() > 0) {
        long to = binding.address(executable.arrivals.get(i));
        stream.copyToDevice(to, inputs[i], inputs[i].byteSize());
      }
    }
    if (faults != null) {
      stream.fill(binding.address(executable.faults), (byte) 0, faults.byteSize());
    }
  }

  private void mark(CudaEvent[] marks, int index) {
    if (marks != null) {
      stream.record(marks[index]);
    }
  }

  /** The inputs in the form that the plan reads, as memory that has its address. */
  View form(int input) {
    return FixedSlot.view(executable.forms.get(input), binding);
  }

  /** The outputs in the form that the plan leaves them in, as memory that has its address. */
  View result(int output) {
    return FixedSlot.view(executable.results.get(output), binding);
  }

  /** Brings the inputs from the host into the plan's form, where a larger graph may change them. */
  void enqueueInputs(CudaStream to) {
    stale = true;
    upload(to, false);
    enqueue(0, executable.onceStart, to);
    enqueue(executable.onceEnd, executable.bodyStart, to);
  }

  /** Fetches what look-ups found; after a wait {@link #checkFaults} tells. */
  void enqueueFaults(CudaStream to) {
    if (faults != null) {
      to.copyToHost(faults, binding.address(executable.faults), faults.byteSize());
    }
  }

  /** Computes what depends on constant inputs alone, which stays until these change. */
  void enqueueConstant(CudaStream to) {
    enqueue(executable.onceStart, executable.onceEnd, to);
  }

  /** Gives the other steps between inputs and outputs to a stream, for a larger graph. */
  void enqueueBody(CudaStream to) {
    enqueue(executable.bodyStart, executable.bodyEnd, to);
  }

  /** Waits for what a failed execution left behind, before its memory goes. */
  private void settle() {
    try {
      stream.synchronize();
    } catch (MorseException e) {
      // The device is unusable; closing must go on, and later calls say why.
      return;
    }
  }

  void checkFaults() {
    for (int i = 0; i < executable.lookups.size(); i++) {
      if (faults.getAtIndex(ValueLayout.JAVA_INT, i) != 0) {
        throw new InvalidInputException(
            "node '" + executable.lookups.get(i) + "': an index is not in its table");
      }
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      settle();
      resources.close();
    }
  }
}
