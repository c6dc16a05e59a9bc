package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import org.openjdk.jmh.annotations.Param;

/** Linear layers by {@code gemm.cu}. */
public class GemmKernel extends MatmulBenchmark {

  /** What follows the sum; accumulate adds to what is there, as LoRA does. */
  @Param({"bias", "gelu", "accumulate", "geglu"})
  public String epilogue = "bias";

  /** Outputs per block; {@code auto} is the engine's choice by how many blocks that gives. */
  @Param({"auto"})
  public String tile = "auto";

  private Launches launches;

  /** Created by JMH. */
  public GemmKernel() {}

  @Override
  String epilogue() {
    return epilogue;
  }

  @Override
  DType biasType() {
    return DType.FLOAT32;
  }

  /** {@return the tile that is asked for, or the largest that keeps most multiprocessors busy} */
  static String tile(String asked, long m, long n, int multiprocessors) {
    if (!asked.equals("auto")) {
      return asked;
    }
    if (Math.ceilDiv(m, 128) * Math.ceilDiv(n, 128) >= multiprocessors) {
      return "128x128";
    }
    boolean half = 2 * Math.ceilDiv(m, 64) * Math.ceilDiv(n, 64) >= multiprocessors;
    return half ? "64x64" : "32x32";
  }

  @Override
  void bindCall() {
    boolean gated = epilogue.equals("geglu");
    String act = gated ? "_geglu_tanh" : epilogue.equals("gelu") ? "_gelu_tanh" : "";
    String name = "gemm_" + tile(tile, m, gated ? 2 * n : n, device.multiprocessors()) + act;
    launches = newLaunches();
    add(launches, name, (int) m, (int) n, (int) k, a, b, bias, accumulates() ? d : null, d);
  }

  /** Adds a product of dense rows by an instance of {@code gemm.cu}. */
  static void add(
      Launches to,
      String name,
      int m,
      int n,
      int k,
      Tensor a,
      Tensor b,
      Tensor bias,
      Tensor residual,
      Tensor c) {
    int wide = Launches.macro(name, "MORSE_GEGLU") == 1 ? 2 * n : n;
    to.add(
        name,
        Launches.grid(
            Math.ceilDiv(m, Launches.macro(name, "MORSE_BM")),
            Math.ceilDiv(wide, Launches.macro(name, "MORSE_BN"))),
        a,
        b,
        bias,
        residual,
        c,
        m,
        n,
        k,
        k,
        wide,
        n,
        n,
        1,
        0L,
        0L,
        0L,
        0L,
        0L,
        0L,
        0L,
        0L,
        1f);
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
