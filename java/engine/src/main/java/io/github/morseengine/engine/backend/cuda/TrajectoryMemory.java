package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.Trajectory;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.PinnedBuffer;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What a generation needs beside the models: the sample in float32, history, given noise, the table
 * of steps, the counter, and pinned memory for what goes to and fro. For one thread at a time.
 */
final class TrajectoryMemory implements AutoCloseable {

  private static final long COUNTER_BYTES = 8;
  private static final long FAULT_BYTES = 4;

  private final Resources resources = new Resources();
  private final long[] shape;
  private final int steps;
  private final int history;
  private final boolean given;
  private final boolean noisy;
  private final View x;
  private final View histories;
  private final View initial;
  private final View noise;
  private final View table;
  private final View counter;
  private final View fault;
  private final DeviceBuffer faultBuffer;
  private final DeviceBuffer rows;
  private final CudaStep.Bound toRows;
  private final PinnedBuffer staging;
  private final PinnedBuffer records;

  /**
   * Allocates.
   *
   * @param device where
   * @param sample shape of the models' samples
   * @param r what is going to run
   */
  TrajectoryMemory(CudaDevice device, long[] sample, Trajectory.Request r) {
    shape = new long[] {r.pictures(), sample[1], sample[2], sample[3]};
    steps = r.steps().size();
    history = StepTable.history(r.steps());
    given = r.initial() != null;
    noisy = r.stepNoise() != null;
    long[] strides = View.channelsLast(shape);
    try {
      long bytes = 4 * Shapes.elements(shape);
      x = FixedSlot.view(resources.add(device.allocate(bytes)), DType.FLOAT32, shape, strides);
      histories = history == 0 ? null : block(device, DType.FLOAT32, history * bytes);
      noise = noisy ? block(device, DType.FLOAT32, steps * bytes) : null;
      table = block(device, DType.UINT8, steps * StepTable.RECORD);
      counter = block(device, DType.UINT8, COUNTER_BYTES);
      faultBuffer = resources.add(device.allocate(FAULT_BYTES));
      fault = FixedSlot.view(faultBuffer, DType.INT32, new long[] {1}, new long[] {1});
      rows = resources.add(device.allocate(bytes));
      View dense = FixedSlot.view(rows, DType.FLOAT32, shape, Shapes.strides(shape));
      initial = given ? dense : null;
      CudaProgram copies = CudaProgram.ofCopies(device, new Kernels(device), DType.FLOAT32);
      copies.copy(x, dense, "sample");
      Arena lifetime = Arena.ofShared();
      resources.add((AutoCloseable) lifetime::close);
      toRows = copies.steps.getFirst().bind(new CudaBinding(device, 0, new long[0], lifetime));
      staging = resources.add(device.allocatePinned(bytes));
      records = resources.add(device.allocatePinned(steps * StepTable.RECORD));
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  private View block(CudaDevice device, DType type, long bytes) {
    long[] elements = {bytes / type.bytes()};
    return FixedSlot.view(resources.add(device.allocate(bytes)), type, elements, new long[] {1});
  }

  /** Whether a request can use this memory as it is. */
  boolean fits(Trajectory.Request r) {
    return r.pictures() == shape[0]
        && r.steps().size() == steps
        && StepTable.history(r.steps()) <= history
        && (r.initial() != null) == given
        && (r.stepNoise() != null) == noisy;
  }

  /** Brings the table and what is given of noise to the device. */
  void upload(Trajectory.Request r, CudaStream stream) {
    StepTable.write(records.segment(), r.steps(), r.guidance());
    stream.copyToDevice(address(table), records.segment(), steps * StepTable.RECORD);
    stream.fill(faultBuffer.address(), (byte) 0, FAULT_BYTES);
    if (given) {
      staging.segment().copyFrom(r.initial());
      stream.copyToDevice(rows.address(), staging.segment(), staging.segment().byteSize());
    }
    if (noisy) {
      // Not pinned: the call returns when it has been read.
      stream.copyToDevice(address(noise), r.stepNoise(), r.stepNoise().byteSize());
    }
    stream.synchronize();
  }

  private static long address(View v) {
    return ((FixedSlot) v.slot()).address;
  }

  /** The sample as float32 [pictures, C, H, W], valid until the next call; waits for the device. */
  MemorySegment sample(CudaStream stream) {
    toRows.enqueue(stream);
    stream.copyToHost(staging.segment(), rows.address(), staging.segment().byteSize());
    stream.synchronize();
    return staging.segment();
  }

  View x() {
    return x;
  }

  View history() {
    return histories;
  }

  View initial() {
    return initial;
  }

  View noise() {
    return noise;
  }

  View table() {
    return table;
  }

  View counter() {
    return counter;
  }

  View fault() {
    return fault;
  }

  long faultAddress() {
    return faultBuffer.address();
  }

  @Override
  public void close() {
    resources.close();
  }
}
