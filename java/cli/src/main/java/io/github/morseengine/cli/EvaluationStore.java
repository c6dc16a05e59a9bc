package io.github.morseengine.cli;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.morse.Schedule;
import io.github.morseengine.engine.morse.json.Json;
import io.github.morseengine.engine.tensor.Npy;
import io.github.morseengine.engine.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The folder of an evaluation. run.json says what is evaluated; every batch of every point is a
 * file of its own, written whole, so that an interruption loses at most one batch and the same
 * command goes on. For one thread.
 */
final class EvaluationStore {

  private static final String RUN = "run.json";

  private final Path folder;

  private EvaluationStore(Path folder) {
    this.folder = folder;
  }

  /**
   * Opens or makes a folder.
   *
   * @param identity what must be equal for a run to go on
   */
  static EvaluationStore open(Path folder, Map<String, Object> identity) {
    EvaluationStore store = new EvaluationStore(folder);
    Path run = folder.resolve(RUN);
    if (Files.exists(run)) {
      store.requireSame(identity);
      return store;
    }
    if (Files.isDirectory(folder)) {
      try (Stream<Path> list = Files.list(folder)) {
        if (list.findAny().isPresent()) {
          throw new InvalidInputException(
              "'"
                  + folder
                  + "' holds other files and no evaluation: give --out a new or an empty folder");
        }
      } catch (IOException e) {
        throw new InvalidInputException("cannot read '" + folder + "': " + e.getMessage(), e);
      }
    }
    OutputFiles.requireWritableFolder(folder);
    OutputFiles.makeFolder(folder.resolve("parts"));
    OutputFiles.makeFolder(folder.resolve("fine"));
    Report report = new Report();
    report.put("identity", identity);
    report.write(run);
    return store;
  }

  private void requireSame(Map<String, Object> identity) {
    Map<?, ?> found = (Map<?, ?>) read(RUN).get("identity");
    for (Map.Entry<String, Object> e : identity.entrySet()) {
      String now = text(e.getValue());
      String then = found == null ? "nothing" : text(found.get(e.getKey()));
      if (!now.equals(then)) {
        throw new InvalidInputException(
            "'"
                + folder
                + "' holds another evaluation ("
                + e.getKey()
                + " was "
                + then
                + " and is "
                + now
                + "): give another --out, or delete the folder");
      }
    }
  }

  private static String text(Object value) {
    // JSON knows one kind of number.
    return value instanceof Number n ? Double.toString(n.doubleValue()) : String.valueOf(value);
  }

  private Map<String, Object> read(String name) {
    Path file = folder.resolve(name);
    try {
      return Json.object(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new ModelFormatException("cannot read '" + file + "': " + e.getMessage(), e);
    }
  }

  /** The points of the run: those that it began with, since they follow from measured times. */
  List<EvaluationPoint> points(Supplier<List<EvaluationPoint>> fresh) {
    if (!Files.exists(folder.resolve("points.json"))) {
      List<Object> list = new ArrayList<>();
      for (EvaluationPoint p : fresh.get()) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("setting", p.setting());
        entry.put("with_dot", p.withDot());
        entry.put("budget", p.budget());
        entry.put("schedule", p.schedule().toString());
        list.add(entry);
      }
      Report report = new Report();
      report.put("points", list);
      report.write(folder.resolve("points.json"));
    }
    List<EvaluationPoint> out = new ArrayList<>();
    for (Object o : (List<?>) read("points.json").get("points")) {
      Map<?, ?> e = (Map<?, ?>) o;
      out.add(
          new EvaluationPoint(
              (int) (double) e.get("setting"),
              (boolean) e.get("with_dot"),
              (double) e.get("budget"),
              Schedule.parse((String) e.get("schedule"))));
    }
    return out;
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  private Path part(int point, int batch) {
    return folder.resolve("parts").resolve(point + "-" + batch + ".npy");
  }

  boolean has(int point, int batch) {
    return Files.exists(part(point, batch));
  }

  void write(int point, int batch, Tensor rows) {
    Npy.write(part(point, batch), rows);
  }

  Tensor read(int point, int batch) {
    return Npy.read(part(point, batch));
  }

  /** The solution of many steps for a batch; made where it is not there yet. */
  Tensor fine(int setting, int batch, Supplier<Tensor> fresh) {
    Path file = folder.resolve("fine").resolve(setting + "-" + batch + ".npy");
    if (!Files.exists(file)) {
      Npy.write(file, fresh.get());
    }
    return Npy.read(file);
  }

  boolean hasFine(int setting, int batch) {
    return Files.exists(folder.resolve("fine").resolve(setting + "-" + batch + ".npy"));
  }
}
