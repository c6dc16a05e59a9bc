package io.github.morseengine.engine.backend;

import java.util.Locale;

/** Arithmetic of convolutions and matrix products; norms, softmax and samplers stay in float32. */
public enum Precision {
  /** The fastest that the device runs well without visible loss. */
  AUTO,
  /** IEEE binary32. */
  FP32,
  /** IEEE binary32 storage, products of ten bits of mantissa on a GPU's tensor cores. */
  TF32,
  /** bfloat16 storage and products, float32 accumulation. */
  BF16,
  /** IEEE binary16 storage and products, float32 accumulation. */
  FP16;

  /** {@return the name on the command line} */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
