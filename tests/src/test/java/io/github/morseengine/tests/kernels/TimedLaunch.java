package io.github.morseengine.tests.kernels;

/**
 * One launch that {@link KernelTimes} times.
 *
 * @param kernel the instance
 * @param type element type, of {@link KernelBench}
 * @param shape in words without blanks
 * @param grid blocks, up to three numbers
 * @param shared bytes of shared memory
 * @param flops arithmetic, a multiply-add being two
 * @param extraBytes traffic beyond every {@link Room} once; negative for what is no traffic
 * @param arguments numbers, rooms and nulls in the kernel's order
 */
record TimedLaunch(
    String kernel,
    int type,
    String shape,
    int[] grid,
    int shared,
    double flops,
    double extraBytes,
    Object... arguments) {

  /** Memory on the device: random numbers, or what is given. */
  record Room(long bytes, int... content) {}

  /** Room for 16-bit numbers. */
  static Room half(long elements) {
    return new Room(2 * elements);
  }

  /** Room for float32 numbers. */
  static Room floats(long elements) {
    return new Room(4 * elements);
  }

  /** What a launch must read and write at least. */
  double bytes() {
    double sum = extraBytes;
    for (Object a : arguments) {
      sum += a instanceof Room r ? r.bytes() : 0;
    }
    return sum;
  }
}
