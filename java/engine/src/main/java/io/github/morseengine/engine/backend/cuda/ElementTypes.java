package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.tensor.DType;

/** Element types as the kernels number and name them. */
final class ElementTypes {

  private static final String[] LABELS = {
    "float", "half", "bfloat", "int32", "int64", "uint8", "bool", "double", "int8"
  };

  private ElementTypes() {}

  /** The code of a type in kernels' macros; -1 where they do not have it. */
  static int code(DType type) {
    return switch (type) {
      case FLOAT32 -> 0;
      case FLOAT16 -> 1;
      case BFLOAT16 -> 2;
      case INT32 -> 3;
      case INT64 -> 4;
      case UINT8 -> 5;
      case BOOL -> 6;
      case FLOAT64 -> 7;
      case INT8 -> 8;
      case INT16, UINT16, UINT32, UINT64 -> -1;
    };
  }

  /** The name of a code in names of kernels. */
  static String label(int code) {
    return LABELS[code];
  }

  /** A code whose elements are as wide, for copies that keep every bit. */
  static int bits(DType type) {
    return switch (type.bytes()) {
      case 1 -> 5;
      case 2 -> 1;
      case 4 -> 3;
      default -> 4;
    };
  }

  /** Whether kernels compute with a type: float32 and the two half precisions. */
  static boolean computes(DType type) {
    return type == DType.FLOAT32 || isHalf(type);
  }

  static boolean isHalf(DType type) {
    return type == DType.FLOAT16 || type == DType.BFLOAT16;
  }
}
