package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.device.cuda.CudaStream;
import org.openjdk.jmh.annotations.Param;

/**
 * Convolutions by {@code conv_implicit_gemm.cu}; by {@code conv_plain.cu} where the channels do not
 * divide into vectors, as in the engine.
 */
public class ConvImplicitGemmKernel extends ConvolutionBenchmark {

  private static final int PLAIN_TILE = 64;

  /** Outputs per block; {@code auto} is the engine's choice by how many blocks that gives. */
  @Param({"auto"})
  public String tile = "auto";

  private Launches launches;

  /** Created by JMH. */
  public ConvImplicitGemmKernel() {}

  @Override
  void bindCall() {
    boolean plain = spec.c() % 8 != 0 || spec.k() % 2 != 0 || type.equals("float32");
    long rows = spec.n() * spec.outH() * spec.outW();
    String size = GemmKernel.tile(tile, rows, spec.k(), device.multiprocessors());
    String name = "conv_" + (plain ? "plain" : size) + (spec.epilogue().silu() ? "_silu" : "");
    long bm = plain ? PLAIN_TILE : Launches.macro(name, "MORSE_BM");
    long bn = plain ? PLAIN_TILE : Launches.macro(name, "MORSE_BN");
    int c = (int) spec.c();
    int k = (int) spec.k();
    launches = newLaunches();
    launches.add(
        name,
        Launches.grid(Math.ceilDiv(rows, bm), Math.ceilDiv(spec.k(), bn), 1),
        x,
        w,
        bias,
        residual,
        y,
        (int) spec.n(),
        (int) spec.h(),
        (int) spec.w(),
        c,
        c,
        k,
        k,
        k,
        (int) spec.r(),
        (int) spec.s(),
        (int) spec.outH(),
        (int) spec.outW(),
        (int) spec.window().strideH(),
        (int) spec.window().strideW(),
        (int) spec.window().top(),
        (int) spec.window().left(),
        1,
        1,
        1,
        1);
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
