package io.github.morseengine.engine.ffi;

import java.util.List;

/** The libraries of CUDA: their files, the oldest version that we work with, and who has them. */
public enum CudaLibrary {

  /** The driver; 12.4 is what the driver 550 offers, the oldest that runs cubins of CUDA 12.6. */
  DRIVER(
      "CUDA driver",
      List.of("libcuda.so.1"),
      new Version(12, 4, -1),
      Integer.MAX_VALUE,
      "install NVIDIA's driver 550 or newer"),

  /** The compiler of our kernels; before 12.6 it lacks what kernels/ uses. */
  NVRTC(
      "NVRTC",
      List.of("libnvrtc.so.13", "libnvrtc.so.12"),
      new Version(12, 6, -1),
      13,
      "install CUDA 12.6 or newer, or the Python package nvidia-cuda-nvrtc"
          + " (nvidia-cuda-nvrtc-cu12 for drivers before 580)"),

  /** Linear layers; optional. */
  CUBLASLT(
      "cuBLASLt",
      List.of("libcublasLt.so.13", "libcublasLt.so.12"),
      new Version(12, 6, -1),
      13,
      "install CUDA 12.6 or newer, or the Python package nvidia-cublas"
          + " (nvidia-cublas-cu12 for drivers before 580)"),

  /** Convolutions; optional. */
  CUDNN(
      "cuDNN",
      List.of("libcudnn.so.9"),
      new Version(9, 0, -1),
      9,
      "install cuDNN 9, or the Python package nvidia-cudnn-cu13"
          + " (nvidia-cudnn-cu12 for drivers before 580)"),

  /** Ranges for profilers, under its name for CUDA 13 or for 12; optional. */
  NVTX(
      "NVTX",
      List.of("libnvtx3interop.so.1", "libnvToolsExt.so.1"),
      null,
      Integer.MAX_VALUE,
      "install the Python package nvidia-nvtx");

  private final String title;
  private final List<String> files;
  private final Version oldest;
  private final int newestMajor;
  private final String remedy;

  CudaLibrary(String title, List<String> files, Version oldest, int newestMajor, String remedy) {
    this.title = title;
    this.files = files;
    this.oldest = oldest;
    this.newestMajor = newestMajor;
    this.remedy = remedy;
  }

  /** {@return the name that people know} */
  public String title() {
    return title;
  }

  /** {@return file names, the preferred one first} */
  public List<String> files() {
    return files;
  }

  /** {@return how to get it} */
  public String remedy() {
    return remedy;
  }

  /** {@return whether the CUDA backend works without it, though perhaps slower} */
  public boolean optional() {
    return this != DRIVER && this != NVRTC;
  }

  /** Whether its major version is that of CUDA, and so bound by the driver's. */
  private boolean numberedAsCuda() {
    return this == NVRTC || this == CUBLASLT;
  }

  /**
   * Judges a version.
   *
   * @param found the version; null where the library does not tell
   * @param driver the driver's version; null if unknown
   * @return null if we work with it, else why not
   */
  String objection(Version found, Version driver) {
    if (oldest == null) {
      return null;
    }
    if (found == null) {
      return "it does not tell its version";
    }
    if (found.compareTo(oldest) < 0) {
      return "it is " + found + ", needed is " + oldest + " or newer";
    }
    if (found.major() > newestMajor) {
      return "it is " + found + ", needed is a version up to " + newestMajor + ".x";
    }
    if (numberedAsCuda() && driver != null && found.major() > driver.major()) {
      return "it is " + found + ", and the driver runs only CUDA up to " + driver;
    }
    return null;
  }
}
