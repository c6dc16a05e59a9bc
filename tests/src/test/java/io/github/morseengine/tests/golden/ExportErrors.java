package io.github.morseengine.tests.golden;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Compare;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Runner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/** What exported networks deviate from PyTorch: all of unets.zip and families.zip. */
public final class ExportErrors {

  private ExportErrors() {}

  /**
   * Unpacks the networks.
   *
   * @param folder where to
   */
  public static void unpack(Path folder) {
    Fixtures.unpack("unets.zip", folder);
    Fixtures.unpack("families.zip", folder);
  }

  /**
   * Runs every export.
   *
   * @param engine where
   * @param folder the unpacked networks
   * @param sizes how many input sizes of each at most
   * @return the largest relative error (root mean square) over sizes and outputs, by "model
   *     exporter-opset"
   */
  public static Map<String, Double> measure(Engine engine, Path folder, int sizes) {
    Map<String, Double> out = new TreeMap<>();
    for (Path model : Fixtures.list(folder)) {
      List<Path> samples = Fixtures.list(model).stream().filter(Files::isDirectory).toList();
      for (Path export : Fixtures.list(model)) {
        String name = export.getFileName().toString();
        if (name.endsWith(".onnx")) {
          double worst = 0;
          for (Path sample : samples.subList(0, Math.min(sizes, samples.size()))) {
            worst = Math.max(worst, error(engine, export, sample));
          }
          out.put(model.getFileName() + " " + name.replace(".onnx", ""), worst);
        }
      }
    }
    return out;
  }

  private static double error(Engine engine, Path export, Path sample) {
    Map<String, Tensor> actual = Runner.run(engine, export, Fixtures.arrays(sample.resolve("in")));
    double worst = 0;
    for (Map.Entry<String, Tensor> e : Fixtures.arrays(sample.resolve("out")).entrySet()) {
      worst = Math.max(worst, Compare.relativeRms(e.getValue(), actual.get(e.getKey())));
    }
    return worst;
  }

  /**
   * What ONNX Runtime deviates, as the script measured it that made the networks.
   *
   * @param folder the unpacked networks
   * @return its largest error by model, over all its exports; U-Nets of unets.zip were not measured
   */
  static Map<String, Double> ofOnnxRuntime(Path folder) {
    Map<String, Double> out = new TreeMap<>();
    for (Path model : Fixtures.list(folder)) {
      Path file = model.resolve("tolerance.properties");
      if (Files.exists(file)) {
        Properties deviations = Fixtures.properties(file);
        double worst =
            deviations.values().stream()
                .mapToDouble(v -> Double.parseDouble(v.toString()))
                .max()
                .orElseThrow();
        out.put(model.getFileName().toString(), worst);
      }
    }
    return out;
  }
}
