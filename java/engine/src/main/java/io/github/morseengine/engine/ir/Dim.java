package io.github.morseengine.engine.ir;

/**
 * One declared dimension of a graph input or output.
 *
 * @param size the size, or -1 where it is not fixed
 * @param symbol name or expression of a dimension that is not fixed; null where the file gives none
 */
public record Dim(long size, String symbol) {

  /**
   * A fixed dimension.
   *
   * @param size the size, 0 or more
   * @return the dimension
   */
  public static Dim of(long size) {
    return new Dim(size, null);
  }

  /**
   * A dimension that inputs bind.
   *
   * @param symbol its name, an expression, or null
   * @return the dimension
   */
  public static Dim symbolic(String symbol) {
    return new Dim(-1, symbol);
  }

  /** {@return whether the size is known from the file} */
  public boolean isFixed() {
    return size >= 0;
  }

  @Override
  public String toString() {
    return isFixed() ? Long.toString(size) : symbol == null || symbol.isEmpty() ? "?" : symbol;
  }
}
