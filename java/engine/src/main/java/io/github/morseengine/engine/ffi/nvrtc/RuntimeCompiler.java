package io.github.morseengine.engine.ffi.nvrtc;

import io.github.morseengine.bindings.nvrtc.Nvrtc;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.ffi.CudaLibraries;
import io.github.morseengine.engine.ffi.CudaLibrary;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Compiles CUDA C++ to an image that the driver loads. Safe for use by several threads, which
 * compile beside each other.
 */
public final class RuntimeCompiler {

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;

  private final String build;
  private final int[] architectures;

  /**
   * Opens NVRTC.
   *
   * @throws NativeLibraryException if it is missing or too old, with what was looked for, where,
   *     and what to install
   */
  public RuntimeCompiler() {
    CudaLibraries.Finding library = CudaLibraries.open(CudaLibrary.NVRTC);
    // Two builds of one version may differ; their sizes then do too.
    long size;
    try {
      size = Files.size(library.path());
    } catch (IOException e) {
      size = -1;
    }
    build = library.version() + "/" + size;
    architectures = supportedArchitectures();
  }

  /** {@return text that differs between compilers whose output may differ} */
  public String build() {
    return build;
  }

  /**
   * Chooses the target for a device: its own architecture, or, where this NVRTC is older than the
   * device, the newest virtual one, which the driver then compiles.
   *
   * @param computeCapability the device's, as in sm_90
   * @return the value of --gpu-architecture
   * @throws NativeLibraryException if this NVRTC no longer compiles for the device
   */
  public String target(int computeCapability) {
    int newest = 0;
    int oldest = Integer.MAX_VALUE;
    for (int a : architectures) {
      if (a == computeCapability) {
        return "sm_" + a;
      }
      newest = Math.max(newest, a);
      oldest = Math.min(oldest, a);
    }
    if (computeCapability < oldest) {
      CudaLibraries.Finding library = CudaLibraries.open(CudaLibrary.NVRTC);
      throw new NativeLibraryException(
          "NVRTC "
              + library.version()
              + " in '"
              + library.path()
              + "' compiles for sm_"
              + oldest
              + " and newer, this GPU is sm_"
              + computeCapability
              + ": put NVRTC 12.6 to 12.9 into a folder and name it with MORSE_CUDA_PATH");
    }
    int below = oldest;
    for (int a : architectures) {
      below = a < computeCapability ? Math.max(below, a) : below;
    }
    return "compute_" + (computeCapability > newest ? newest : below);
  }

  /**
   * Compiles a source.
   *
   * @param name what it is called in messages
   * @param source the text
   * @param headers text of each header that it includes by name
   * @param options compiler options, the architecture among them
   * @return a cubin for a real architecture (sm_), PTX with a final NUL for a virtual one
   * @throws NativeLibraryException if it does not compile; the message has the options and the log
   */
  public byte[] compile(
      String name, String source, Map<String, String> headers, List<String> options) {
    try (Arena arena = Arena.ofConfined()) {
      List<String> names = new ArrayList<>(headers.keySet());
      List<String> texts = new ArrayList<>(headers.values());
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      int status =
          Nvrtc.nvrtcCreateProgram(
              out,
              arena.allocateFrom(source),
              arena.allocateFrom(name),
              names.size(),
              strings(arena, texts),
              strings(arena, names));
      check(status, "nvrtcCreateProgram", name);
      MemorySegment program = out.get(ValueLayout.ADDRESS, 0);
      try {
        status = Nvrtc.nvrtcCompileProgram(program, options.size(), strings(arena, options));
        if (status != Nvrtc.NVRTC_SUCCESS()) {
          throw new NativeLibraryException(failedCompilation(status, name, options, program));
        }
        boolean virtual = options.stream().anyMatch(o -> o.contains("=compute_"));
        return virtual ? ptx(arena, program) : cubin(arena, program);
      } finally {
        // The program is lost either way, and a failure above says more.
        Nvrtc.nvrtcDestroyProgram(out);
      }
    }
  }

  private static byte[] cubin(Arena arena, MemorySegment program) {
    MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
    int status = Nvrtc.nvrtcGetCUBINSize(program, size);
    check(status, "nvrtcGetCUBINSize");
    MemorySegment image = arena.allocate(Math.max(1, size.get(ValueLayout.JAVA_LONG, 0)));
    status = Nvrtc.nvrtcGetCUBIN(program, image);
    check(status, "nvrtcGetCUBIN");
    return image.toArray(ValueLayout.JAVA_BYTE);
  }

  private static byte[] ptx(Arena arena, MemorySegment program) {
    MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
    int status = Nvrtc.nvrtcGetPTXSize(program, size);
    check(status, "nvrtcGetPTXSize");
    MemorySegment image = arena.allocate(Math.max(1, size.get(ValueLayout.JAVA_LONG, 0)));
    status = Nvrtc.nvrtcGetPTX(program, image);
    check(status, "nvrtcGetPTX");
    return image.toArray(ValueLayout.JAVA_BYTE);
  }

  private static String failedCompilation(
      int status, String name, List<String> options, MemorySegment program) {
    return "NVRTC: "
        + name
        + " does not compile with "
        + String.join(" ", options)
        + ": "
        + text(status)
        + ": "
        + log(program).strip().lines().map(String::strip).collect(Collectors.joining(" | "));
  }

  private static String log(MemorySegment program) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
      if (Nvrtc.nvrtcGetProgramLogSize(program, size) != Nvrtc.NVRTC_SUCCESS()) {
        return "there is no log";
      }
      MemorySegment log = arena.allocate(size.get(ValueLayout.JAVA_LONG, 0) + 1);
      int status = Nvrtc.nvrtcGetProgramLog(program, log);
      return status == Nvrtc.NVRTC_SUCCESS() ? log.getString(0) : "there is no log";
    }
  }

  private static int[] supportedArchitectures() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(INT);
      int status = Nvrtc.nvrtcGetNumSupportedArchs(count);
      check(status, "nvrtcGetNumSupportedArchs");
      MemorySegment out = arena.allocate(INT, Math.max(1, count.get(INT, 0)));
      status = Nvrtc.nvrtcGetSupportedArchs(out);
      check(status, "nvrtcGetSupportedArchs");
      return out.asSlice(0, 4L * count.get(INT, 0)).toArray(INT);
    }
  }

  /** {@return a NULL-free array of C strings; NULL for an empty list} */
  private static MemorySegment strings(Arena arena, List<String> list) {
    if (list.isEmpty()) {
      return MemorySegment.NULL;
    }
    MemorySegment out = arena.allocate(ValueLayout.ADDRESS, list.size());
    for (int i = 0; i < list.size(); i++) {
      out.setAtIndex(ValueLayout.ADDRESS, i, arena.allocateFrom(list.get(i)));
    }
    return out;
  }

  private static void check(int status, String function, Object... arguments) {
    if (status != Nvrtc.NVRTC_SUCCESS()) {
      throw new NativeLibraryException(
          "NVRTC: " + function + List.of(arguments) + " failed with " + text(status));
    }
  }

  private static String text(int status) {
    return Nvrtc.nvrtcGetErrorString(status).getString(0) + " (" + status + ")";
  }
}
