package io.github.morseengine.engine;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How a model is compiled.
 *
 * @param inputShapes static dimensions by input name; inputs whose declared shape is fixed may be
 *     left out
 */
public record CompileOptions(Map<String, long[]> inputShapes) {

  /** Copies the map. */
  public CompileOptions {
    inputShapes = new LinkedHashMap<>(inputShapes);
  }

  /** {@return a builder without any shape} */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects options. */
  public static final class Builder {
    private final Map<String, long[]> shapes = new LinkedHashMap<>();

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

    /** {@return the options} */
    public CompileOptions build() {
      return new CompileOptions(shapes);
    }
  }
}
