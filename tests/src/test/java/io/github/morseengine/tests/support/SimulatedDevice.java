package io.github.morseengine.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The simulated CUDA libraries of kernels/sim, built once. A process opens libraries once, so tests
 * that need others, faults or another GPU run in a process of their own.
 */
public final class SimulatedDevice {

  private static Path folder;

  private SimulatedDevice() {}

  /** {@return the folder with the libraries, built if need be} */
  public static synchronized Path folder() {
    if (folder == null) {
      Path repository = Path.of(System.getProperty("morse.repository"));
      Path out = Path.of("target", "sim").toAbsolutePath();
      List<String> command =
          List.of(repository.resolve("kernels/sim/build.sh").toString(), out.toString());
      try {
        Process build = new ProcessBuilder(command).inheritIO().start();
        if (!build.waitFor(600, TimeUnit.SECONDS) || build.exitValue() != 0) {
          build.destroyForcibly();
          throw new IllegalStateException("the simulated device does not build: " + command);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
      folder = out;
    }
    return folder;
  }

  /** Makes this process find the simulated libraries and no others. */
  public static void use() {
    System.setProperty("morse.cuda.path", folder().toString());
    System.setProperty("morse.cuda.only", "true");
    System.setProperty("morse.cache", cache().toString());
  }

  private static Path cache() {
    return Path.of("target", "cache").toAbsolutePath();
  }

  /**
   * Runs a class in a process of its own that finds these libraries and no others.
   *
   * @param work receives the output, and is the working directory
   * @param libraries where the libraries are
   * @param environment of the simulated device
   * @param options further options of Java
   * @param main the class's name
   * @param arguments its arguments
   * @return what came of it
   */
  public static Subprocess run(
      Path work,
      Path libraries,
      Map<String, String> environment,
      List<String> options,
      String main,
      Object... arguments) {
    List<String> all = new ArrayList<>(Subprocess.OPTIONS);
    all.add("-Dmorse.cuda.path=" + libraries);
    all.add("-Dmorse.cuda.only=true");
    all.add("-Dmorse.cache=" + cache());
    all.addAll(options);
    List<Object> command = new ArrayList<>(List.of(main));
    command.addAll(List.of(arguments));
    return Subprocess.await(
        Subprocess.start(work, environment, all, Subprocess.classPath(), command), work);
  }
}
