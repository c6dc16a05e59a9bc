package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.morse.text.Encoding;
import io.github.morseengine.engine.morse.text.TextTokenizer;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.file.Path;
import java.util.List;

/**
 * A tokenizer and its text encoder, compiled for one prompt at a time. Safe for use by several
 * threads, which take turns.
 */
final class TextEncoder implements AutoCloseable {

  private static final String IDS = "input_ids";
  private static final String MASK = "attention_mask";
  private static final String HIDDEN = "hidden_states.";

  /**
   * What an encoder says of a prompt.
   *
   * @param hidden float32 [1, tokens, width]
   * @param pooled float32 [1, width]; null where the encoder gives none
   * @param dropped tokens that did not fit
   */
  record Encoded(Tensor hidden, Tensor pooled, int dropped) {}

  private final TextTokenizer tokenizer;
  private final CompiledModel model;
  private final Session session;
  private final String hidden;

  private TextEncoder(TextTokenizer tokenizer, CompiledModel model, boolean penultimate) {
    this.tokenizer = tokenizer;
    this.model = model;
    this.hidden = hiddenName(model, penultimate);
    this.session = model.newSession();
  }

  /**
   * Reads and compiles.
   *
   * @param path the graph
   * @param tokenizer its tokenizer
   * @param insteadOfFp16 what it is computed in where others are in fp16
   * @param penultimate whether the state before the last layer is wanted, as SDXL and SD 3 do of
   *     CLIP
   */
  static TextEncoder open(
      Engine engine,
      Path path,
      TextTokenizer tokenizer,
      Precision insteadOfFp16,
      boolean penultimate) {
    try (OnnxModel onnx = OnnxModel.open(path)) {
      CompileOptions.Builder options = CompileOptions.builder().insteadOfFp16(insteadOfFp16);
      for (OnnxModel.Port p : onnx.inputs()) {
        options.input(p.name(), 1, tokenizer.length());
      }
      if (onnx.inputs().stream().noneMatch(p -> p.name().equals(IDS))) {
        throw new ModelFormatException(
            "'" + path + "' has no input '" + IDS + "': it is no text encoder");
      }
      CompiledModel model = engine.compile(onnx, options.build());
      try {
        return new TextEncoder(tokenizer, model, penultimate);
      } catch (RuntimeException | Error e) {
        model.close();
        throw e;
      }
    }
  }

  /**
   * Name of the state that the model is conditioned on. Of hidden_states.0 (the embedding) to
   * hidden_states.L the one before the last is L - 1.
   */
  private static String hiddenName(CompiledModel model, boolean penultimate) {
    List<String> names = model.outputs().stream().map(Executable.Port::name).toList();
    String wanted = "last_hidden_state";
    if (penultimate) {
      long states = names.stream().filter(n -> n.startsWith(HIDDEN)).count();
      wanted = HIDDEN + (states - 2);
    }
    if (!names.contains(wanted)) {
      throw new ModelFormatException(
          model.name()
              + " gives "
              + names
              + ", but '"
              + (penultimate ? HIDDEN + "{layers - 1}" : wanted)
              + "' is needed: export it again with a current Optimum");
    }
    return wanted;
  }

  /** {@return the encoder's file, for messages} */
  String name() {
    return model.name();
  }

  /** Encodes a prompt. */
  synchronized Encoded encode(String prompt) {
    Encoding encoding = tokenizer.encode(prompt);
    Tensor ids = session.input(IDS);
    for (int i = 0; i < encoding.ids().length; i++) {
      ids.setLong(i, encoding.ids()[i]);
    }
    if (model.inputs().stream().anyMatch(p -> p.name().equals(MASK))) {
      // Diffusers' pipelines let these encoders see the padding, too.
      Tensor mask = session.input(MASK);
      for (long i = 0; i < mask.elements(); i++) {
        mask.setLong(i, 1);
      }
    }
    try {
      session.run();
    } catch (InvalidInputException e) {
      throw new InvalidInputException(
          "the tokenizer's ids go up to "
              + (tokenizer.size() - 1)
              + ", more than the embedding of "
              + model.name()
              + " holds: the tokenizer belongs to another model ("
              + e.getMessage()
              + ")",
          e);
    }
    boolean projected = model.outputs().stream().anyMatch(p -> p.name().equals("text_embeds"));
    return new Encoded(
        floats(session.output(hidden)),
        projected ? floats(session.output("text_embeds")) : null,
        encoding.dropped());
  }

  /** A copy in float32: the next prompt overwrites the session's memory. */
  private static Tensor floats(Tensor from) {
    Tensor to = Tensor.allocate(DType.FLOAT32, from.shape());
    to.copyFrom(from);
    return to;
  }

  @Override
  public void close() {
    session.close();
    model.close();
  }
}
