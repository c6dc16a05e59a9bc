package io.github.morseengine.engine.ffi;

import java.util.Comparator;

/**
 * A library's version.
 *
 * @param major first number
 * @param minor second number
 * @param patch third number; negative where the library does not tell one
 */
public record Version(int major, int minor, int patch) implements Comparable<Version> {

  private static final Comparator<Version> ORDER =
      Comparator.comparingInt(Version::major)
          .thenComparingInt(Version::minor)
          .thenComparingInt(Version::patch);

  /** {@return the version that CUDA's driver and NVRTC write as 1000 major + 10 minor} */
  static Version ofCuda(int number) {
    return new Version(number / 1000, number % 1000 / 10, -1);
  }

  /** {@return the version that cuDNN 9 and cuBLAS write as 10000 major + 100 minor + patch} */
  static Version ofDecimal(long number) {
    int n = Math.toIntExact(number);
    return new Version(n / 10_000, n % 10_000 / 100, n % 100);
  }

  @Override
  public int compareTo(Version other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return major + "." + minor + (patch < 0 ? "" : "." + patch);
  }
}
