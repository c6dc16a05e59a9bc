package io.github.morseengine.engine;

import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.ffi.CudaLibraries;
import io.github.morseengine.engine.ffi.CudaLibrary;
import io.github.morseengine.engine.ffi.cuda.CudaDriver;
import io.github.morseengine.engine.ffi.cuda.DeviceInfo;
import io.github.morseengine.engine.ffi.nvrtc.RuntimeCompiler;
import java.util.ArrayList;
import java.util.List;

/**
 * What the machine offers to the CUDA backend.
 *
 * @param libraries every library that the backend can use, found or not
 * @param devices the GPUs; empty if none can be asked
 * @param reason why the backend cannot work here, and what to do; null if it can
 */
public record CudaDiagnostics(List<Library> libraries, List<Device> devices, String reason) {

  /**
   * A library.
   *
   * @param name its name
   * @param version its version; null where there is none or it does not tell
   * @param path the file; null if there is none that fits
   * @param problem why there is none, where was looked, and how to get it; null if there is one
   * @param optional whether the backend works without it
   */
  public record Library(
      String name, String version, String path, String problem, boolean optional) {}

  /**
   * A GPU.
   *
   * @param name its name
   * @param architecture as in sm_90
   * @param multiprocessors number of multiprocessors
   * @param memoryBytes its memory
   */
  public record Device(String name, String architecture, int multiprocessors, long memoryBytes) {}

  /** {@return whether the CUDA backend can work here} */
  public boolean available() {
    return reason == null;
  }

  /**
   * Looks for libraries and GPUs. Never fails: what fails is the reason.
   *
   * @return what there is
   */
  public static CudaDiagnostics inspect() {
    List<Library> libraries = new ArrayList<>();
    List<Device> devices = new ArrayList<>();
    String reason = null;
    try {
      for (CudaLibrary library : CudaLibrary.values()) {
        libraries.add(describe(CudaLibraries.find(library)));
      }
      for (DeviceInfo d : CudaDriver.devices()) {
        String architecture = "sm_" + d.computeCapability();
        devices.add(new Device(d.name(), architecture, d.multiprocessors(), d.totalBytes()));
      }
      DeviceInfo first = CudaDriver.device(0);
      first.requireSupported();
      new RuntimeCompiler().target(first.computeCapability());
    } catch (MorseException e) {
      reason = e.getMessage();
    }
    return new CudaDiagnostics(List.copyOf(libraries), List.copyOf(devices), reason);
  }

  private static Library describe(CudaLibraries.Finding found) {
    return new Library(
        found.library().title(),
        found.version() == null ? null : found.version().toString(),
        found.found() ? found.path().toString() : null,
        found.problem(),
        found.library().optional());
  }
}
