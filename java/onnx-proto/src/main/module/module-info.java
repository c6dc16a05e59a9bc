/** The messages of an ONNX file, generated from our own description of the public format. */
module io.github.morseengine.onnx {
  requires transitive com.google.protobuf;

  exports io.github.morseengine.onnx;
}
