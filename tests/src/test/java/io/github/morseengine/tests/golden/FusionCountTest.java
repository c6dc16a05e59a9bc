package io.github.morseengine.tests.golden;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.engine.graph.infer.GraphBinder;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.graph.passes.Passes;
import io.github.morseengine.engine.ir.FusedOps;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.Fixtures;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Whatever exporter and opset wrote a network, the passes make the same operators of it. Counted
 * are those that compute; a form that is no longer recognised shows as its parts.
 */
class FusionCountTest {

  /** What moves elements, and the look-ups in front of text encoders and embeddings. */
  private static final Set<String> MOVEMENT =
      Set.of("Reshape", "Transpose", "Split", "Slice", "Concat", "Cast", "Gather", "GatherND");

  @TempDir static Path folder;

  @BeforeAll
  static void unpack() {
    Fixtures.unpack("families.zip", folder);
    Fixtures.unpack("contrib.zip", folder);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "clip_text | Add=1, ArgMax=1, Equal=1, LayerNormalization=7, Swish=3,"
            + " ai.morse.Attention=3, ai.morse.Linear=18",
        "openclip_text | Add=1, ArgMax=1, Equal=1, LayerNormalization=7,"
            + " ai.morse.Attention=3, ai.morse.Linear=19",
        "sd2_unet | Cos=1, LayerNormalization=12, Mul=1, Sin=1, ai.morse.Attention=8,"
            + " ai.morse.Conv=25, ai.morse.GeGlu=4, ai.morse.GroupNorm=21, ai.morse.Linear=58",
        "sdxl_unet | Cos=2, LayerNormalization=24, Mul=2, Sin=2, ai.morse.Attention=16,"
            + " ai.morse.Conv=25, ai.morse.GeGlu=8, ai.morse.GroupNorm=21, ai.morse.Linear=100",
        "lcm_unet | Cos=1, LayerNormalization=12, Mul=1, Sin=1, ai.morse.Attention=8,"
            + " ai.morse.Conv=33, ai.morse.GeGlu=4, ai.morse.GroupNorm=21, ai.morse.Linear=51",
        "inpainting_unet | Cos=1, LayerNormalization=12, Mul=1, Sin=1, ai.morse.Attention=8,"
            + " ai.morse.Conv=33, ai.morse.GeGlu=4, ai.morse.GroupNorm=21, ai.morse.Linear=50",
        "vae_encoder | ai.morse.Attention=1, ai.morse.Conv=13, ai.morse.GroupNorm=10,"
            + " ai.morse.Linear=4",
        "vae_decoder | ai.morse.Attention=1, ai.morse.Conv=17, ai.morse.GroupNorm=14,"
            + " ai.morse.Linear=4",
        "dit | Add=10, Cos=1, LayerNormalization=5, Mul=10, Sin=1,"
            + " ai.morse.Attention=2, ai.morse.Conv=1, ai.morse.Linear=20",
        "mmdit | Add=15, Cos=1, LayerNormalization=8, Mul=17, RMSNormalization=10,"
            + " Sin=1, ai.morse.Attention=3, ai.morse.Conv=1, ai.morse.Expression=1,"
            + " ai.morse.Linear=36",
      })
  void everyExportBecomesTheSame(String family, String operators) {
    int seen = 0;
    for (Path file : Fixtures.list(folder.resolve(family))) {
      if (file.toString().endsWith(".onnx")) {
        assertEquals("{" + operators + "}", count(file).toString(), file.toString());
        seen++;
      }
    }
    assertEquals(5, seen);
  }

  /** What ONNX Runtime's optimiser made of the same networks: queries, keys and values joined. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "clip_text | Add=2, ArgMax=1, Equal=1, LayerNormalization=7, Swish=3,"
            + " ai.morse.Attention=3, ai.morse.Linear=18",
        "sd2_unet | Add=4, Cos=1, LayerNormalization=12, Mul=1, Sin=1, ai.morse.Attention=8,"
            + " ai.morse.Conv=25, ai.morse.GeGlu=4, ai.morse.GroupNorm=21, ai.morse.Linear=46",
        "sdxl_unet | Add=5, Cos=2, LayerNormalization=24, Mul=2, Sin=2, ai.morse.Attention=16,"
            + " ai.morse.Conv=25, ai.morse.GeGlu=8, ai.morse.GroupNorm=21, ai.morse.Linear=76",
        "vae_decoder | Add=2, ai.morse.Attention=1, ai.morse.Conv=17, ai.morse.GroupNorm=14,"
            + " ai.morse.Linear=4",
        "mmdit | Add=15, Cos=1, LayerNormalization=8, Mul=17, RMSNormalization=10,"
            + " Sin=1, ai.morse.Attention=3, ai.morse.Conv=1, ai.morse.Expression=1,"
            + " ai.morse.Linear=36",
      })
  void rewrittenNetworksAreTakenApart(String family, String operators) {
    Path rewritten = folder.resolve("networks").resolve(family).resolve("model.onnx");
    assertEquals("{" + operators + "}", count(rewritten).toString());
  }

  private static Map<String, Integer> count(Path file) {
    Path sample = file.resolveSibling("1x16x16");
    sample = Files.exists(sample) ? sample : file.getParent();
    Map<String, long[]> shapes = new TreeMap<>();
    for (Map.Entry<String, Tensor> e : Fixtures.arrays(sample.resolve("in")).entrySet()) {
      shapes.put(e.getKey(), e.getValue().shape());
    }
    try (OnnxModel model = OnnxModel.open(file)) {
      Graph graph = model.newGraph();
      GraphBinder.bind(graph, shapes);
      Passes.optimize(graph);
      Map<String, Integer> counts = new TreeMap<>();
      for (Node n : graph.nodes()) {
        boolean fused = n.domain().equals(FusedOps.DOMAIN);
        if (fused || !MOVEMENT.contains(n.opType())) {
          counts.merge((fused ? FusedOps.DOMAIN + "." : "") + n.opType(), 1, Integer::sum);
        }
      }
      return counts;
    }
  }
}
