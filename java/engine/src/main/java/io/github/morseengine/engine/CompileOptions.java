package io.github.morseengine.engine;

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
 */
public record CompileOptions(Map<String, long[]> inputShapes, Set<String> constants) {

  /** Copies both. */
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

    /** {@return the options} */
    public CompileOptions build() {
      return new CompileOptions(shapes, constants);
    }
  }
}
