package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * A model's input for the sample: [rows, C, H, W], or [rows, C + K, H, W] where further channels
 * stand behind the sample's in every row (mask and masked picture of an inpainting U-Net). For one
 * thread at a time.
 */
final class SampleInput {

  private final Tensor port;
  private final Tensor sample;

  /**
   * Wraps an input.
   *
   * @param port the input
   * @param apart float32 [rows, C, H, W], where the sample lives if the input cannot hold it: it is
   *     of another type, or has further channels. Several inputs may share it.
   */
  SampleInput(Tensor port, Tensor apart) {
    this.port = port;
    boolean fits = port.dtype() == DType.FLOAT32 && port.dim(1) == apart.dim(1);
    sample = fits ? port : apart;
  }

  /** {@return the input} */
  Tensor port() {
    return port;
  }

  /** {@return the memory that the update writes, for the pictures alone} */
  MemorySegment room(boolean guided) {
    long bytes = sample.byteSize();
    return sample.data().asSlice(0, guided ? bytes / 2 : bytes);
  }

  /** Shows the sample, which lies in {@link #room}, to all rows of the model. */
  void publish(boolean guided) {
    if (guided) {
      long half = sample.byteSize() / 2;
      MemorySegment.copy(sample.data(), 0, sample.data(), half, half);
    }
    if (sample != port) {
      copyChannels(sample, port, 0);
    }
  }

  /**
   * Puts the further channels into every row; both halves of guidance see the same.
   *
   * @param beside float32 [1 or N, K, H, W]
   * @param b the batch
   */
  void fillBeside(Tensor beside, Batch b) {
    if (port.dim(1) == sample.dim(1)) {
      return;
    }
    for (long row = 0; row < port.dim(0); row++) {
      long picture = b.first() + row % b.size();
      copyRow(beside, picture % beside.dim(0), port, row, sample.dim(1), beside.dim(1));
    }
  }

  /** Copies as many channels of each row as both have, from channel 0 of {@code from} on. */
  static void copyChannels(Tensor from, Tensor to, long at) {
    if (from.dim(1) == to.dim(1)) {
      to.copyFrom(from);
      return;
    }
    long channels = Math.min(from.dim(1), to.dim(1) - at);
    for (long row = 0; row < to.dim(0); row++) {
      copyRow(from, row, to, row, at, channels);
    }
  }

  private static void copyRow(
      Tensor from, long fromRow, Tensor to, long toRow, long at, long channels) {
    long plane = to.dim(2) * to.dim(3);
    long begin = fromRow * from.dim(1) * plane;
    long into = (toRow * to.dim(1) + at) * plane;
    long count = channels * plane;
    if (from.dtype() == to.dtype()) {
      long bytes = from.dtype().bytes();
      MemorySegment.copy(from.data(), begin * bytes, to.data(), into * bytes, count * bytes);
      return;
    }
    for (long i = 0; i < count; i++) {
      to.setDouble(into + i, from.getDouble(begin + i));
    }
  }
}
