package io.github.morseengine.tests.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.Subprocess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the shipped models, schedules and configuration are worth together. */
class ShippedQualityTest {

  private static final int BUDGET = 20;

  @TempDir Path work;

  /** The numbers of the largest budget, by model: dash or morse. */
  private Map<String, Map<String, Double>> evaluate(String sampler, String guidance)
      throws IOException {
    Path shipped = Fixtures.shipped("emoji32");
    Subprocess run =
        Subprocess.morse(
            work,
            "evaluate",
            "--model",
            shipped,
            "--budgets",
            BUDGET,
            "--samplers",
            sampler,
            "--guidance",
            guidance,
            "--samples",
            80,
            "--fine",
            2,
            "--out",
            "evaluation");
    assertEquals(0, run.code(), run.err());
    List<String> lines = Files.readAllLines(work.resolve("evaluation/curves.csv"));
    List<String> keys = List.of(lines.getFirst().split(","));
    Map<String, Map<String, Double>> out = new HashMap<>();
    for (String line : lines.subList(1, lines.size())) {
      String[] cells = line.split(",", -1);
      if (Double.parseDouble(cells[keys.indexOf("budget")]) == BUDGET) {
        Map<String, Double> numbers = new HashMap<>();
        for (String key : List.of("frechet", "accuracy")) {
          numbers.put(key, Double.valueOf(cells[keys.indexOf(key)]));
        }
        out.put(cells[keys.indexOf("model")], numbers);
      }
    }
    return out;
  }

  /**
   * A sampler that cuts x_0 and keeps epsilon loses guided pictures over the many short steps of a
   * run with Dot: the judge then named 63 % of them, and 86 % of those of Dash alone.
   */
  @Test
  void guidedPicturesOfDdimAreWhatDashAloneDraws() throws IOException {
    var points = evaluate("ddim", "2");
    double alone = points.get("dash").get("accuracy");
    double withDot = points.get("morse").get("accuracy");
    assertTrue(withDot >= 0.7 && withDot >= alone - 0.1, points.toString());
    assertTrue(
        points.get("morse").get("frechet") <= points.get("dash").get("frechet"), "" + points);
  }

  /**
   * Where hardly any signal is left a classifier's gradient moves x_0 by thousands of times itself:
   * not held back there, it left noise, of which the judge named 27 to 38 %.
   */
  @Test
  void aClassifierGuidesPicturesToTheirLabels() throws IOException {
    var points = evaluate("dpmpp", "classifier:2");
    for (Map<String, Double> numbers : points.values()) {
      assertTrue(numbers.get("accuracy") >= 0.5, points.toString());
      assertTrue(numbers.get("frechet") < 130, points.toString());
    }
  }
}
