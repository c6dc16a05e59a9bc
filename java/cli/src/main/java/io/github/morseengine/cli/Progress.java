package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.ProgressListener;
import java.io.PrintStream;
import java.util.Locale;

/** A bar on a terminal; elsewhere a line at each tenth of the work. For one thread. */
final class Progress implements ProgressListener, AutoCloseable {

  private static final int WIDTH = 30;
  private static final int LINES = 10;

  private final PrintStream err;
  private final boolean terminal;
  private final String what;
  private final long begin = System.nanoTime();
  private int printed = -1;
  private boolean open;

  Progress(Console console, String what) {
    this(console.err(), Console.terminal(), what);
  }

  Progress(PrintStream err, boolean terminal, String what) {
    this.err = err;
    this.terminal = terminal;
    this.what = what;
  }

  @Override
  public void step(int done, int total) {
    if (terminal) {
      bar(done, total);
    } else {
      lines(done, total);
    }
  }

  private void bar(int done, int total) {
    int full = (int) ((long) WIDTH * done / total);
    double seconds = (System.nanoTime() - begin) / 1e9;
    String rest =
        done == 0 ? "" : String.format(Locale.ROOT, "%.1f s left", seconds / done * (total - done));
    err.printf(
        Locale.ROOT,
        "\r%s [%s%s] %d/%d steps  %s\033[K",
        what,
        "#".repeat(full),
        ".".repeat(WIDTH - full),
        done,
        total,
        rest);
    err.flush();
    open = true;
  }

  private void lines(int done, int total) {
    int tenth = (int) ((long) LINES * done / total);
    if (tenth != printed) {
      printed = tenth;
      err.println(what + ": " + done + "/" + total + " steps");
    }
  }

  /** Removes the bar, so that what follows starts on a clean line. */
  @Override
  public void close() {
    if (open) {
      err.print("\r\033[K");
      err.flush();
      open = false;
    }
  }
}
