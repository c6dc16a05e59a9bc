package io.github.morseengine.engine.ffi.onednn;

import io.github.morseengine.bindings.onednn.OneDnn;
import io.github.morseengine.bindings.onednn.dnnl_version_t;
import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Checks and constants that all oneDNN handles share. */
public final class Dnn {

  /** No more than this many dimensions in a memory descriptor. */
  public static final int MAX_DIMS = 12;

  private Dnn() {}

  static void check(int status, String function, Object... arguments) {
    if (status == OneDnn.dnnl_success()) {
      return;
    }
    StringBuilder text = new StringBuilder("oneDNN: ").append(function).append(" failed with ");
    text.append(OneDnn.dnnl_status2str(status).getString(0)).append(" for");
    for (Object a : arguments) {
      text.append(' ').append(a);
    }
    if (status == OneDnn.dnnl_out_of_memory()) {
      throw new DeviceOutOfMemoryException(text + ": use a smaller batch or size");
    }
    throw new NativeLibraryException(text.toString());
  }

  /** Whether a status only says that there is no kernel for the request. */
  static boolean unsupported(int status) {
    return status == OneDnn.dnnl_unimplemented() || status == OneDnn.dnnl_last_impl_reached();
  }

  /** {@return the version of the opened library, e.g. 3.13.0} */
  public static String version() {
    MemorySegment v = OneDnn.dnnl_version().reinterpret(dnnl_version_t.sizeof());
    return dnnl_version_t.major(v) + "." + dnnl_version_t.minor(v) + "." + dnnl_version_t.patch(v);
  }

  /** {@return whether this processor multiplies bfloat16 in hardware that oneDNN uses} */
  public static boolean hasBfloat16() {
    int isa = OneDnn.dnnl_get_effective_cpu_isa();
    return contains(isa, OneDnn.dnnl_cpu_isa_avx512_core_bf16())
        || contains(isa, OneDnn.dnnl_cpu_isa_avx2_vnni_2());
  }

  /** {@return the name of the best instruction set that oneDNN uses here} */
  public static String isa() {
    int isa = OneDnn.dnnl_get_effective_cpu_isa();
    return contains(isa, OneDnn.dnnl_cpu_isa_avx512_core_amx())
        ? "AMX"
        : contains(isa, OneDnn.dnnl_cpu_isa_avx512_core_bf16())
            ? "AVX-512 bf16"
            : contains(isa, OneDnn.dnnl_cpu_isa_avx512_core())
                ? "AVX-512"
                : contains(isa, OneDnn.dnnl_cpu_isa_avx2_vnni_2())
                    ? "AVX2 bf16"
                    : contains(isa, OneDnn.dnnl_cpu_isa_avx2()) ? "AVX2" : "baseline";
  }

  private static boolean contains(int isa, int wanted) {
    return (isa & wanted) == wanted;
  }

  static int type(DType t) {
    return switch (t) {
      case FLOAT32 -> OneDnn.dnnl_f32();
      case BFLOAT16 -> OneDnn.dnnl_bf16();
      case FLOAT16 -> OneDnn.dnnl_f16();
      case INT32 -> OneDnn.dnnl_s32();
      case INT8 -> OneDnn.dnnl_s8();
      case UINT8 -> OneDnn.dnnl_u8();
      default -> throw new NativeLibraryException("oneDNN has no element type " + t);
    };
  }

  static MemorySegment dims(Arena arena, long... values) {
    MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG, MAX_DIMS);
    MemorySegment.copy(values, 0, out, ValueLayout.JAVA_LONG, 0, values.length);
    return out;
  }
}
