/**
 * Morse's engine: reads ONNX models, compiles them and runs them. Native access is needed by this
 * module and by io.github.morseengine.bindings.
 */
module io.github.morseengine.engine {
  requires transitive java.desktop;
  requires io.github.morseengine.bindings;
  requires io.github.morseengine.kernels;
  requires io.github.morseengine.onnx;
  requires org.bytedeco.javacpp;

  exports io.github.morseengine.engine;
  exports io.github.morseengine.engine.backend;
  exports io.github.morseengine.engine.error;
  exports io.github.morseengine.engine.graph.onnx;
  exports io.github.morseengine.engine.ir;
  exports io.github.morseengine.engine.morse;
  exports io.github.morseengine.engine.morse.evaluate;
  exports io.github.morseengine.engine.morse.json;
  exports io.github.morseengine.engine.morse.latent;
  exports io.github.morseengine.engine.morse.text;
  exports io.github.morseengine.engine.tensor;
}
