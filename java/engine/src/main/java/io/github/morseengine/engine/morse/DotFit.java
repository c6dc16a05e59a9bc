package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.ir.Dim;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Whether Dot takes what Dash leaves behind at a step, and gives what is added to its estimate. */
final class DotFit {

  private DotFit() {}

  /**
   * Checks.
   *
   * @throws ModelFormatException that names the file and the input or output that does not fit
   */
  static void check(OnnxModel dash, OnnxModel dot) {
    String misfit = "Dot does not fit Dash: " + dot.name();
    OnnxModel.Port sample = ModelPair.find(dot.inputs(), ModelPair.SAMPLE);
    OnnxModel.Port residual = ModelPair.find(dot.outputs(), ModelPair.RESIDUAL);
    if (sample == null || residual == null) {
      throw new ModelFormatException(
          misfit
              + " must take '"
              + ModelPair.SAMPLE
              + "' and give '"
              + ModelPair.RESIDUAL
              + "'; it takes "
              + ModelPair.names(dot.inputs())
              + " and gives "
              + ModelPair.names(dot.outputs()));
    }
    for (OnnxModel.Port p : dot.inputs()) {
      String name =
          ModelPair.find(dash.outputs(), p.name()) == null ? ModelPair.latest(p.name()) : p.name();
      if (ModelPair.find(dash.inputs(), name) == null && !observed(name, dash)) {
        throw new ModelFormatException(
            misfit
                + " takes '"
                + p.name()
                + "', which Dash neither takes nor gives (it takes "
                + ModelPair.names(dash.inputs())
                + " and gives "
                + ModelPair.names(dash.outputs())
                + ")");
      }
    }
    checkPrevious(misfit, dash, dot);
    List<Dim> wanted = ModelPair.find(dash.inputs(), ModelPair.SAMPLE).dims();
    List<Dim> estimate = new ArrayList<>(wanted);
    List<Dim> given =
        ModelPair.find(dash.outputs(), ModelPair.estimateName(ModelPair.names(dash.outputs())))
            .dims();
    if (given != null && given.size() == wanted.size()) {
      estimate.set(1, given.get(1));
    }
    for (String name : List.of(ModelPair.SAMPLE, ModelPair.DASH_SAMPLE)) {
      OnnxModel.Port p = ModelPair.find(dot.inputs(), name);
      // Dot may do without what stands beside the sample.
      if (p != null && !fits(p, estimate)) {
        compare(misfit, p, wanted);
      }
    }
    OnnxModel.Port output = ModelPair.find(dot.inputs(), ModelPair.DASH_OUTPUT);
    if (output != null) {
      compare(misfit, output, estimate);
    }
    compare(misfit, residual, estimate);
    for (OnnxModel.Port p : dot.inputs()) {
      OnnxModel.Port observed = ModelPair.find(dash.outputs(), p.name());
      if (observed != null && observed.dims() != null) {
        compare(misfit, p, observed.dims());
      }
    }
  }

  /** A former value is kept where the latest one was: Dot must take both. */
  private static void checkPrevious(String misfit, OnnxModel dash, OnnxModel dot) {
    Set<String> known =
        ModelPair.ports(ModelPair.names(dash.inputs()), ModelPair.names(dash.outputs()));
    for (OnnxModel.Port p : dot.inputs()) {
      String name = ModelPair.latest(p.name());
      if (!ModelPair.isPrevious(p.name(), known)) {
        continue;
      }
      OnnxModel.Port now = ModelPair.find(dot.inputs(), name);
      boolean observed = observed(name, dash);
      if (now == null || !observed) {
        throw new ModelFormatException(
            misfit
                + " takes '"
                + p.name()
                + (observed
                    ? "' without '" + name + "': it must take both"
                    : "', but '" + name + "' is nothing that Dash leaves behind at a step"));
      }
      if (now.dims() != null && !fits(p, now.dims())) {
        throw new ModelFormatException(
            misfit
                + " declares '"
                + p.name()
                + "' as "
                + p.dims()
                + " and '"
                + name
                + "' as "
                + now.dims()
                + ": they must be equal");
      }
    }
  }

  /** Whether Dash leaves a value of that name behind at a step. */
  private static boolean observed(String name, OnnxModel dash) {
    return ModelPair.OBSERVATIONS.contains(name) || ModelPair.find(dash.outputs(), name) != null;
  }

  private static void compare(String misfit, OnnxModel.Port p, List<Dim> wanted) {
    if (!fits(p, wanted)) {
      throw new ModelFormatException(
          misfit + " declares '" + p.name() + "' as " + p.dims() + ", Dash has " + wanted);
    }
  }

  private static boolean fits(OnnxModel.Port p, List<Dim> wanted) {
    if (p.dims() == null) {
      return true;
    }
    boolean same = p.dims().size() == wanted.size();
    for (int i = 0; same && i < wanted.size(); i++) {
      Dim a = p.dims().get(i);
      Dim b = wanted.get(i);
      same = !a.isFixed() || !b.isFixed() || a.size() == b.size();
    }
    return same;
  }
}
