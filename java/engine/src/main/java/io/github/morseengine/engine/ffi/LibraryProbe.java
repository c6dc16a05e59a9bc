package io.github.morseengine.engine.ffi;

import io.github.morseengine.engine.error.NativeLibraryException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * Asks a library for its version and closes it again. A library that is opened for good can be
 * neither closed nor replaced, so this comes first.
 */
final class LibraryProbe {

  private static final FunctionDescriptor NUMBER = FunctionDescriptor.of(ValueLayout.JAVA_LONG);
  private static final FunctionDescriptor ONE_OUT =
      FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS);
  private static final FunctionDescriptor TWO_OUT =
      FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS);

  private LibraryProbe() {}

  /**
   * Opens, asks, closes.
   *
   * @param library which one it should be
   * @param file the file
   * @return its version; null where there is no way to ask
   * @throws NativeLibraryException if it cannot be opened or is not that library
   */
  static Version version(CudaLibrary library, Path file) {
    try (Arena arena = Arena.ofShared()) {
      SymbolLookup symbols = SymbolLookup.libraryLookup(file, arena);
      return switch (library) {
        case DRIVER -> driver(symbols, arena);
        case NVRTC -> nvrtc(symbols, arena);
        case CUDNN -> Version.ofDecimal(number(symbols, "cudnnGetVersion"));
        case CUBLASLT -> Version.ofDecimal(number(symbols, "cublasLtGetVersion"));
        case NVTX -> {
          find(symbols, "nvtxDomainRangePushEx");
          yield null;
        }
      };
    } catch (IllegalArgumentException e) {
      throw new NativeLibraryException(
          "it cannot be opened (made for another processor, damaged, or a library that it needs is"
              + " missing)",
          e);
    }
  }

  private static Version driver(SymbolLookup symbols, Arena arena) {
    MemorySegment out = arena.allocate(ValueLayout.JAVA_INT);
    MethodHandle call = find(symbols, "cuDriverGetVersion", ONE_OUT);
    int status;
    try {
      status = (int) call.invokeExact(out);
    } catch (Throwable t) {
      throw new AssertionError("cuDriverGetVersion takes one address", t);
    }
    return status == 0 ? Version.ofCuda(out.get(ValueLayout.JAVA_INT, 0)) : null;
  }

  private static Version nvrtc(SymbolLookup symbols, Arena arena) {
    MemorySegment major = arena.allocate(ValueLayout.JAVA_INT);
    MemorySegment minor = arena.allocate(ValueLayout.JAVA_INT);
    MethodHandle call = find(symbols, "nvrtcVersion", TWO_OUT);
    int status;
    try {
      status = (int) call.invokeExact(major, minor);
    } catch (Throwable t) {
      throw new AssertionError("nvrtcVersion takes two addresses", t);
    }
    return status == 0
        ? new Version(major.get(ValueLayout.JAVA_INT, 0), minor.get(ValueLayout.JAVA_INT, 0), -1)
        : null;
  }

  private static long number(SymbolLookup symbols, String function) {
    MethodHandle call = find(symbols, function, NUMBER);
    try {
      return (long) call.invokeExact();
    } catch (Throwable t) {
      throw new AssertionError(function + " takes nothing", t);
    }
  }

  private static MethodHandle find(
      SymbolLookup symbols, String function, FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(find(symbols, function), descriptor);
  }

  private static MemorySegment find(SymbolLookup symbols, String function) {
    return symbols
        .find(function)
        .orElseThrow(() -> new NativeLibraryException("it has no function " + function));
  }
}
