package io.github.morseengine.tests.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A Java process of its own and what came of it.
 *
 * @param code exit code
 * @param out standard output
 * @param err standard error
 */
public record Subprocess(int code, String out, String err) {

  /** Options of the launcher. */
  public static final List<String> OPTIONS =
      List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow");

  /** {@return the class path of the tests} */
  public static String classPath() {
    String ofSurefire = System.getProperty("surefire.test.class.path");
    return ofSurefire == null ? System.getProperty("java.class.path") : ofSurefire;
  }

  /**
   * Starts a class and does not wait.
   *
   * @param folder receives the output, and is the working directory
   * @param options of Java
   * @param classPath where classes are
   * @param command the class and its arguments
   * @return the process
   */
  public static Process start(
      Path folder, List<String> options, String classPath, List<?> command) {
    return start(folder, Map.of(), options, classPath, command);
  }

  /**
   * Starts a class with further environment variables and does not wait.
   *
   * @param folder receives the output, and is the working directory
   * @param environment the variables
   * @param options of Java
   * @param classPath where classes are
   * @param command the class and its arguments
   * @return the process
   */
  public static Process start(
      Path folder,
      Map<String, String> environment,
      List<String> options,
      String classPath,
      List<?> command) {
    List<String> all = new ArrayList<>();
    all.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    all.addAll(options);
    all.addAll(List.of("-Xmx1g", "-cp", classPath));
    command.forEach(part -> all.add(part.toString()));
    try {
      ProcessBuilder builder =
          new ProcessBuilder(all)
              .directory(folder.toFile())
              .redirectOutput(folder.resolve("stdout.txt").toFile())
              .redirectError(folder.resolve("stderr.txt").toFile());
      builder.environment().putAll(environment);
      return builder.start();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /**
   * Waits for a process of {@link #start}.
   *
   * @param process the process
   * @param folder as given there
   * @return what came of it
   */
  public static Subprocess await(Process process, Path folder) {
    try {
      if (!process.waitFor(900, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IllegalStateException("a Java process hangs");
      }
      return new Subprocess(
          process.exitValue(),
          Files.readString(folder.resolve("stdout.txt")),
          Files.readString(folder.resolve("stderr.txt")));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /**
   * Runs the morse command.
   *
   * @param folder receives the output, and is the working directory
   * @param arguments of the command
   * @return what came of it
   */
  public static Subprocess morse(Path folder, Object... arguments) {
    List<Object> command = new ArrayList<>();
    command.add("io.github.morseengine.cli.Main");
    command.addAll(List.of(arguments));
    return await(start(folder, OPTIONS, classPath(), command), folder);
  }
}
