package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.morse.Condition;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * From texts to the conditions of a U-Net: one encoder's states, or for SDXL those of two side by
 * side with the pooled embedding and the picture's size. Safe for use by several threads.
 */
final class Prompts implements AutoCloseable {

  private final boolean xl;
  private final boolean zeroNegative;
  private final List<TextEncoder> encoders = new ArrayList<>();

  Prompts(Engine engine, DiffusersFolder folder) {
    xl = folder.kind() == DiffusersFolder.Kind.STABLE_DIFFUSION_XL;
    zeroNegative = folder.zeroNegative();
    try {
      for (DiffusersFolder.TextPart part : folder.texts()) {
        encoders.add(TextEncoder.open(engine, part, xl));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** Embeddings of some texts: [P, tokens, width], and [P, width] or null. */
  private record Embedded(Tensor states, Tensor pooled) {}

  /**
   * The conditions of a request.
   *
   * @param prompts texts of the pictures
   * @param negative text of the unconditional half; null for none
   * @param guided whether there is an unconditional half
   * @param height of the pictures in pixels
   * @param width of the pictures in pixels
   * @param notes receives what the user should know
   */
  List<Condition> conditions(
      List<String> prompts,
      String negative,
      boolean guided,
      int height,
      int width,
      List<String> notes) {
    Embedded wanted = embed(prompts, notes);
    Embedded unwanted = null;
    if (guided) {
      unwanted = embed(List.of(negative == null ? "" : negative), notes);
      if (xl && negative == null && zeroNegative) {
        unwanted.states().data().fill((byte) 0);
        unwanted.pooled().data().fill((byte) 0);
      }
    }
    List<Condition> out = new ArrayList<>();
    out.add(
        new Condition("encoder_hidden_states", wanted.states(), guided ? unwanted.states() : null));
    if (xl) {
      out.add(new Condition("text_embeds", wanted.pooled(), guided ? unwanted.pooled() : null));
      float[] ids = {height, width, 0, 0, height, width};
      out.add(new Condition("time_ids", Tensor.ofFloats(ids, 1, ids.length), null));
    }
    return out;
  }

  private Embedded embed(List<String> texts, List<String> notes) {
    List<Tensor> rows = new ArrayList<>();
    List<Tensor> pooled = new ArrayList<>();
    for (String text : texts) {
      List<Tensor> states = new ArrayList<>();
      int dropped = 0;
      for (TextEncoder encoder : encoders) {
        TextEncoder.Encoded encoded = encoder.encode(text);
        states.add(encoded.hidden());
        dropped = Math.max(dropped, encoded.dropped());
        if (xl && encoder == encoders.getLast()) {
          pooled.add(encoded.pooled());
        }
      }
      if (dropped > 0) {
        notes.add(
            "the prompt is too long by "
                + dropped
                + " tokens, which were left out: \""
                + shortened(text)
                + "\"");
      }
      rows.add(beside(states));
    }
    return new Embedded(stack(rows), pooled.isEmpty() ? null : stack(pooled));
  }

  private static String shortened(String text) {
    int most = 60;
    String line = text.replaceAll("\\s+", " ");
    return line.length() <= most ? line : line.substring(0, most) + "...";
  }

  /** [1, L, a] and [1, L, b] as [1, L, a + b]. */
  private static Tensor beside(List<Tensor> parts) {
    if (parts.size() == 1) {
      return parts.getFirst();
    }
    long tokens = parts.getFirst().dim(1);
    long width = parts.stream().mapToLong(p -> p.dim(2)).sum();
    Tensor out = Tensor.allocate(DType.FLOAT32, 1, tokens, width);
    for (long t = 0; t < tokens; t++) {
      long at = t * width;
      for (Tensor p : parts) {
        long w = p.dim(2);
        MemorySegment.copy(p.data(), t * w * 4, out.data(), at * 4, w * 4);
        at += w;
      }
    }
    return out;
  }

  /** Rows of [1, ...] as [P, ...]. */
  private static Tensor stack(List<Tensor> rows) {
    long[] shape = rows.getFirst().shape().clone();
    shape[0] = rows.size();
    Tensor out = Tensor.allocate(DType.FLOAT32, shape);
    long bytes = rows.getFirst().byteSize();
    for (int i = 0; i < rows.size(); i++) {
      MemorySegment.copy(rows.get(i).data(), 0, out.data(), i * bytes, bytes);
    }
    return out;
  }

  @Override
  public void close() {
    encoders.forEach(TextEncoder::close);
  }
}
