package io.github.morseengine.engine.ffi.nvtx;

import io.github.morseengine.bindings.nvtx.Nvtx;
import io.github.morseengine.bindings.nvtx.nvtxEventAttributes_v2;
import io.github.morseengine.engine.ffi.CudaLibraries;
import io.github.morseengine.engine.ffi.CudaLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Named ranges of the calling thread in NVTX's domain "Morse", for Nsight. Off unless the system
 * property {@code morse.nvtx} is true and an NVTX library is found; then every call is a constant
 * that the JIT compiler removes. Safe for use by several threads.
 */
public final class Ranges {

  /** System property that turns ranges on. */
  public static final String PROPERTY = "morse.nvtx";

  /** Whether ranges are recorded. */
  public static final boolean ON =
      Boolean.getBoolean(PROPERTY) && CudaLibraries.find(CudaLibrary.NVTX).found();

  private static final Domain DOMAIN = ON ? new Domain() : null;

  /** A range's name, encoded once; push and pop it any number of times. */
  public static final class Name {

    private final MemorySegment attributes;

    private Name(MemorySegment attributes) {
      this.attributes = attributes;
    }
  }

  private static final Name NONE = new Name(MemorySegment.NULL);

  /** The library's side of it: lives as long as the process. */
  private static final class Domain {

    private final MemorySegment handle;

    Domain() {
      CudaLibraries.open(CudaLibrary.NVTX);
      handle = Nvtx.nvtxDomainCreateA(Arena.global().allocateFrom("Morse"));
    }

    Name name(String text) {
      // Profilers may read names until the process ends.
      Arena arena = Arena.global();
      MemorySegment a = nvtxEventAttributes_v2.allocate(arena);
      nvtxEventAttributes_v2.version(a, (short) Nvtx.NVTX_VERSION());
      nvtxEventAttributes_v2.size(a, (short) nvtxEventAttributes_v2.sizeof());
      nvtxEventAttributes_v2.messageType(a, Nvtx.NVTX_MESSAGE_TYPE_REGISTERED());
      MemorySegment registered = Nvtx.nvtxDomainRegisterStringA(handle, arena.allocateFrom(text));
      nvtxEventAttributes_v2.message(a).set(Nvtx.C_POINTER, 0, registered);
      return new Name(a);
    }
  }

  private Ranges() {}

  /**
   * Encodes a name; call it while loading, not while running, and once per name.
   *
   * @param text what the profiler shows
   * @return the name
   */
  public static Name name(String text) {
    return ON ? DOMAIN.name(text) : NONE;
  }

  /**
   * Begins a range inside the thread's open ones.
   *
   * @param name its name
   */
  public static void push(Name name) {
    if (ON) {
      Nvtx.nvtxDomainRangePushEx(DOMAIN.handle, name.attributes);
    }
  }

  /** Ends the thread's innermost range. */
  public static void pop() {
    if (ON) {
      Nvtx.nvtxDomainRangePop(DOMAIN.handle);
    }
  }
}
