package io.github.morseengine.tests.cudnn;

import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec.Epilogue;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec.Pitch;
import io.github.morseengine.engine.graph.infer.GraphBinder;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.graph.passes.Passes;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Window;
import io.github.morseengine.engine.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** The convolutions of real networks, each once. */
final class Convolutions {

  /** All addresses that the engine gives to kernels. */
  private static final int ALIGNMENT = 16;

  private Convolutions() {}

  /** A line of convolutions.tsv: shape and the networks that have it. */
  private record Row(long[] numbers, String epilogue, List<String> networks) {}

  private static List<Row> rows() {
    try (var in = Convolutions.class.getResourceAsStream("/convolutions.tsv")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .skip(1)
          .map(line -> line.split("\t"))
          .map(
              f ->
                  new Row(
                      Arrays.stream(f, 0, 7).mapToLong(Long::parseLong).toArray(),
                      f[7],
                      List.of(f[8].split(","))))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Of the networks of Stable Diffusion whose name passes, see make_convolutions.py. */
  static Set<ConvSpec> stableDiffusion(DType type, long batch, Predicate<String> network) {
    Set<ConvSpec> out = new LinkedHashSet<>();
    for (Row r : rows()) {
      if (r.networks.stream().anyMatch(network)) {
        long[] n = r.numbers;
        Epilogue epilogue = new Epilogue(true, r.epilogue.endsWith("residual"), false);
        ConvSpec.Window window = ConvSpec.Window.square(n[5], n[6]);
        long[] x = {batch, n[0], n[1], n[2]};
        out.add(ConvSpec.dense(type, x, n[3], n[4], window, epilogue));
      }
    }
    return out;
  }

  /** Of Dash and Dot of a folder, from their graphs after all passes. */
  static Set<ConvSpec> ofFolder(Path folder, DType type, long batch) {
    Set<ConvSpec> out = new LinkedHashSet<>();
    try (var files = Files.list(folder)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".onnx")).sorted().toList()) {
        try (OnnxModel model = OnnxModel.open(file)) {
          Graph graph = model.newGraph();
          Map<String, long[]> shapes = new LinkedHashMap<>();
          for (Graph.Input input : graph.inputs()) {
            // The batch is the only open dimension.
            long[] shape =
                input.dims().stream().mapToLong(d -> d.isFixed() ? d.size() : batch).toArray();
            shapes.put(input.value().name(), shape);
          }
          GraphBinder.bind(graph, shapes);
          Passes.optimize(graph);
          for (Node node : graph.nodes()) {
            if (node.opType().equals("Conv")) {
              out.add(of(node, type));
            }
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out;
  }

  private static ConvSpec of(Node node, DType type) {
    long[] x = node.input(0).shape();
    long[] w = node.input(1).shape();
    long up = node.attributes().getInt("upsample", 1);
    long[] spatial = {x[2] * up, x[3] * up};
    Window v = Window.of(node, spatial, new long[] {w[2], w[3]});
    long groups = node.attributes().getInt("group", 1);
    boolean silu = node.attributes().getString("activation", "none").equals("silu");
    Epilogue epilogue = new Epilogue(node.input(2) != null, node.input(3) != null, silu);
    ConvSpec.Window window =
        new ConvSpec.Window(
            v.strides()[0],
            v.strides()[1],
            v.dilations()[0],
            v.dilations()[1],
            v.padsBegin()[0],
            v.padsBegin()[1],
            v.padsEnd()[0],
            v.padsEnd()[1]);
    return new ConvSpec(
        type,
        x[0],
        x[1],
        spatial[0],
        spatial[1],
        w[0],
        w[2],
        w[3],
        window,
        groups,
        epilogue,
        new Pitch(x[1], w[0], w[0]),
        ALIGNMENT,
        true);
  }
}
