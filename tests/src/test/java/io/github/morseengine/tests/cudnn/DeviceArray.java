package io.github.morseengine.tests.cudnn;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/** Numbers on the device in one of its types, with their exact values on the host. */
final class DeviceArray implements AutoCloseable {

  final Tensor host;
  final DeviceBuffer buffer;
  private final CudaStream stream;

  private DeviceArray(CudaDevice device, CudaStream stream, Tensor host) {
    this.host = host;
    this.stream = stream;
    long bytes = host.elements() * host.dtype().bytes();
    buffer = device.allocate(bytes);
    stream.copyToDevice(buffer.address(), host.data(), bytes);
    stream.synchronize();
  }

  /** Random numbers between -1 and 1. */
  static DeviceArray random(
      CudaDevice device, CudaStream stream, DType type, long elements, SplittableRandom random) {
    Tensor t = Tensor.allocate(type, elements);
    for (long i = 0; i < elements; i++) {
      t.setDouble(i, 2 * random.nextDouble() - 1);
    }
    return new DeviceArray(device, stream, t);
  }

  /** The value that no result has, to show what was not written. */
  static DeviceArray poisoned(CudaDevice device, CudaStream stream, DType type, long elements) {
    Tensor t = Tensor.allocate(type, elements);
    for (long i = 0; i < elements; i++) {
      t.setDouble(i, Double.NaN);
    }
    return new DeviceArray(device, stream, t);
  }

  long address() {
    return buffer.address();
  }

  /** {@return what is on the device now} */
  Tensor read() {
    Tensor out = Tensor.allocate(host.dtype(), host.elements());
    long bytes = host.elements() * host.dtype().bytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(bytes);
      stream.copyToHost(copy, buffer.address(), bytes);
      stream.synchronize();
      out.data().copyFrom(copy);
    }
    return out;
  }

  @Override
  public void close() {
    buffer.close();
  }
}
