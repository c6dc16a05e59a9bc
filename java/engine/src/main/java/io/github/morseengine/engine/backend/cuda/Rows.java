package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;

/**
 * A tensor seen as rows of elements that lie next to each other: tokens, or the pixels of an image
 * whose channels are innermost. Rows may be parts of longer ones.
 *
 * @param view the tensor under its own shape
 * @param rows number of rows
 * @param width elements of a row
 * @param ld distance between rows in elements, at least the width
 */
record Rows(View view, long rows, long width, long ld) {

  private static final int VECTOR_BYTES = 16;

  /** Rows along the last dimension; null where the strides do not allow it. */
  static Rows of(View view) {
    return of(view, view);
  }

  /** Pixels of an image [N, C, spatial..]; null where the strides do not allow it. */
  static Rows pixels(View image) {
    return of(image, channelsInnermost(image));
  }

  private static View channelsInnermost(View image) {
    int[] perm = new int[image.rank()];
    for (int d = 1; d < perm.length - 1; d++) {
      perm[d] = d + 1;
    }
    perm[perm.length - 1] = 1;
    return image.transpose(perm);
  }

  private static Rows of(View view, View ordered) {
    long width = ordered.rank() == 0 ? 1 : ordered.shape()[ordered.rank() - 1];
    long rows = width == 0 ? 0 : ordered.elements() / width;
    View flat = ordered.reshape(new long[] {rows, width});
    if (flat == null || width > 1 && flat.strides()[1] != 1) {
      return null;
    }
    if (rows > 1 && flat.strides()[0] < width) {
      return null;
    }
    return new Rows(view, rows, width, rows > 1 ? flat.strides()[0] : width);
  }

  /** Rows of a view in an element type, copied where they must be. */
  static Rows of(CudaProgram p, View view, DType type) {
    Rows r = of(typedLike(view, type));
    if (r != null && view.dtype() == type) {
      return r;
    }
    if (r != null) {
      return of(p.typed(view, type, r.view.strides()));
    }
    return of(p.typed(view, type, Shapes.strides(view.shape())));
  }

  /** Pixels of an image in an element type, copied where they must be. */
  static Rows pixels(CudaProgram p, View image, DType type) {
    Rows r = image.dtype() == type ? pixels(image) : null;
    return r != null ? r : pixels(p.typed(image, type, View.channelsLast(image.shape())));
  }

  /** The view itself, or how a packed copy in another type would lie. */
  private static View typedLike(View v, DType type) {
    return v.dtype() == type
        ? v
        : new View(v.slot(), 0, type, v.shape(), v.isPacked() ? v.strides() : v.packedLike());
  }

  /** Whether rows start at multiples of 16 bytes, as vector loads need. */
  boolean isAligned() {
    long vector = VECTOR_BYTES / view.dtype().bytes();
    return view.offset() % vector == 0 && (rows <= 1 || ld % vector == 0);
  }

  /** Bytes that all rows start at a multiple of: a power of two up to 16. */
  long alignment() {
    long bytes = view.dtype().bytes();
    long all = VECTOR_BYTES | view.offset() * bytes | (rows > 1 ? ld * bytes : 0);
    return Long.lowestOneBit(all);
  }

  /** Whether rows start at multiples of two elements, as epilogues of products need. */
  boolean isEven() {
    return view.offset() % 2 == 0 && (rows <= 1 || ld % 2 == 0);
  }

  /** Elements per vector load where several of these may be read by vectors, else 1. */
  static int vector(long width, Rows... all) {
    int vector = VECTOR_BYTES / all[0].view.dtype().bytes();
    boolean fits = width % vector == 0;
    for (Rows r : all) {
      fits &= r.isAligned();
    }
    return fits ? vector : 1;
  }

  /** The suffix of names of kernels that load so many elements at once. */
  static String suffix(int vector) {
    return vector == 1 ? "" : "_vec" + vector;
  }
}
