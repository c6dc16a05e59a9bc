package io.github.morseengine.engine.backend.plan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Loops over several strided views of one shape, with as few dimensions as they allow. */
public final class Dims {

  private Dims() {}

  /**
   * Dimensions in the order of the first view, merged where all views allow it.
   *
   * @param first decides the order, usually the target
   * @param others views of the same shape; 0 strides where they repeat
   * @return {size, stride of the first, strides of the others..}, outermost first; one dimension of
   *     size 1 for a scalar
   */
  public static List<long[]> merged(View first, View... others) {
    List<long[]> dims = new ArrayList<>();
    for (int d : first.order()) {
      if (first.shape()[d] == 1) {
        continue;
      }
      long[] dim = new long[2 + others.length];
      dim[0] = first.shape()[d];
      dim[1] = first.strides()[d];
      for (int k = 0; k < others.length; k++) {
        dim[2 + k] = others[k].strides()[d];
      }
      long[] outer = dims.isEmpty() ? null : dims.getLast();
      boolean merges = outer != null;
      for (int k = 1; merges && k < dim.length; k++) {
        merges = outer[k] == dim[0] * dim[k];
      }
      if (merges) {
        dim[0] *= outer[0];
        dims.set(dims.size() - 1, dim);
      } else {
        dims.add(dim);
      }
    }
    if (dims.isEmpty()) {
      long[] one = new long[2 + others.length];
      Arrays.fill(one, 1);
      dims.add(one);
    }
    return dims;
  }
}
