package io.github.morseengine.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The morse script in a project of empty files, with JDKs and a Maven that only echo. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the launcher is a bash script")
class LauncherTest {

  private static final Path SCRIPT = Path.of("..", "..", "morse");

  @TempDir Path folder;
  private Path home;
  private Path source;
  private Path jdk;

  @BeforeEach
  void makeProject() throws IOException {
    home = Files.createDirectories(folder.resolve("the project")).toRealPath();
    Files.copy(SCRIPT, home.resolve("morse"));
    source = home.resolve("java/cli/src/main/java/Main.java");
    for (Path file :
        List.of(
            home.resolve("pom.xml"),
            home.resolve("native/pom.xml"),
            source,
            home.resolve("java/cli/target/morse-cli.jar"),
            home.resolve("java/cli/target/morse.stamp"))) {
      Files.createDirectories(file.getParent());
      Files.createFile(file);
    }
    age(home, Instant.now().minusSeconds(1000));
    age(home.resolve("java/cli/target/morse.stamp"), Instant.now().minusSeconds(500));
    jdk = jdk("new", "99.0.1");
    script(folder.resolve("tools/mvn"), "echo built >> \"$MORSE_TEST_LOG\"");
  }

  @Test
  void theChosenJdkRunsTheCommandWithItsArguments() throws Exception {
    String out = run(home.resolve("morse"), Map.of("MORSE_JAVA_HOME", jdk.toString()), "a b", "c");
    assertTrue(out.startsWith(jdk.resolve("bin/java") + " "), out);
    assertTrue(out.strip().endsWith("io.github.morseengine.cli.Main a b c"), out);
    assertTrue(out.contains("--enable-native-access=io.github.morseengine.engine,"), out);
    assertFalse(Files.exists(folder.resolve("log")), "built without need");
  }

  @Test
  void anOldJdkIsPassedOver() throws Exception {
    Path old = jdk("old", "17.0.2");
    Path older = jdk("older", "1.8.0_402");
    String out =
        run(
            home.resolve("morse"),
            Map.of("MORSE_JAVA_HOME", old.toString(), "JAVA_HOME", jdk.toString()));
    assertTrue(out.startsWith(jdk.toString()), out);
    out =
        run(
            home.resolve("morse"),
            Map.of("MORSE_JAVA_HOME", jdk.toString(), "JAVA_HOME", older.toString()));
    assertTrue(out.startsWith(jdk.toString()), out);
  }

  @Test
  void aLinkFromElsewhereLeadsHome() throws Exception {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Path first = Files.createSymbolicLink(bin.resolve("first"), home.resolve("morse"));
    Path second = Files.createSymbolicLink(bin.resolve("second"), first.getFileName());
    String out = run(second, Map.of("MORSE_JAVA_HOME", jdk.toString()));
    assertTrue(out.contains("-Dmorse.home=" + home + " "), out);
  }

  @Test
  void aSourceChangeBuildsOnce() throws Exception {
    Files.writeString(source, "changed");
    Map<String, String> env = Map.of("MORSE_JAVA_HOME", jdk.toString());
    assertTrue(run(home.resolve("morse"), env).contains("morse: building"));
    assertFalse(run(home.resolve("morse"), env).contains("morse: building"));
    Files.delete(source);
    assertTrue(run(home.resolve("morse"), env).contains("morse: building"));
    assertEquals(2, Files.readAllLines(folder.resolve("log")).size());
  }

  private Path jdk(String name, String version) throws IOException {
    Path out = folder.resolve("jdks").resolve(name);
    script(out.resolve("bin/java"), "echo \"$0\" \"$@\"");
    script(out.resolve("bin/javac"), "");
    Files.writeString(
        out.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
    return out;
  }

  private static void script(Path file, String line) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/sh\n" + line + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static void age(Path root, Instant time) throws IOException {
    try (var files = Files.walk(root)) {
      for (Path p : files.toList()) {
        Files.setLastModifiedTime(p, FileTime.from(time));
      }
    }
  }

  private String run(Path script, Map<String, String> env, String... args) throws Exception {
    List<String> command = new java.util.ArrayList<>(List.of("bash", script.toString()));
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
    builder.redirectErrorStream(true);
    builder.environment().remove("JAVA_HOME");
    builder.environment().put("MORSE_TEST_LOG", folder.resolve("log").toString());
    builder
        .environment()
        .merge("PATH", folder.resolve("tools").toString(), (old, tools) -> tools + ":" + old);
    builder.environment().putAll(env);
    Process process = builder.start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out);
    return out;
  }
}
