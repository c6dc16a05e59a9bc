package io.github.morseengine.engine.device.cuda;

import io.github.morseengine.engine.device.ContentHash;
import io.github.morseengine.engine.device.ContentStore;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/**
 * Weights in device memory, each distinct content once, whichever model it comes from; uploaded
 * once through a pinned ring. Safe for use by several threads. Close gives the ring back; weights
 * that are still held stay until they are closed.
 */
public final class DeviceWeights extends ContentStore<MemorySegment, DeviceBuffer>
    implements AutoCloseable {

  /** A counted reference to a weight on the device; close gives it back, once. */
  public static final class DeviceWeight implements AutoCloseable {
    private final DeviceWeights store;
    private final Entry<DeviceBuffer> entry;
    private final AtomicBoolean closed = new AtomicBoolean();

    private DeviceWeight(DeviceWeights store, Entry<DeviceBuffer> entry) {
      this.store = store;
      this.entry = entry;
    }

    /** {@return the device address, valid until close} */
    public long address() {
      return entry.buffer().address();
    }

    /** {@return the size} */
    public long bytes() {
      return entry.buffer().bytes();
    }

    /** {@return a number that equal contents share within the store} */
    public long id() {
      return entry.id();
    }

    @Override
    public void close() {
      if (closed.compareAndSet(false, true)) {
        store.release(entry);
      }
    }
  }

  private final CudaDevice device;
  private StagingRing ring;
  private boolean closed;

  /**
   * Creates an empty store.
   *
   * @param device where the weights lie
   */
  public DeviceWeights(CudaDevice device) {
    this.device = device;
  }

  /**
   * Finds a weight on the device, or packs and uploads it.
   *
   * @param source hash of the bytes as stored in the file
   * @param recipe how they are packed: views, then the packed layout
   * @param layout the packed layout alone
   * @param pack makes the packed bytes; called only if nobody packed the same source the same way
   * @return a reference that the caller closes; the upload is complete
   */
  public DeviceWeight acquire(
      ContentHash source, String recipe, String layout, Supplier<MemorySegment> pack) {
    return new DeviceWeight(this, find(source, recipe, layout, pack));
  }

  /** Made with the first weight: models without weights need none. Called under the lock. */
  private StagingRing ring() {
    if (closed) {
      throw new IllegalStateException("this store of weights is closed");
    }
    if (ring == null) {
      ring = new StagingRing(device);
    }
    return ring;
  }

  @Override
  protected MemorySegment bytes(MemorySegment packed) {
    return packed;
  }

  @Override
  protected void discard(MemorySegment packed) {
    // The garbage collector's.
  }

  @Override
  protected DeviceBuffer store(MemorySegment packed) {
    StagingRing staging = ring();
    DeviceBuffer buffer = device.allocate(packed.byteSize());
    try {
      staging.upload(buffer.address(), packed);
      return buffer;
    } catch (RuntimeException e) {
      new Closing(e).run(buffer::close);
      throw e;
    }
  }

  @Override
  protected boolean holds(DeviceBuffer buffer, MemorySegment packed) {
    return ring().equal(buffer.address(), packed);
  }

  @Override
  protected void free(DeviceBuffer buffer) {
    buffer.close();
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      if (ring != null) {
        ring.close();
      }
    }
  }
}
