/** The morse command. */
module io.github.morseengine.cli {
  requires com.fasterxml.jackson.core;
  requires info.picocli;
  requires io.github.morseengine.engine;
  requires io.github.morseengine.onnx;
  requires org.knowm.xchart;

  opens io.github.morseengine.cli to
      info.picocli;
}
