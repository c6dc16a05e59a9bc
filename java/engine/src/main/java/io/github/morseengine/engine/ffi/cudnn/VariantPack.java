package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.lang.foreign.MemorySegment;

/** The addresses of one run, bound once and used as often as wanted. */
public final class VariantPack extends Descriptor {

  /**
   * Binds addresses.
   *
   * @param ids of the tensors in memory
   * @param addresses of each, on the device, or on the host for a {@link Tensor#scalar}
   * @param workspace address on the device; 0 where none is needed
   */
  public VariantPack(long[] ids, long[] addresses, long workspace) {
    super(Cudnn.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR());
    complete(() -> set(ids, addresses, workspace));
  }

  private void set(long[] ids, long[] addresses, long workspace) {
    MemorySegment[] pointers = new MemorySegment[addresses.length];
    for (int i = 0; i < pointers.length; i++) {
      pointers[i] = MemorySegment.ofAddress(addresses[i]);
    }
    int64s(Cudnn.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS(), ids);
    int type = Cudnn.CUDNN_TYPE_VOID_PTR();
    pointers(Cudnn.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS(), type, pointers);
    pointers(Cudnn.CUDNN_ATTR_VARIANT_PACK_WORKSPACE(), type, MemorySegment.ofAddress(workspace));
  }
}
