package io.github.morseengine.cli;

import java.io.PrintStream;

/**
 * Where text goes.
 *
 * @param out results
 * @param err progress and warnings
 */
record Console(PrintStream out, PrintStream err) {

  /** Whether the launcher saw a terminal behind the standard error. */
  static boolean terminal() {
    return Boolean.getBoolean("morse.terminal");
  }
}
