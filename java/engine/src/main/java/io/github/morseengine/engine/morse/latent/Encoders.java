package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.morse.text.ClipTokenizer;
import io.github.morseengine.engine.morse.text.T5Tokenizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The text encoders of a folder, read and compiled. Safe for use by several threads. */
final class Encoders implements AutoCloseable {

  /** What diffusers' pipeline gives T5 room for (max_sequence_length). */
  static final int T5_TOKENS = 256;

  private final List<TextEncoder> clip = new ArrayList<>();
  private TextEncoder t5;

  private Encoders() {}

  /** Opens all that a folder has. */
  static Encoders open(Engine engine, DiffusersFolder folder) {
    Encoders out = new Encoders();
    // The state before the last layer is what these two kinds read of CLIP.
    boolean penultimate =
        folder.kind() == DiffusersFolder.Kind.STABLE_DIFFUSION_XL
            || folder.kind() == DiffusersFolder.Kind.STABLE_DIFFUSION_3;
    try {
      for (DiffusersFolder.TextPart part : folder.texts()) {
        ClipTokenizer tokenizer = ClipTokenizer.open(part.tokenizer());
        out.clip.add(
            TextEncoder.open(engine, part.model(), tokenizer, Precision.FP16, penultimate));
      }
      if (folder.t5().isPresent()) {
        DiffusersFolder.TextPart part = folder.t5().get();
        T5Tokenizer tokenizer = T5Tokenizer.open(part.tokenizer(), T5_TOKENS);
        // Its activations are known to grow beyond what fp16 holds.
        out.t5 = TextEncoder.open(engine, part.model(), tokenizer, Precision.BF16, false);
      }
      return out;
    } catch (RuntimeException | Error e) {
      out.close();
      throw e;
    }
  }

  /** {@return those of CLIP, in the order in which their states stand beside each other} */
  List<TextEncoder> clip() {
    return Collections.unmodifiableList(clip);
  }

  /** {@return T5's; null where there is none} */
  TextEncoder t5() {
    return t5;
  }

  @Override
  public void close() {
    clip.forEach(TextEncoder::close);
    if (t5 != null) {
      t5.close();
    }
  }
}
