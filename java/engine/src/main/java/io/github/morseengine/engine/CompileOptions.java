package io.github.morseengine.engine;

import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.InvalidInputException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * How a model is compiled.
 *
 * @param inputShapes static dimensions by input name; inputs whose declared shape is fixed may be
 *     left out
 * @param constants inputs that stay the same from run to run, see {@link Builder#constant}
 * @param insteadOfFp16 what a backend of fp16 takes for this model, see {@link
 *     Builder#insteadOfFp16}
 */
public record CompileOptions(
    Map<String, long[]> inputShapes, Set<String> constants, Precision insteadOfFp16) {

  /** Copies the collections. */
  public CompileOptions {
    inputShapes = new LinkedHashMap<>(inputShapes);
    constants = new LinkedHashSet<>(constants);
  }

  /** {@return a builder without any shape} */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects options. */
  public static final class Builder {
    private final Map<String, long[]> shapes = new LinkedHashMap<>();
    private final Set<String> constants = new LinkedHashSet<>();
    private Precision insteadOfFp16 = Precision.FP16;

    private Builder() {}

    /**
     * Binds the dimensions of an input.
     *
     * @param name input name
     * @param shape dimensions, outermost first; none for a scalar
     * @return this
     */
    public Builder input(String name, long... shape) {
      shapes.put(name, shape.clone());
      return this;
    }

    /**
     * Declares that an input stays the same over many runs, as a text does over the steps of a
     * generation. What depends on such inputs alone is computed by the first run after one of those
     * has changed that it depends on, and kept; a GPU may compute it after a change of any of them.
     * The input is changed by {@link Session#setInput}, or by asking {@link Session#input} for its
     * memory each time before that is written.
     *
     * @param name input name
     * @return this
     */
    public Builder constant(String name) {
      constants.add(name);
      return this;
    }

    /**
     * Says what to compute in where the engine computes in fp16, whose range ends at 65,504: for
     * models whose activations are known to grow beyond. Where the engine computes in anything else
     * it has no effect.
     *
     * @param precision BF16, TF32 or FP32; FP16, the default, changes nothing
     * @return this
     */
    public Builder insteadOfFp16(Precision precision) {
      if (precision == Precision.AUTO) {
        throw new InvalidInputException("what fp16 is replaced by must be a precision, not auto");
      }
      insteadOfFp16 = precision;
      return this;
    }

    /** {@return the options} */
    public CompileOptions build() {
      return new CompileOptions(shapes, constants, insteadOfFp16);
    }
  }
}
