package io.github.morseengine.tests.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Subprocess;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example in the README, compiled and run as it stands there. */
class ReadmeExampleTest {

  private static final Pattern EXAMPLE =
      Pattern.compile("<!-- example -->\\s*```java\\n(.*?)```", Pattern.DOTALL);

  @TempDir Path folder;

  @Test
  void theExampleDraws() throws IOException {
    String readme = Files.readString(Fixtures.repository().resolve("README.md"));
    Matcher found = EXAMPLE.matcher(readme);
    assertTrue(found.find(), "README.md has no example");
    Path source = folder.resolve("Example.java");
    Files.writeString(source, found.group(1));
    int compiled =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                null,
                null,
                "-d",
                folder.toString(),
                "-cp",
                Subprocess.classPath(),
                "-Xlint:all,-path",
                "-Werror",
                "-proc:none",
                source.toString());
    assertEquals(0, compiled);
    Path model = Fixtures.shipped("emoji32");
    Path picture = folder.resolve("example.png");
    Subprocess run =
        Subprocess.await(
            Subprocess.start(
                folder,
                Subprocess.OPTIONS,
                folder + File.pathSeparator + Subprocess.classPath(),
                List.of("Example", model, picture)),
            folder);
    assertEquals(0, run.code(), run.err());
    assertEquals("", run.err());
    assertTrue(run.out().contains("10/10"), run.out());
    assertTrue(ImageIO.read(picture.toFile()).getWidth() >= 64);
  }
}
