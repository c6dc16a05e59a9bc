package io.github.morseengine.tests.support;

import io.github.morseengine.engine.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What the golden vectors of a shipped model give to Dash and to Dot. */
public final class GoldenInputs {

  private static final String PREVIOUS = "previous_";

  private GoldenInputs() {}

  /**
   * Inputs of Dash.
   *
   * @param all the vectors of one batch, by name
   * @return tensors by the names of its inputs
   */
  public static Map<String, Tensor> dash(Map<String, Tensor> all) {
    Map<String, Tensor> in = new TreeMap<>();
    for (String name : List.of("sample", "timestep", "class_labels")) {
      in.put(name, all.get(name));
    }
    return in;
  }

  /**
   * Inputs of Dot.
   *
   * @param all the vectors of one batch, by name
   * @return tensors by the names of its inputs
   */
  public static Map<String, Tensor> dot(Map<String, Tensor> all) {
    Map<String, Tensor> in = new TreeMap<>();
    in.put("sample", all.get("dot_sample"));
    in.put("timestep", all.get("dot_timestep"));
    in.put("dash_sample", all.get("sample"));
    in.put("dash_timestep", all.get("timestep"));
    in.put("dash_output", all.get("out_sample"));
    in.put("dash_features", all.get("dash_features"));
    in.put("class_labels", all.get("class_labels"));
    all.forEach(
        (name, value) -> {
          if (name.startsWith(PREVIOUS)) {
            in.put(name, value);
          }
        });
    return in;
  }
}
