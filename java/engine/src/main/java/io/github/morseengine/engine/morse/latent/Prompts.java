package io.github.morseengine.engine.morse.latent;

import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.morse.Condition;
import io.github.morseengine.engine.morse.json.Json;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * From texts to the conditions of Dash: one encoder's states, or for SDXL those of two side by side
 * with the pooled embedding and the picture's size, or for Stable Diffusion 3 those of two side by
 * side, widened by zeros, with T5's behind them and both pooled embeddings. Where there is no T5
 * its states are the zeros that diffusers takes then. Safe for use by several threads.
 */
final class Prompts implements AutoCloseable {

  private static final String STATES = "encoder_hidden_states";

  /** What diffusers' pipelines tell SDXL's refiner about the wanted picture and the other. */
  private static final float SCORE = 6;

  private static final float SCORE_UNWANTED = 2.5f;

  private final boolean xl;
  private final boolean third;
  private final long width;
  private final Engine engine;
  private final DiffusersFolder folder;
  private final Encoders kept;

  /**
   * Looks at a folder.
   *
   * @param inputs of Dash
   * @param keep whether the encoders are opened here and stay open; else each call opens them, and
   *     closes them before it returns
   */
  Prompts(Engine engine, DiffusersFolder folder, List<OnnxModel.Port> inputs, boolean keep) {
    this.engine = engine;
    this.folder = folder;
    xl = folder.kind() == DiffusersFolder.Kind.STABLE_DIFFUSION_XL;
    third = folder.kind() == DiffusersFolder.Kind.STABLE_DIFFUSION_3;
    width = third ? width(folder, inputs) : 0;
    kept = keep ? Encoders.open(engine, folder) : null;
  }

  /** Width of the states that Dash reads; its file decides, then its configuration. */
  private static long width(DiffusersFolder folder, List<OnnxModel.Port> inputs) {
    for (OnnxModel.Port p : inputs) {
      boolean states = p.name().equals(STATES) && p.dims() != null && p.dims().size() == 3;
      if (states && p.dims().get(2).isFixed()) {
        return p.dims().get(2).size();
      }
    }
    Path config = folder.models().dash().resolveSibling("config.json");
    if (Json.file(config).get("joint_attention_dim") instanceof Double d) {
      return d.longValue();
    }
    throw new ModelFormatException(
        "'%s': the width of '%s' stands neither in transformer/model.onnx nor as joint_attention_dim in transformer/config.json"
            .formatted(folder.path(), STATES));
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
    Embedded wanted;
    Embedded unwanted = null;
    Encoders encoders = kept != null ? kept : Encoders.open(engine, folder);
    try {
      wanted = embed(encoders, prompts, notes);
      if (guided) {
        unwanted = embed(encoders, List.of(negative == null ? "" : negative), notes);
      }
    } finally {
      if (kept == null) {
        encoders.close();
      }
    }
    if (guided && xl && negative == null && folder.zeroNegative()) {
      unwanted.states().data().fill((byte) 0);
      unwanted.pooled().data().fill((byte) 0);
    }
    List<Condition> out = new ArrayList<>();
    out.add(new Condition(STATES, wanted.states(), guided ? unwanted.states() : null));
    if (xl || third) {
      String name = xl ? "text_embeds" : "pooled_projections";
      out.add(new Condition(name, wanted.pooled(), guided ? unwanted.pooled() : null));
    }
    if (xl) {
      out.add(
          new Condition(
              "time_ids",
              ids(height, width, SCORE),
              guided && folder.aesthetic() ? ids(height, width, SCORE_UNWANTED) : null));
    }
    return out;
  }

  /** Original size, place of the cut, and wanted size or score: [1, 6] or [1, 5]. */
  private Tensor ids(int height, int width, float score) {
    return folder.aesthetic()
        ? Tensor.ofFloats(new float[] {height, width, 0, 0, score}, 1, 5)
        : Tensor.ofFloats(new float[] {height, width, 0, 0, height, width}, 1, 6);
  }

  private Embedded embed(Encoders encoders, List<String> texts, List<String> notes) {
    List<Tensor> rows = new ArrayList<>();
    List<Tensor> pooled = new ArrayList<>();
    for (String text : texts) {
      List<Tensor> states = new ArrayList<>();
      List<Tensor> means = new ArrayList<>();
      int dropped = 0;
      for (TextEncoder encoder : encoders.clip()) {
        TextEncoder.Encoded encoded = encoder.encode(text);
        states.add(encoded.hidden());
        dropped = Math.max(dropped, encoded.dropped());
        if (third || xl && encoder == encoders.clip().getLast()) {
          means.add(pooled(encoder, encoded));
        }
      }
      Tensor clip = beside(states);
      TextEncoder t5 = encoders.t5();
      TextEncoder.Encoded last = t5 == null ? null : t5.encode(text);
      rows.add(third ? joined(clip, t5, last) : clip);
      tooLong(text, dropped, last, notes);
      if (!means.isEmpty()) {
        pooled.add(beside(means));
      }
    }
    return new Embedded(stack(rows), pooled.isEmpty() ? null : stack(pooled));
  }

  /** Says what no encoder read, or that T5 alone did. */
  private static void tooLong(
      String text, int dropped, TextEncoder.Encoded last, List<String> notes) {
    boolean read = last != null && last.dropped() == 0;
    if (dropped > 0) {
      notes.add(
          "the prompt is too long by %d tokens%s, which %s: \"%s\""
              .formatted(
                  last != null && !read ? Math.min(dropped, last.dropped()) : dropped,
                  read ? " for CLIP" : "",
                  read ? "T5 alone reads" : "were left out",
                  shortened(text)));
    }
  }

  private static Tensor pooled(TextEncoder encoder, TextEncoder.Encoded encoded) {
    if (encoded.pooled() == null) {
      throw new ModelFormatException(
          encoder.name()
              + " gives no 'text_embeds': export it as a CLIPTextModelWithProjection, or with"
              + " python -m morse_models export --from");
    }
    return encoded.pooled();
  }

  private static String shortened(String text) {
    int most = 60;
    String line = text.replaceAll("\\s+", " ");
    return line.length() <= most ? line : line.substring(0, most) + "...";
  }

  /**
   * CLIP's states and T5's one behind the other.
   *
   * @param clip [1, L, a], widened by zeros
   * @param t5 who spoke last; null for zeros
   * @param last its states, [1, T, width]
   * @return [1, L + T, width]
   */
  private Tensor joined(Tensor clip, TextEncoder t5, TextEncoder.Encoded last) {
    long own = clip.dim(2);
    if (own > width) {
      throw widths("the text encoders give " + own);
    }
    if (t5 != null && last.hidden().dim(2) != width) {
      throw widths(t5.name() + " gives " + last.hidden().dim(2));
    }
    long tokens = clip.dim(1);
    Tensor out = Tensor.allocate(DType.FLOAT32, 1, tokens + Encoders.T5_TOKENS, width);
    for (long t = 0; t < tokens; t++) {
      MemorySegment.copy(clip.data(), t * own * 4, out.data(), t * width * 4, own * 4);
    }
    if (t5 != null) {
      Tensor states = last.hidden();
      MemorySegment.copy(states.data(), 0, out.data(), tokens * width * 4, states.byteSize());
    }
    return out;
  }

  private ModelFormatException widths(String gives) {
    return new ModelFormatException(
        "%s numbers a token, but the transformer's '%s' is %d wide: they belong to another model"
            .formatted(gives, STATES, width));
  }

  /** [1, L, a] and [1, L, b] as [1, L, a + b]; [1, a] and [1, b] as [1, a + b]. */
  private static Tensor beside(List<Tensor> parts) {
    if (parts.size() == 1) {
      return parts.getFirst();
    }
    int last = parts.getFirst().rank() - 1;
    long width = parts.stream().mapToLong(p -> p.dim(last)).sum();
    long[] shape = parts.getFirst().shape().clone();
    shape[last] = width;
    Tensor out = Tensor.allocate(DType.FLOAT32, shape);
    for (long t = 0; t < out.elements() / width; t++) {
      long at = t * width;
      for (Tensor p : parts) {
        long w = p.dim(last);
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
    if (kept != null) {
      kept.close();
    }
  }
}
