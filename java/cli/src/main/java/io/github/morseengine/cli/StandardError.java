package io.github.morseengine.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Gives the process its own standard error back.
 *
 * <p>The JVM warns about the incubating vector module whenever it is used, and no flag silences
 * that. The launcher therefore starts it with a filter as standard error and the real one as a
 * further descriptor; from here on nothing stands between.
 */
final class StandardError {

  private static final int STANDARD_ERROR = 2;

  private StandardError() {}

  static void restore() {
    Integer real = Integer.getInteger("morse.stderr");
    if (real == null) {
      return;
    }
    try {
      Linker linker = Linker.nativeLinker();
      FunctionDescriptor ints =
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
      MethodHandle dup2 = linker.downcallHandle(linker.defaultLookup().findOrThrow("dup2"), ints);
      int status = (int) dup2.invokeExact(real.intValue(), STANDARD_ERROR);
      if (status < 0) {
        System.err.println("morse: warning: the standard error stays behind a filter");
      }
    } catch (Throwable e) {
      System.err.println("morse: warning: the standard error stays behind a filter: " + e);
    }
  }
}
