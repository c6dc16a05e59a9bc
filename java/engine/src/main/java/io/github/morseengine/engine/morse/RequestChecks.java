package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.List;

/** The ranges of a {@link GenerateRequest}; what is out of them is named. */
final class RequestChecks {

  private static final int MOST = 1_000_000;

  private RequestChecks() {}

  static void counts(int count, int batch, List<Long> sampleShape) {
    if (sampleShape != null
        && (sampleShape.size() != 3 || sampleShape.stream().anyMatch(d -> d < 1 || d > MOST))) {
      throw new InvalidInputException(
          "a sample has channels, height and width of 1 to " + MOST + ", got " + sampleShape);
    }
    range("count", count, 1);
    range("batch", batch, 0);
  }

  private static void range(String what, int value, int least) {
    if (value < least || value > MOST) {
      throw new InvalidInputException(
          what + " must be " + least + " to " + MOST + ", got " + value);
    }
  }

  static void scales(double eta, double guidance, double rescale, double classifier) {
    share("eta", eta);
    scale("guidance", guidance);
    share("guidance rescale", rescale);
    scale("classifier guidance", classifier);
  }

  private static void share(String what, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw new InvalidInputException(what + " must be 0 to 1, got " + value);
    }
  }

  private static void scale(String what, double value) {
    if (!(Math.abs(value) <= 1000)) {
      throw new InvalidInputException(what + " must be a number up to 1000, got " + value);
    }
  }

  /**
   * Checks given values, which may be none.
   *
   * @param rank 4 for one sample per picture, 5 for one per step and picture
   */
  static void floats(String what, Tensor t, int rank) {
    if (t == null) {
      return;
    }
    if (t.dtype() != DType.FLOAT32 || t.rank() != rank) {
      String wanted = rank == 4 ? "[N, C, H, W]" : "[steps, N, C, H, W]";
      throw new InvalidInputException(what + " must be float32 " + wanted + ", got " + t);
    }
    for (long i = 0; i < t.elements(); i++) {
      if (!Double.isFinite(t.getDouble(i))) {
        throw new InvalidInputException(
            what + " holds " + t.getDouble(i) + " at element " + i + ": give finite numbers");
      }
    }
  }
}
