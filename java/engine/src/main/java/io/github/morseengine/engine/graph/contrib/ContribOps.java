package io.github.morseengine.engine.graph.contrib;

import io.github.morseengine.engine.ir.Attributes;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The operators that are taken apart. Stateless and safe for use by several threads. */
public final class ContribOps {

  /** The domain of ONNX Runtime's own operators. */
  public static final String DOMAIN = "com.microsoft";

  private static final Map<String, Consumer<Expansion>> OPS =
      Map.ofEntries(
          Map.entry("BiasAdd", ContribOps::biasAdd),
          Map.entry("BiasGelu", Gelus::bias),
          Map.entry("BiasSplitGelu", Gelus::split),
          Map.entry("FastGelu", Gelus::fast),
          Map.entry("FusedMatMul", FusedMatMul::expand),
          Map.entry("Gelu", Gelus::plain),
          Map.entry("GroupNorm", GroupNorm::plain),
          Map.entry("MultiHeadAttention", MultiHeadAttention::expand),
          Map.entry("NhwcConv", NhwcConv::expand),
          Map.entry("QuickGelu", Gelus::quick),
          Map.entry("SkipGroupNorm", GroupNorm::skip),
          Map.entry("SkipLayerNormalization", SkipLayerNorm::layer),
          Map.entry("SkipSimplifiedLayerNormalization", SkipLayerNorm::rms));

  /** ONNX Runtime writes this one into ONNX's own domain. */
  private static final String SIMPLIFIED = "SimplifiedLayerNormalization";

  private ContribOps() {}

  /**
   * Whether nodes of an operator are taken apart.
   *
   * @param domain operator domain
   * @param opType operator name
   * @return true if so
   */
  public static boolean supports(String domain, String opType) {
    return domain.equals(DOMAIN) && OPS.containsKey(opType)
        || domain.isEmpty() && opType.equals(SIMPLIFIED);
  }

  /**
   * Takes a node apart.
   *
   * @param node any node; its inputs have types
   * @return ONNX nodes in topological order that compute its outputs; null for nodes that stay
   */
  public static List<Node> expand(Node node) {
    if (!supports(node.domain(), node.opType())) {
      return null;
    }
    Expansion e = new Expansion(node);
    if (node.domain().isEmpty()) {
      SkipLayerNorm.simplified(e);
    } else {
      OPS.get(node.opType()).accept(e);
    }
    return e.parts();
  }

  /** X + bias + skip. */
  private static void biasAdd(Expansion e) {
    Value sum = e.add("Add", Attributes.NONE, e.in(0), e.in(1));
    e.out(0, "Add", Attributes.NONE, sum, e.in(2));
  }
}
