package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The attributes of a node: {@code Long}, {@code Float}, {@code String}, {@code long[]}, {@code
 * float[]}, {@code String[]}, {@link Tensor}, {@link Branch}. Immutable.
 */
public final class Attributes {

  /** No attributes. */
  public static final Attributes NONE = new Attributes(Map.of());

  private final Map<String, Object> values;

  /**
   * Copies a map.
   *
   * @param values attribute values by name, of the types named above
   */
  public Attributes(Map<String, Object> values) {
    this.values = new LinkedHashMap<>(values);
  }

  /**
   * Builds attributes from alternating names and values.
   *
   * @param pairs name, value, name, value; Integer counts as Long, Double as Float
   * @return the attributes
   */
  public static Attributes of(Object... pairs) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      Object v = pairs[i + 1];
      if (v instanceof Integer n) {
        v = n.longValue();
      } else if (v instanceof Double d) {
        v = d.floatValue();
      }
      map.put((String) pairs[i], v);
    }
    return new Attributes(map);
  }

  /** {@return the names present} */
  public Set<String> names() {
    return Set.copyOf(values.keySet());
  }

  /**
   * Whether an attribute is present.
   *
   * @param name its name
   * @return true if so
   */
  public boolean has(String name) {
    return values.containsKey(name);
  }

  /**
   * An integer.
   *
   * @param name attribute name
   * @param fallback value where it is absent
   * @return the value
   */
  public long getInt(String name, long fallback) {
    Object v = values.get(name);
    return v == null ? fallback : expect(name, v, Long.class);
  }

  /**
   * A float.
   *
   * @param name attribute name
   * @param fallback value where it is absent
   * @return the value
   */
  public float getFloat(String name, float fallback) {
    Object v = values.get(name);
    return v == null ? fallback : expect(name, v, Float.class);
  }

  /**
   * A string.
   *
   * @param name attribute name
   * @param fallback value where it is absent
   * @return the value
   */
  public String getString(String name, String fallback) {
    Object v = values.get(name);
    return v == null ? fallback : expect(name, v, String.class);
  }

  /**
   * A list of integers.
   *
   * @param name attribute name
   * @return the value (a copy), or null where it is absent
   */
  public long[] getInts(String name) {
    Object v = values.get(name);
    return v == null ? null : expect(name, v, long[].class).clone();
  }

  /**
   * A list of floats.
   *
   * @param name attribute name
   * @return the value (a copy), or null where it is absent
   */
  public float[] getFloats(String name) {
    Object v = values.get(name);
    return v == null ? null : expect(name, v, float[].class).clone();
  }

  /**
   * A tensor.
   *
   * @param name attribute name
   * @return the value, or null where it is absent
   */
  public Tensor getTensor(String name) {
    Object v = values.get(name);
    return v == null ? null : expect(name, v, Tensor.class);
  }

  /**
   * A graph within the node.
   *
   * @param name attribute name
   * @return the value, or null where it is absent
   */
  public Branch getBranch(String name) {
    Object v = values.get(name);
    return v == null ? null : expect(name, v, Branch.class);
  }

  /**
   * The value as stored.
   *
   * @param name attribute name
   * @return the value, or null where it is absent
   */
  public Object get(String name) {
    return values.get(name);
  }

  /**
   * A copy with one attribute set.
   *
   * @param name attribute name
   * @param value its value, of a type named above
   * @return the copy
   */
  public Attributes with(String name, Object value) {
    Attributes copy = new Attributes(values);
    copy.values.put(name, of(name, value).get(name));
    return copy;
  }

  private static <T> T expect(String name, Object value, Class<T> type) {
    if (!type.isInstance(value)) {
      throw new ModelFormatException(
          "attribute '"
              + name
              + "' is a "
              + value.getClass().getSimpleName()
              + ", expected "
              + type.getSimpleName());
    }
    return type.cast(value);
  }
}
