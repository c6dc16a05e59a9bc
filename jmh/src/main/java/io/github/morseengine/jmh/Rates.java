package io.github.morseengine.jmh;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Work done by a benchmark; JMH prints it per second, beside the operations. */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.OPERATIONS)
public class Rates {

  /** Arithmetic operations in units of 10^9; a multiply-add is two. */
  public double gflop;

  /** Bytes that must be read and written, in units of 10^9. */
  public double gbyte;

  /** Created by JMH. */
  public Rates() {}

  /** Starts at zero in each iteration. */
  @Setup(Level.Iteration)
  public void reset() {
    gflop = 0;
    gbyte = 0;
  }

  /**
   * Counts one execution.
   *
   * @param flops its arithmetic operations
   * @param bytes its traffic
   */
  public void add(long flops, long bytes) {
    gflop += flops * 1e-9;
    gbyte += bytes * 1e-9;
  }
}
