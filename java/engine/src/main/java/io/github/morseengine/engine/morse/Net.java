package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.List;

/**
 * A model's session with its well-known tensors. For one thread at a time.
 *
 * @param session owned by whoever made it
 * @param inputs the model's inputs
 * @param sample its input for the sample
 * @param timestep its input for the time; null where it has none
 * @param labels its input for labels; null where it has none
 * @param output what it says, in the model's type
 * @param wide the same in float32; {@code output} itself where that is float32
 */
record Net(
    Session session,
    List<Executable.Port> inputs,
    SampleInput sample,
    Tensor timestep,
    Tensor labels,
    Tensor output,
    Tensor wide) {

  /**
   * Looks the tensors up.
   *
   * @param session the session
   * @param inputs the model's inputs
   * @param output name of its output
   * @param apart see {@link SampleInput}
   */
  static Net of(Session session, List<Executable.Port> inputs, String output, Tensor apart) {
    Tensor out = session.output(output);
    return new Net(
        session,
        inputs,
        new SampleInput(session.input(ModelPair.SAMPLE), apart),
        optional(session, inputs, ModelPair.TIMESTEP),
        optional(session, inputs, ModelPair.LABELS),
        out,
        out.dtype() == DType.FLOAT32 ? out : Tensor.allocate(DType.FLOAT32, out.shape()));
  }

  /** An input; null where the model has none of that name. */
  static Tensor optional(Session session, List<Executable.Port> inputs, String name) {
    return ModelPair.port(inputs, name) == null ? null : session.input(name);
  }

  /** Fills what stays the same over all steps of a batch. */
  void condition(Batch b) {
    fillLabels(b);
    if (b.request().beside() != null) {
      sample.fillBeside(b.request().beside(), b);
    }
    for (Condition c : b.request().conditions()) {
      if (ModelPair.port(inputs, c.name()) != null) {
        c.fill(session.input(c.name()), b.guided(), b.first());
      }
    }
  }

  /** Unconditional rows first, as diffusers orders them. */
  private void fillLabels(Batch b) {
    if (labels != null) {
      long half = b.guided() ? labels.elements() / 2 : 0;
      for (long i = 0; i < labels.elements(); i++) {
        labels.setLong(i, i < half ? b.nullLabel() : b.label(i - half));
      }
    }
  }

  /** Runs the model at a time; the result lies in {@link #wide}. */
  void run(Batch b, double time) {
    fill(timestep, time);
    try {
      session.run();
    } catch (InvalidInputException e) {
      if (!b.guided() || labels == null) {
        throw e;
      }
      throw new InvalidInputException(
          e.getMessage()
              + " (guidance gives the unconditional half the null label "
              + b.nullLabel()
              + ", the number after "
              + b.origin()
              + ": a model without it cannot be guided)",
          e);
    }
    if (wide != output) {
      wide.copyFrom(output);
    }
  }

  /** A model of whole timesteps gets the nearest. */
  static void fill(Tensor to, double value) {
    if (to != null) {
      boolean fractions =
          switch (to.dtype()) {
            case FLOAT32, FLOAT64, FLOAT16, BFLOAT16 -> true;
            default -> false;
          };
      for (long i = 0; i < to.elements(); i++) {
        to.setDouble(i, fractions ? value : Math.rint(value));
      }
    }
  }
}
