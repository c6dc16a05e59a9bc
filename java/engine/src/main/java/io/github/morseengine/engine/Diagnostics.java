package io.github.morseengine.engine;

import io.github.morseengine.engine.backend.cpu.CpuBackend;
import io.github.morseengine.engine.error.NativeLibraryException;
import io.github.morseengine.engine.ffi.NativeLibraries;
import io.github.morseengine.engine.ffi.onednn.Dnn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the machine offers, for people who look for a fault. Safe for use by several threads. */
public final class Diagnostics {

  /** Those that decide which kernels run. */
  private static final Pattern FEATURES =
      Pattern.compile("avx.*|fma|f16c|amx.*|sse4_2|asimd.*|sve.*|bf16|i8mm");

  private static final Path DRIVER = Path.of("/proc/driver/nvidia/version");
  private static final Pattern DRIVER_VERSION = Pattern.compile("\\b(\\d{3,}\\.\\d+(\\.\\d+)?)\\b");

  private Diagnostics() {}

  /**
   * A native library.
   *
   * @param name its name
   * @param version its version; null where it does not tell
   * @param path the file
   */
  public record Library(String name, String version, String path) {}

  /**
   * Opens the libraries of the CPU backend.
   *
   * @return what was opened
   * @throws NativeLibraryException if one is missing, with what to do
   */
  public static List<Library> libraries() {
    NativeLibraries.Library oneDnn = NativeLibraries.oneDnn();
    List<Library> out = new ArrayList<>();
    out.add(new Library(oneDnn.name(), Dnn.version(), oneDnn.path()));
    Path runtime = Path.of(oneDnn.path()).resolveSibling("libgomp.so.1");
    if (Files.exists(runtime)) {
      out.add(new Library("OpenMP", null, runtime.toString()));
    }
    return out;
  }

  /**
   * Tells which instructions oneDNN uses.
   *
   * @return the name of the best set
   * @throws NativeLibraryException if oneDNN is missing, with what to do
   */
  public static String instructionSet() {
    NativeLibraries.oneDnn();
    return Dnn.isa();
  }

  /** {@return the processor's name} */
  public static String processor() {
    return CpuBackend.processor();
  }

  /** {@return the vector features that the system reports; empty where it reports none} */
  public static List<String> processorFeatures() {
    for (String line : lines(Path.of("/proc/cpuinfo"))) {
      if (line.startsWith("flags") || line.startsWith("Features")) {
        String[] all = line.substring(line.indexOf(':') + 1).strip().split("\\s+");
        return Arrays.stream(all).filter(f -> FEATURES.matcher(f).matches()).toList();
      }
    }
    return List.of();
  }

  /** {@return the version of NVIDIA's driver; null where there is none} */
  public static String gpuDriver() {
    for (String line : lines(DRIVER)) {
      Matcher m = DRIVER_VERSION.matcher(line);
      if (m.find()) {
        return m.group(1);
      }
    }
    return null;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.isReadable(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }
}
