package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.device.cuda.CudaStream;
import org.openjdk.jmh.annotations.Param;

/** Attention by {@code attention.cu}. */
public class AttentionKernel extends AttentionBenchmark {

  /** Queries per block: what the engine takes, or half as many where there is such an instance. */
  @Param({"", "_short"})
  public String variant = "";

  private Launches launches;

  /** Created by JMH. */
  public AttentionKernel() {}

  @Override
  void bindCall() {
    String name = "attention_d" + spec.head() + variant;
    int width = Math.toIntExact(spec.heads() * spec.head());
    int head = Math.toIntExact(spec.head());
    long queries = spec.queries() * width;
    long keys = spec.keys() * width;
    launches = newLaunches();
    launches.add(
        name,
        Launches.grid(
            Math.ceilDiv(spec.queries(), Launches.macro(name, "MORSE_BM")), spec.heads(), spec.n()),
        q,
        k,
        v,
        null,
        o,
        (int) spec.queries(),
        (int) spec.keys(),
        queries,
        width,
        head,
        keys,
        width,
        head,
        keys,
        width,
        head,
        queries,
        width,
        head,
        0L,
        0L,
        0L,
        0L,
        spec.scale());
  }

  @Override
  protected void enqueue(CudaStream on) {
    launches.enqueue(on);
  }

  @Override
  protected String kernel() {
    return launches + " in " + type;
  }

  @Override
  protected void unbind() {}
}
