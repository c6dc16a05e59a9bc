package io.github.morseengine.jmh.peers;

import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.graph.onnx.OnnxModel;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.jmh.Inputs;
import io.github.morseengine.jmh.OneOp;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The best rate of 3x3 convolutions on this machine, by either runtime: the ceiling of a network
 * that is made of them. Its blocks alternate with those of the networks. For one thread.
 */
final class ConvolutionRate implements AutoCloseable {

  private static final double BLOCK_SECONDS = 0.1;

  /** Batch, channels, side: the widths of common U-Nets, large enough to fill all threads. */
  private static final long[][] SHAPES = {{4, 128, 32}, {8, 256, 16}, {16, 128, 16}, {16, 256, 8}};

  private final List<Runner> runners = new ArrayList<>();
  private final List<Long> flops = new ArrayList<>();
  private final Turns turns;

  ConvolutionRate(Engine engine, long pauseMillis) {
    this.turns = new Turns(BLOCK_SECONDS, pauseMillis);
    for (long[] s : SHAPES) {
      byte[] model =
          new OneOp("convolution")
              .input("x", s[0], s[1], s[2], s[2])
              .weight("w", 0.03, s[1], s[1], 3, 3)
              .node("Conv", "y", "x", "w")
              .ints("pads", 1, 1, 1, 1)
              .output("y")
              .toBytes();
      try (OnnxModel opened = OnnxModel.open(model, null, "convolution")) {
        MorseRunner ours =
            new MorseRunner(engine.compile(opened, CompileOptions.builder().build()));
        runners.add(ours);
        OrtRunner peer = new OrtRunner(model, engine.threads());
        runners.add(peer);
        Map<String, Tensor> inputs = Inputs.random(ours.model());
        ours.bind(inputs);
        peer.bind(inputs);
      }
      long operations = 2 * s[0] * s[1] * s[1] * 9 * s[2] * s[2];
      flops.add(operations);
      flops.add(operations);
    }
  }

  void round() {
    turns.round(runners);
  }

  /** Operations per second: the best over shapes and runtimes of the medians over blocks. */
  double best() {
    double best = 0;
    for (int i = 0; i < runners.size(); i++) {
      best = Math.max(best, flops.get(i) / (turns.median(i) / 1e3));
    }
    return best;
  }

  @Override
  public void close() {
    runners.forEach(Runner::close);
  }
}
