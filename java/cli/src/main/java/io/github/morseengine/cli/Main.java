package io.github.morseengine.cli;

import io.github.morseengine.engine.error.MorseException;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** Entry point. Exit codes: 0 done, 1 failed, 2 wrong usage. */
public final class Main {

  static final int FAILED = 1;
  static final int WRONG_USAGE = 2;

  private Main() {}

  /**
   * Runs the command and ends the process with its exit code.
   *
   * @param args arguments
   */
  public static void main(String[] args) {
    System.exit(run(args, System.out, System.err));
  }

  /**
   * Runs the command.
   *
   * @param args arguments
   * @param out receives results
   * @param err receives progress, warnings and errors
   * @return the exit code
   */
  public static int run(String[] args, PrintStream out, PrintStream err) {
    boolean verbose = Arrays.asList(args).contains("--verbose");
    try {
      CommandLine line = new CommandLine(new MorseCommand(), new Commands(new Console(out, err)));
      line.setOut(new java.io.PrintWriter(out, true));
      line.setErr(new java.io.PrintWriter(err, true));
      line.setParameterExceptionHandler((e, given) -> usage(e, err, verbose));
      line.setExecutionExceptionHandler((e, command, result) -> failure(e, err, verbose));
      int code = line.execute(args);
      out.flush();
      if (out.checkError()) {
        err.println("morse: cannot write to the standard output");
        return FAILED;
      }
      return code;
    } catch (Throwable e) {
      return failure(e, err, verbose);
    }
  }

  private static int usage(ParameterException e, PrintStream err, boolean verbose) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    String message = line(e.getMessage());
    err.println("morse: " + message + "; see '" + command + " --help'");
    if (verbose) {
      e.printStackTrace(err);
    }
    return WRONG_USAGE;
  }

  private static int failure(Throwable e, PrintStream err, boolean verbose) {
    err.println("morse: " + message(e));
    if (verbose) {
      e.printStackTrace(err);
    }
    return FAILED;
  }

  private static String message(Throwable e) {
    if (e instanceof MorseException) {
      return line(e.getMessage());
    }
    if (e instanceof CancellationException) {
      return "stopped; nothing was written";
    }
    if (e instanceof OutOfMemoryError) {
      return "out of memory ("
          + line(e.getMessage())
          + "): use a smaller --batch or --count, or"
          + " give Java more with MORSE_JAVA_OPTS=-Xmx8g";
    }
    return "internal error: " + line(e.toString()) + "; run again with --verbose and report it";
  }

  private static String line(String text) {
    return text == null ? "no message" : text.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
