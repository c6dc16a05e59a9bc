package io.github.morseengine.engine.tensor;

/** Element types, with their code in ONNX's {@code TensorProto.DataType}. */
public enum DType {
  /** IEEE binary32. */
  FLOAT32(1, 4, "float32"),
  /** Unsigned 8-bit integer. */
  UINT8(2, 1, "uint8"),
  /** Signed 8-bit integer. */
  INT8(3, 1, "int8"),
  /** Unsigned 16-bit integer. */
  UINT16(4, 2, "uint16"),
  /** Signed 16-bit integer. */
  INT16(5, 2, "int16"),
  /** Signed 32-bit integer. */
  INT32(6, 4, "int32"),
  /** Signed 64-bit integer. */
  INT64(7, 8, "int64"),
  /** One byte, 0 or 1. */
  BOOL(9, 1, "bool"),
  /** IEEE binary16. */
  FLOAT16(10, 2, "float16"),
  /** IEEE binary64. */
  FLOAT64(11, 8, "float64"),
  /** Unsigned 32-bit integer. */
  UINT32(12, 4, "uint32"),
  /** Unsigned 64-bit integer. */
  UINT64(13, 8, "uint64"),
  /** The upper half of a binary32. */
  BFLOAT16(16, 2, "bfloat16");

  private final int onnxCode;
  private final int bytes;
  private final String label;

  DType(int onnxCode, int bytes, String label) {
    this.onnxCode = onnxCode;
    this.bytes = bytes;
    this.label = label;
  }

  /** {@return the code of this type in ONNX} */
  public int onnxCode() {
    return onnxCode;
  }

  /** {@return bytes of one element} */
  public int bytes() {
    return bytes;
  }

  /** {@return the name as numpy writes it, e.g. {@code float32}} */
  public String label() {
    return label;
  }

  /** {@return whether this is one of the four floating-point types} */
  public boolean isFloat() {
    return this == FLOAT32 || this == FLOAT16 || this == FLOAT64 || this == BFLOAT16;
  }

  /**
   * Finds the type of an ONNX code.
   *
   * @param code value of {@code TensorProto.DataType}
   * @return the type, or null where the engine does not know it
   */
  public static DType ofOnnx(int code) {
    for (DType type : values()) {
      if (type.onnxCode == code) {
        return type;
      }
    }
    return null;
  }

  @Override
  public String toString() {
    return label;
  }
}
