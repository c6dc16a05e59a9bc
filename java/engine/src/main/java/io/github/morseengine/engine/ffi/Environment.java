package io.github.morseengine.engine.ffi;

import io.github.morseengine.engine.error.NativeLibraryException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/** Environment variables that native libraries read while they are opened. */
final class Environment {

  private Environment() {}

  /** Sets a variable for libraries opened later, unless the user has set it; POSIX only. */
  static void setDefault(String name, String value) {
    Linker linker = Linker.nativeLinker();
    Optional<MemorySegment> setenv = linker.defaultLookup().find("setenv");
    if (setenv.isEmpty()) {
      return;
    }
    MethodHandle call =
        linker.downcallHandle(
            setenv.get(),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_INT));
    int status;
    try (Arena arena = Arena.ofConfined()) {
      try {
        status = (int) call.invokeExact(arena.allocateFrom(name), arena.allocateFrom(value), 0);
      } catch (Throwable t) {
        throw new AssertionError("setenv takes two strings and a number", t);
      }
    }
    if (status != 0) {
      throw new NativeLibraryException("cannot set the environment variable " + name);
    }
  }
}
