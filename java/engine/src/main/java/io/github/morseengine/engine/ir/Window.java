package io.github.morseengine.engine.ir;

import io.github.morseengine.engine.error.InvalidInputException;
import java.util.Arrays;

/**
 * The sliding window of a convolution or pooling, with all attributes resolved.
 *
 * @param kernel window size per spatial dimension
 * @param strides steps
 * @param dilations distances within the window
 * @param padsBegin padding before each dimension
 * @param padsEnd padding after each dimension; may be negative for transposed convolutions
 * @param output spatial sizes of the result
 */
public record Window(
    long[] kernel,
    long[] strides,
    long[] dilations,
    long[] padsBegin,
    long[] padsEnd,
    long[] output) {

  /**
   * Resolves the window of Conv, AveragePool and MaxPool, also of {@link FusedOps#CONV}.
   *
   * @param node the node
   * @param spatial spatial sizes of the input (after upsampling)
   * @param weightKernel spatial sizes of the weights; null for pooling
   * @return the window
   */
  public static Window of(Node node, long[] spatial, long[] weightKernel) {
    Attributes a = node.attributes();
    int rank = spatial.length;
    long[] kernel = weightKernel == null ? a.getInts("kernel_shape") : weightKernel;
    long[] strides = list(a, "strides", rank);
    long[] dilations = list(a, "dilations", rank);
    check(kernel, rank, "kernel_shape");
    check(strides, rank, "strides");
    check(dilations, rank, "dilations");
    long[] given = a.getInts("pads");
    if (given != null && given.length != 2 * rank) {
      throw new InvalidInputException("pads " + Arrays.toString(given) + " for rank " + rank);
    }
    String auto = a.getString("auto_pad", "NOTSET");
    boolean ceil = a.getInt("ceil_mode", 0) == 1;
    long[] begin = new long[rank];
    long[] end = new long[rank];
    long[] out = new long[rank];
    for (int i = 0; i < rank; i++) {
      long extent = (kernel[i] - 1) * dilations[i] + 1;
      if (auto.startsWith("SAME")) {
        out[i] = Math.ceilDiv(spatial[i], strides[i]);
        long total = Math.max(0, (out[i] - 1) * strides[i] + extent - spatial[i]);
        begin[i] = auto.equals("SAME_UPPER") ? total / 2 : total - total / 2;
        end[i] = total - begin[i];
        continue;
      }
      begin[i] = given == null || auto.equals("VALID") ? 0 : given[i];
      end[i] = given == null || auto.equals("VALID") ? 0 : given[rank + i];
      long room = spatial[i] + begin[i] + end[i] - extent;
      if (room < 0) {
        throw new InvalidInputException(
            "a window of " + extent + " does not fit an input of " + Arrays.toString(spatial));
      }
      out[i] = (ceil ? Math.ceilDiv(room, strides[i]) : room / strides[i]) + 1;
      if (ceil && (out[i] - 1) * strides[i] >= spatial[i] + begin[i]) {
        out[i]--;
      }
    }
    return new Window(kernel, strides, dilations, begin, end, out);
  }

  /**
   * Resolves the window of AveragePool, MaxPool and their global forms.
   *
   * @param node the node
   * @param spatial spatial sizes of the input
   * @return the window
   */
  public static Window pooling(Node node, long[] spatial) {
    if (!node.opType().startsWith("Global")) {
      return of(node, spatial, null);
    }
    long[] ones = new long[spatial.length];
    Arrays.fill(ones, 1);
    long[] none = new long[spatial.length];
    return new Window(spatial, ones, ones, none, none, ones);
  }

  /**
   * Resolves the window of ConvTranspose.
   *
   * @param node the node
   * @param spatial spatial sizes of the input
   * @param kernel spatial sizes of the weights
   * @return the window; {@code output} are the sizes of the larger side
   */
  public static Window transposed(Node node, long[] spatial, long[] kernel) {
    Attributes a = node.attributes();
    int rank = spatial.length;
    long[] strides = list(a, "strides", rank);
    long[] dilations = list(a, "dilations", rank);
    check(kernel, rank, "kernel_shape");
    check(strides, rank, "strides");
    check(dilations, rank, "dilations");
    long[] extra = a.getInts("output_padding");
    long[] wanted = a.getInts("output_shape");
    long[] given = a.getInts("pads");
    String auto = a.getString("auto_pad", "NOTSET");
    long[] begin = new long[rank];
    long[] end = new long[rank];
    long[] out = new long[rank];
    for (int i = 0; i < rank; i++) {
      long op = extra == null ? 0 : extra[i];
      long full = strides[i] * (spatial[i] - 1) + op + (kernel[i] - 1) * dilations[i] + 1;
      if (wanted != null || auto.startsWith("SAME")) {
        out[i] = wanted != null ? wanted[wanted.length - rank + i] : spatial[i] * strides[i];
        // What the wanted size has too much is left empty at the end.
        long total = Math.max(0, full - out[i]);
        begin[i] = auto.equals("SAME_UPPER") ? total / 2 : total - total / 2;
        end[i] = full - out[i] - begin[i];
      } else {
        begin[i] = given == null || auto.equals("VALID") ? 0 : given[i];
        end[i] = given == null || auto.equals("VALID") ? 0 : given[rank + i];
        out[i] = full - begin[i] - end[i];
      }
      if (out[i] < 0) {
        throw new InvalidInputException("a transposed convolution of negative size " + out[i]);
      }
    }
    return new Window(kernel, strides, dilations, begin, end, out);
  }

  private static long[] list(Attributes a, String name, int rank) {
    long[] given = a.getInts(name);
    if (given != null) {
      return given;
    }
    long[] ones = new long[rank];
    Arrays.fill(ones, 1);
    return ones;
  }

  private static void check(long[] values, int rank, String name) {
    if (values == null || values.length != rank) {
      throw new InvalidInputException(
          name + " " + Arrays.toString(values) + " does not fit " + rank + " spatial dimensions");
    }
    for (long v : values) {
      if (v <= 0) {
        throw new InvalidInputException(name + " " + Arrays.toString(values) + " must be positive");
      }
    }
  }
}
