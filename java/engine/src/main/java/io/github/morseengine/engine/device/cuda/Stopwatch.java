package io.github.morseengine.engine.device.cuda;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * Times candidates on the device, with memory of their own whose content is random: zeros would let
 * a GPU draw less power and run faster than it will. One thread at a time.
 */
public final class Stopwatch implements AutoCloseable {

  /** The middle of this many; the first run of all, which loads the kernel, is not counted. */
  private static final int RUNS = 7;

  private static final int RANDOM_BYTES = 1 << 20;

  private final CudaDevice device;
  private final CudaStream stream;
  private final List<DeviceBuffer> buffers = new ArrayList<>();

  /**
   * Prepares memory.
   *
   * @param device the device
   * @param bytes sizes of the tensors
   */
  public Stopwatch(CudaDevice device, long... bytes) {
    this.device = device;
    this.stream = device.newStream();
    try {
      for (long size : bytes) {
        buffers.add(device.allocate(size));
      }
      fill();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Bytes whose 16-bit and 32-bit floats all lie between 1/256 and 2 in size. */
  private void fill() {
    try (PinnedBuffer noise = device.allocatePinned(RANDOM_BYTES)) {
      SplittableRandom random = new SplittableRandom(1);
      for (long i = 0; i < RANDOM_BYTES; i += Short.BYTES) {
        int bits = random.nextInt() & 0x83ff | 0x3800;
        noise.segment().set(ValueLayout.JAVA_SHORT, i, (short) bits);
      }
      for (DeviceBuffer b : buffers) {
        for (long at = 0; at < b.bytes(); at += RANDOM_BYTES) {
          long part = Math.min(RANDOM_BYTES, b.bytes() - at);
          stream.copyToDevice(b.address() + at, noise.segment(), part);
        }
      }
      stream.synchronize();
    }
  }

  /** {@return the addresses of the tensors, in the order of their sizes} */
  public long[] addresses() {
    return buffers.stream().mapToLong(DeviceBuffer::address).toArray();
  }

  /**
   * Times one candidate.
   *
   * @param enqueue enqueues it once on the stream that it is given
   * @return microseconds, the median of several runs
   */
  public double micros(Consumer<CudaStream> enqueue) {
    double[] times = new double[RUNS];
    try (CudaEvent start = device.newEvent();
        CudaEvent end = device.newEvent()) {
      enqueue.accept(stream);
      for (int i = 0; i < RUNS; i++) {
        stream.record(start);
        enqueue.accept(stream);
        stream.record(end);
        stream.synchronize();
        times[i] = 1000.0 * end.millisSince(start);
      }
    }
    Arrays.sort(times);
    return times[RUNS / 2];
  }

  @Override
  public void close() {
    try {
      stream.synchronize();
    } finally {
      buffers.forEach(DeviceBuffer::close);
      stream.close();
    }
  }
}
