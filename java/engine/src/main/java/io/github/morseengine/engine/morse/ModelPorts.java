package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.ir.Dim;
import io.github.morseengine.engine.morse.json.Json;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Opens Dash and Dot and brings what they take and give into one form, that of diffusers' U-Nets.
 * Transformers call the sample hidden_states. A model that learned the variance of its steps as
 * well (Nichol and Dhariwal 2021, arXiv 2102.09672; DiT) gives 2C channels for a sample of C, of
 * which the first C are the estimate: the graph is cut there, so that neither the samplers nor Dot
 * see the others. That is what diffusers' DiTPipeline does whatever the scheduler. Stateless.
 */
final class ModelPorts {

  private static final String HIDDEN = "hidden_states";

  private ModelPorts() {}

  static OnnxModel openDot(Path file) {
    return renamed(OnnxModel.open(file));
  }

  static OnnxModel openDash(Path file) {
    OnnxModel model = renamed(OnnxModel.open(file));
    try {
      return cut(model, Json.file(file.resolveSibling("config.json")));
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  private static OnnxModel renamed(OnnxModel model) {
    List<String> names = model.inputs().stream().map(OnnxModel.Port::name).toList();
    boolean hidden = names.contains(HIDDEN) && !names.contains(ModelPair.SAMPLE);
    return hidden ? model.withInput(HIDDEN, ModelPair.SAMPLE) : model;
  }

  /** The file says how many channels there are, or the configuration beside it. */
  private static OnnxModel cut(OnnxModel model, Map<String, Object> config) {
    List<OnnxModel.Port> outputs = model.outputs();
    String estimate = ModelPair.estimateName(outputs.stream().map(OnnxModel.Port::name).toList());
    long in = channels(model.inputs(), ModelPair.SAMPLE, config.get("in_channels"));
    long out = channels(outputs, estimate, config.get("out_channels"));
    return in > 0 && out == 2 * in ? model.withChannels(estimate, in) : model;
  }

  private static long channels(List<OnnxModel.Port> ports, String name, Object configured) {
    for (OnnxModel.Port p : ports) {
      if (p.name().equals(name) && p.dims() != null && p.dims().size() == 4) {
        Dim d = p.dims().get(1);
        return d.isFixed() ? d.size() : configured instanceof Double c ? c.longValue() : -1;
      }
    }
    return -1;
  }
}
