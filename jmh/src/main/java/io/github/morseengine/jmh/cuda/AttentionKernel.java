package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.device.cuda.CudaStream;
import org.openjdk.jmh.annotations.Param;

/** Attention by {@code attention.cu}. */
public class AttentionKernel extends AttentionBenchmark {

  /** Head sizes beyond this have one instance, whose blocks are small. */
  private static final long LARGEST_WITH_VARIANTS = 80;

  /** Many queries per block, or half as many: the engine takes these where there are few. */
  @Param({"", "_short"})
  public String variant = "";

  private Launches launches;

  /** Created by JMH. */
  public AttentionKernel() {}

  @Override
  void bindCall() {
    String name =
        "attention_d" + spec.head() + (spec.head() > LARGEST_WITH_VARIANTS ? "" : variant);
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
