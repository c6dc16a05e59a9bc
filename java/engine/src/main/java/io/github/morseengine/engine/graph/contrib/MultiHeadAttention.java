package io.github.morseengine.engine.graph.contrib;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention whose heads lie side by side. Queries are [N,L,H*d], or hold keys and values as well:
 * [N,L,H,3,d]. Keys and values are [N,S,H*d] each, [N,H,S,d] each, or in one [N,S,H,2,d].
 */
final class MultiHeadAttention {

  private static final int BIAS = 3;
  private static final int PADDING = 4;
  private static final int ADDED = 5;
  private static final int PAST_KEY = 6;
  private static final int PAST_VALUE = 7;

  private final Expansion e;
  private final long heads;

  private MultiHeadAttention(Expansion e) {
    this.e = e;
    this.heads = e.node().attributes().getInt("num_heads", 0);
    if (heads < 1) {
      throw new InvalidInputException("num_heads " + heads + " must be positive");
    }
  }

  static void expand(Expansion e) {
    new MultiHeadAttention(e).expand();
  }

  private void expand() {
    Value[] qkv = parts();
    Value mask = mask();
    Attributes a = e.node().attributes();
    Attributes own = Attributes.of("is_causal", a.getInt("unidirectional", 0));
    if (a.getFloat("scale", 0) != 0) {
      own = own.with("scale", a.getFloat("scale", 0));
    }
    List<Value> inputs = new ArrayList<>(List.of(qkv));
    if (mask != null || e.in(PAST_KEY) != null) {
      inputs.add(mask);
    }
    if (e.in(PAST_KEY) != null) {
      inputs.add(e.in(PAST_KEY));
      inputs.add(e.in(PAST_VALUE));
    }
    Value y = e.temporary("heads");
    List<Value> outputs = new ArrayList<>();
    outputs.add(y);
    outputs.add(e.node().output(1));
    outputs.add(e.node().output(2));
    e.add("Attention", own, outputs, inputs.toArray(Value[]::new));
    Value rows = e.transpose(y, 0, 2, 1, 3);
    e.out(0, "Reshape", Attributes.NONE, rows, e.longs(0, 0, -1));
  }

  /** Queries, keys and values as [N,H,L,d], with their bias. */
  private Value[] parts() {
    Value q = e.in(0);
    Value k = e.in(1);
    Value v = e.in(2);
    if (q.rank() == 5) {
      return packed(q, 3);
    }
    boolean apart = k != null && k.rank() == 4;
    Value bias = e.in(BIAS);
    if (k == null || bias != null && (k.rank() != 3 || v == null)) {
      throw new UnsupportedOpException("a bias is read with keys and values of three dimensions");
    }
    long width = q.shape()[2];
    Value[] out = {split(biased(q, bias, 0, width)), null, null};
    if (apart) {
      out[1] = k;
      out[2] = v;
    } else if (v == null) {
      System.arraycopy(packed(k, 2), 0, out, 1, 2);
    } else {
      out[1] = split(biased(k, bias, width, k.shape()[2]));
      out[2] = split(biased(v, bias, width + k.shape()[2], v.shape()[2]));
    }
    return out;
  }

  /** [N,L,H,count,d] as count times [N,H,L,d]. */
  private Value[] packed(Value v, int count) {
    long[] s = v.shape();
    if (v.rank() != 5 || s[2] != heads || s[3] != count) {
      throw new InvalidInputException(v + " as " + count + " parts of " + heads + " heads");
    }
    Value[] out = new Value[count];
    for (int i = 0; i < count; i++) {
      out[i] = e.temporary("part" + i);
    }
    e.add("Split", Attributes.of("axis", 3, "num_outputs", count), List.of(out), v);
    for (int i = 0; i < count; i++) {
      out[i] = e.transpose(e.reshape(out[i], s[0], s[1], heads, s[4]), 0, 2, 1, 3);
    }
    return out;
  }

  private Value split(Value v) {
    return e.transpose(e.reshape(v, 0, 0, heads, -1), 0, 2, 1, 3);
  }

  private Value biased(Value v, Value bias, long start, long size) {
    if (bias == null) {
      return v;
    }
    Value part =
        e.add("Slice", Attributes.NONE, bias, e.longs(start), e.longs(start + size), e.longs(0));
    return e.add("Add", Attributes.NONE, v, part);
  }

  /** What is added to the scores; null for nothing. */
  private Value mask() {
    Value padding = e.in(PADDING);
    Value added = e.in(ADDED);
    if (padding == null) {
      return added;
    }
    if (padding.rank() != 2) {
      throw new UnsupportedOpException(
          "a padding mask of one number per key is read, not " + padding);
    }
    long[] s = padding.shape();
    DType type = e.in(0).dtype();
    Value keys = e.reshape(padding, s[0], 1, 1, s[1]);
    Value seen = e.add("Cast", Attributes.of("to", DType.BOOL.onnxCode()), keys);
    float filter = e.node().attributes().getFloat("mask_filter_value", -10000);
    Value fill = e.number(filter, type);
    Value none = e.number(0, type);
    Value mask = e.add("Where", Attributes.NONE, seen, none, fill);
    return added == null ? mask : e.add("Add", Attributes.NONE, mask, added);
  }
}
