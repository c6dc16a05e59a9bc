package io.github.morseengine.engine.ffi.openmp;

import io.github.morseengine.bindings.openmp.GOMP_parallel$body;
import io.github.morseengine.bindings.openmp.OpenMp;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.ffi.NativeLibraries;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Runs Java code on the threads of oneDNN's OpenMP team, so that our own kernels and oneDNN's share
 * one set of warm, spinning threads instead of two that fight for the cores. Starting a region
 * costs about a microsecond.
 *
 * <p>One team is used by one thread at a time; any number of teams may run at once.
 */
public final class Team implements AutoCloseable {

  /** Work that every thread of a team does a part of. */
  @FunctionalInterface
  public interface Body {

    /**
     * Does one part.
     *
     * @param thread this part, from 0
     * @param threads number of parts
     */
    void run(int thread, int threads);
  }

  private static final int MAX_TEAMS = 4096;

  /** omp_pause_hard. */
  private static final int HARD = 2;

  private static final AtomicReferenceArray<Team> TEAMS = new AtomicReferenceArray<>(MAX_TEAMS);
  private static MemorySegment entry;

  private final int threads;
  private final int slot;
  private final MemorySegment slotAddress;
  private Body body;
  private volatile Throwable failure;

  /**
   * Creates a team.
   *
   * @param threads number of threads, the caller's included
   */
  public Team(int threads) {
    NativeLibraries.oneDnn();
    synchronized (Team.class) {
      if (entry == null) {
        entry = GOMP_parallel$body.allocate(Team::enter, Arena.global());
      }
    }
    this.threads = threads;
    this.slot = claim();
    this.slotAddress = MemorySegment.ofAddress(slot);
  }

  private int claim() {
    for (int i = 0; i < MAX_TEAMS; i++) {
      if (TEAMS.compareAndSet(i, null, this)) {
        return i;
      }
    }
    throw new IllegalStateException("more than " + MAX_TEAMS + " sessions are open: close some");
  }

  /** Called by every thread of a region. Nothing may be thrown into native code. */
  private static void enter(MemorySegment data) {
    Team team = TEAMS.get((int) data.address());
    try {
      team.body.run(OpenMp.omp_get_thread_num(), team.threads);
    } catch (Throwable t) {
      team.failure = t;
    }
  }

  /**
   * Ends the idle threads that regions of the calling thread have left; its next region starts new
   * ones. A JVM with such threads waits 0.3 s for them when it exits, because it sees them in
   * native code.
   *
   * @throws NativeLibraryException if they cannot be ended, as within a region
   */
  public static void dismiss() {
    int status;
    try {
      status = OpenMp.omp_pause_resource_all(HARD);
    } catch (UnsatisfiedLinkError e) {
      // Runtimes older than OpenMP 5.0 keep their threads.
      return;
    }
    if (status != 0) {
      throw new NativeLibraryException("omp_pause_resource_all(hard) failed with " + status);
    }
  }

  /** {@return the number of threads} */
  public int threads() {
    return threads;
  }

  /** Makes oneDNN use this team's number of threads when it is called by the current thread. */
  public void adopt() {
    use(threads);
  }

  /**
   * Makes oneDNN use a number of threads when it is called by the current thread, for what it
   * compiles as well as for what it runs. The library must have been opened.
   *
   * @param threads the number
   */
  public static void use(int threads) {
    OpenMp.omp_set_num_threads(threads);
  }

  /**
   * Runs a body on all threads and waits for them.
   *
   * @param work the body; called once per thread
   */
  public void parallel(Body work) {
    if (threads == 1) {
      work.run(0, 1);
      return;
    }
    body = work;
    OpenMp.GOMP_parallel(entry, slotAddress, threads, 0);
    body = null;
    Throwable thrown = failure;
    if (thrown != null) {
      failure = null;
      throw new IllegalStateException("a kernel failed", thrown);
    }
  }

  @Override
  public void close() {
    TEAMS.compareAndSet(slot, this, null);
  }
}
