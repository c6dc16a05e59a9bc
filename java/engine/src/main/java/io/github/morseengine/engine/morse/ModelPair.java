package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.ir.Dim;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Dash and Dot as opened files, checked against each other. Safe for use by several threads; holds
 * the files until close, so that other batches can be compiled.
 */
final class ModelPair implements AutoCloseable {

  static final String SAMPLE = "sample";
  static final String TIMESTEP = "timestep";
  static final String LABELS = "class_labels";
  static final String OUT_SAMPLE = "out_sample";
  static final String DASH_SAMPLE = "dash_sample";
  static final String DASH_TIMESTEP = "dash_timestep";
  static final String DASH_OUTPUT = "dash_output";
  static final String RESIDUAL = "residual";

  static final Set<String> OBSERVATIONS = Set.of(DASH_SAMPLE, DASH_TIMESTEP, DASH_OUTPUT);

  /**
   * Before the name of an observation stands for what it was at Dash's step before the latest one;
   * at Dash's first step, for the observation itself.
   */
  private static final String PREVIOUS = "previous_";

  private final OnnxModel dash;
  private final OnnxModel dot;

  private ModelPair(OnnxModel dash, OnnxModel dot) {
    this.dash = dash;
    this.dot = dot;
  }

  /**
   * What the models are given, beside times and labels.
   *
   * @param sample [rows, C, H, W]
   * @param beside channels behind the sample's own in Dash's input, and in those of Dot's that do
   *     not declare C channels
   * @param conditions further inputs
   */
  record Inputs(long[] sample, long beside, List<Condition> conditions) {

    private Map<String, long[]> shapes() {
      Map<String, long[]> out = new HashMap<>();
      conditions.forEach(c -> out.put(c.name(), c.shape(sample[0])));
      return out;
    }

    private long[] sampleOf(OnnxModel.Port p) {
      Dim declared = p.dims() == null ? null : p.dims().get(1);
      boolean alone = declared != null && declared.isFixed() && declared.size() == sample[1];
      return alone ? sample : new long[] {sample[0], sample[1] + beside, sample[2], sample[3]};
    }
  }

  static ModelPair open(ModelDirectory directory) {
    OnnxModel dash = ModelPorts.openDash(directory.dash());
    OnnxModel dot = null;
    try {
      checkDash(dash);
      if (directory.dot().isPresent()) {
        dot = ModelPorts.openDot(directory.dot().get());
        DotFit.check(dash, dot);
      }
      return new ModelPair(dash, dot);
    } catch (RuntimeException | Error e) {
      dash.close();
      if (dot != null) {
        dot.close();
      }
      throw e;
    }
  }

  List<OnnxModel.Port> dashInputs() {
    return dash.inputs();
  }

  boolean hasDot() {
    return dot != null;
  }

  boolean hasLabels() {
    return find(dash.inputs(), LABELS) != null;
  }

  /** Name of Dash's estimate. */
  static String estimateName(List<String> outputs) {
    return outputs.contains(OUT_SAMPLE) || outputs.size() != 1 ? OUT_SAMPLE : outputs.get(0);
  }

  /**
   * Checks that every input of Dash is given; Dot has none beyond those and Dash's outputs.
   *
   * @throws InvalidInputException that names an input which is missing
   */
  void checkConditions(List<Condition> conditions) {
    Set<String> given = new java.util.TreeSet<>(Set.of(SAMPLE, TIMESTEP, LABELS));
    conditions.forEach(c -> given.add(c.name()));
    for (OnnxModel.Port p : dash.inputs()) {
      if (!given.contains(p.name())) {
        throw new InvalidInputException(
            dash.name()
                + " needs the input '"
                + p.name()
                + "', which the request does not give: it gives "
                + String.join(", ", given));
      }
    }
  }

  /**
   * Channels, height and width of a sample.
   *
   * @param noise dimensions of given noise, [N, C, H, W]; null where there is none
   * @param beside channels that stand behind the sample's own
   */
  long[] sampleShape(long[] noise, long beside) {
    List<Dim> dims = find(dash.inputs(), SAMPLE).dims();
    long[] shape = new long[3];
    for (int i = 0; i < 3; i++) {
      Dim d = dims.get(i + 1);
      long more = i == 0 ? beside : 0;
      if (noise != null) {
        shape[i] = noise[i + 1];
        if (d.isFixed() && d.size() != shape[i] + more) {
          throw new InvalidInputException(
              "the noise is "
                  + Arrays.toString(noise)
                  + (beside > 0 ? " with " + beside + " channels beside it" : "")
                  + ", but '"
                  + SAMPLE
                  + "' of "
                  + dash.name()
                  + " is "
                  + dims);
        }
      } else if (d.isFixed()) {
        shape[i] = d.size() - more;
      } else {
        throw new InvalidInputException(
            dash.name()
                + ": '"
                + SAMPLE
                + "' is "
                + dims
                + ", which leaves the size open: give the initial noise, whose shape decides");
      }
    }
    return shape;
  }

  CompiledModel compileDash(Engine engine, Inputs inputs) {
    long[] sample = inputs.sample();
    CompiledModel model = engine.compile(dash, options(dash, inputs, inputs.shapes()).build());
    try {
      String name = estimateName(model.outputs().stream().map(Executable.Port::name).toList());
      Executable.Port out = port(model.outputs(), name);
      if (!Arrays.equals(out.shape(), sample)) {
        throw new ModelFormatException(
            dash.name()
                + ": '"
                + name
                + "' is "
                + Arrays.toString(out.shape())
                + " for a sample of "
                + Arrays.toString(sample)
                + ": they must be equal"
                + (out.shape()[1] < sample[1]
                    ? ", or the request must give the channels that stand beside the sample"
                    : ""));
      }
      return model;
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  CompiledModel compileDot(Engine engine, Inputs inputs, CompiledModel dashModel) {
    long[] sample = inputs.sample();
    Map<String, long[]> observed = inputs.shapes();
    for (Executable.Port p : dashModel.outputs()) {
      observed.put(p.name(), p.shape());
    }
    observed.put(DASH_OUTPUT, sample);
    CompileOptions.Builder options = options(dot, inputs, observed);
    // What Dash leaves behind stays the same over all steps of Dot until Dash speaks again.
    for (OnnxModel.Port p : dot.inputs()) {
      String name = latest(p.name());
      if (OBSERVATIONS.contains(name) || port(dashModel.outputs(), name) != null) {
        options.constant(p.name());
      }
    }
    CompiledModel model;
    try {
      model = engine.compile(dot, options.build());
    } catch (InvalidInputException e) {
      throw new ModelFormatException("Dot does not fit Dash: " + e.getMessage(), e);
    }
    Executable.Port out = port(model.outputs(), RESIDUAL);
    if (!Arrays.equals(out.shape(), sample)) {
      model.close();
      throw new ModelFormatException(
          "Dot does not fit Dash: '"
              + RESIDUAL
              + "' of "
              + dot.name()
              + " is "
              + Arrays.toString(out.shape())
              + ", a sample is "
              + Arrays.toString(sample));
    }
    return model;
  }

  /** Conditions stay the same from step to step: what depends on them alone is computed once. */
  private static CompileOptions.Builder options(
      OnnxModel model, Inputs in, Map<String, long[]> known) {
    CompileOptions.Builder options = CompileOptions.builder();
    for (Condition c : in.conditions()) {
      if (find(model.inputs(), c.name()) != null) {
        options.constant(c.name());
      }
    }
    for (OnnxModel.Port p : model.inputs()) {
      String name = known.containsKey(p.name()) ? p.name() : latest(p.name());
      switch (name) {
        case SAMPLE, DASH_SAMPLE -> options.input(p.name(), in.sampleOf(p));
        case TIMESTEP, DASH_TIMESTEP, LABELS -> options.input(p.name(), vector(p, in.sample()[0]));
        default -> options.input(p.name(), known.get(name));
      }
    }
    return options;
  }

  /** The observation whose former value an input is; the name itself where it is none. */
  static String latest(String name) {
    return name.startsWith(PREVIOUS) ? name.substring(PREVIOUS.length()) : name;
  }

  /**
   * What Dot takes from Dash's step before the latest one.
   *
   * @param dash names of Dash's inputs and outputs, of which none is meant by such a name
   * @param dotInputs names of Dot's inputs
   * @return by the name of that input of Dot the one that holds the same of the latest step
   */
  static Map<String, String> previous(Set<String> dash, List<String> dotInputs) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String name : dotInputs) {
      if (isPrevious(name, dash) && dotInputs.contains(latest(name))) {
        out.put(name, latest(name));
      }
    }
    return out;
  }

  /** Whether an input of Dot means a former value; {@code dash} as above. */
  static boolean isPrevious(String name, Set<String> dash) {
    return name.startsWith(PREVIOUS) && !dash.contains(name);
  }

  /** Names of a model's inputs and outputs. */
  static Set<String> ports(List<String> inputs, List<String> outputs) {
    Set<String> out = new HashSet<>(inputs);
    out.addAll(outputs);
    return out;
  }

  /** A scalar, one element for all, or one per row: exporters write all three. */
  static long[] vector(OnnxModel.Port p, long rows) {
    if (p.dims() == null || p.dims().size() == 1) {
      boolean one = p.dims() != null && isOne(p.dims().get(0));
      return new long[] {one ? 1 : rows};
    }
    return new long[0];
  }

  /** Old exports of Optimum name the only dimension "steps" and expand one time to the batch. */
  private static boolean isOne(Dim d) {
    return d.isFixed() ? d.size() == 1 : "steps".equals(d.symbol());
  }

  static Executable.Port port(List<Executable.Port> ports, String name) {
    for (Executable.Port p : ports) {
      if (p.name().equals(name)) {
        return p;
      }
    }
    return null;
  }

  static OnnxModel.Port find(List<OnnxModel.Port> ports, String name) {
    for (OnnxModel.Port p : ports) {
      if (p.name().equals(name)) {
        return p;
      }
    }
    return null;
  }

  static List<String> names(List<OnnxModel.Port> ports) {
    return ports.stream().map(OnnxModel.Port::name).toList();
  }

  private static void checkDash(OnnxModel dash) {
    for (String name : List.of(SAMPLE, TIMESTEP)) {
      if (find(dash.inputs(), name) == null) {
        throw new ModelFormatException(
            dash.name()
                + " has no input '"
                + name
                + "' but "
                + names(dash.inputs())
                + ": export it with the names that diffusers uses");
      }
    }
    List<Dim> dims = find(dash.inputs(), SAMPLE).dims();
    if (dims == null || dims.size() != 4) {
      throw new ModelFormatException(
          dash.name() + ": '" + SAMPLE + "' is " + dims + ", expected [N, C, H, W]");
    }
    String estimate = estimateName(names(dash.outputs()));
    if (find(dash.outputs(), estimate) == null) {
      throw new ModelFormatException(
          dash.name() + " has no output '" + estimate + "' but " + names(dash.outputs()));
    }
  }

  @Override
  public void close() {
    dash.close();
    if (dot != null) {
      dot.close();
    }
  }
}
