package io.github.morseengine.engine.device.cuda;

import java.lang.foreign.MemorySegment;

/**
 * Moves large memory between host and device through two pinned buffers, so that the host fills one
 * while the GPU reads the other. Used by one thread at a time; close is idempotent.
 */
final class StagingRing implements AutoCloseable {

  /** Long enough for the link to reach its rate, short enough to be left over unnoticed. */
  private static final long SLOT_BYTES = 8L << 20;

  private static final int SLOTS = 2;

  private final CudaStream stream;
  private final PinnedBuffer[] slots = new PinnedBuffer[SLOTS];
  private final CudaEvent[] free = new CudaEvent[SLOTS];

  StagingRing(CudaDevice device) {
    stream = device.newStream();
    try {
      for (int i = 0; i < SLOTS; i++) {
        slots[i] = device.allocatePinned(SLOT_BYTES);
        free[i] = device.newEvent();
      }
    } catch (RuntimeException e) {
      closeAll(new Closing(e));
      throw e;
    }
  }

  /** Copies to the device and waits for the last part. */
  void upload(long target, MemorySegment source) {
    long bytes = source.byteSize();
    int slot = 0;
    for (long done = 0; done < bytes; done += SLOT_BYTES) {
      long part = Math.min(SLOT_BYTES, bytes - done);
      free[slot].synchronize();
      MemorySegment.copy(source, done, slots[slot].segment(), 0, part);
      stream.copyToDevice(target + done, slots[slot].segment(), part);
      stream.record(free[slot]);
      slot = (slot + 1) % SLOTS;
    }
    stream.synchronize();
  }

  /** Reads device memory back and tells whether it equals host memory. */
  boolean equal(long address, MemorySegment expected) {
    MemorySegment slot = slots[0].segment();
    long bytes = expected.byteSize();
    for (long done = 0; done < bytes; done += SLOT_BYTES) {
      long part = Math.min(SLOT_BYTES, bytes - done);
      stream.copyToHost(slot, address + done, part);
      stream.synchronize();
      if (MemorySegment.mismatch(slot, 0, part, expected, done, done + part) >= 0) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() {
    Closing closing = new Closing(null);
    closeAll(closing);
    closing.finish();
  }

  private void closeAll(Closing closing) {
    for (int i = 0; i < SLOTS; i++) {
      if (free[i] != null) {
        closing.run(free[i]::close);
      }
      if (slots[i] != null) {
        closing.run(slots[i]::close);
      }
    }
    closing.run(stream::close);
  }
}
