package io.github.morseengine.engine.device.cuda;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Device memory. Whoever closes it has waited for the work that uses it: freed memory is given to
 * others at once. Close is idempotent.
 */
public final class DeviceBuffer implements AutoCloseable {

  private final CudaDevice device;
  private final long address;
  private final long bytes;
  private final AtomicBoolean closed = new AtomicBoolean();

  DeviceBuffer(CudaDevice device, long address, long bytes) {
    this.device = device;
    this.address = address;
    this.bytes = bytes;
  }

  /** {@return the device address, a multiple of 256} */
  public long address() {
    if (closed.get()) {
      throw new IllegalStateException("this device buffer is closed");
    }
    return address;
  }

  /** {@return the size} */
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      device.free(address, bytes);
    }
  }
}
