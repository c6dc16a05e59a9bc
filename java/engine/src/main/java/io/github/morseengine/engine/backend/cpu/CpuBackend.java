package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.Backend;
import io.github.morseengine.engine.backend.Executable;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.device.WeightStore;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.ffi.onednn.Dnn;
import io.github.morseengine.engine.ffi.onednn.DnnEngine;
import io.github.morseengine.engine.ffi.openmp.Team;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Runs graphs on the processor with oneDNN and our own vector kernels. */
public final class CpuBackend implements Backend {

  private final DnnEngine engine;
  private final WeightStore store = new WeightStore();
  private final PackedLayouts layouts = new PackedLayouts();
  private final int threads;
  private final DType products;

  /**
   * Opens oneDNN.
   *
   * @param threads threads of one run; 0 for all processors
   * @param precision FP32, AUTO (which is FP32) or BF16
   */
  public CpuBackend(int threads, Precision precision) {
    if (threads < 0 || threads > 4096) {
      throw new InvalidInputException("threads must be 0 (all) to 4096, got " + threads);
    }
    if (precision == Precision.FP16 || precision == Precision.TF32) {
      throw new InvalidInputException(
          "the CPU backend computes in fp32 or bf16, not "
              + precision.label()
              + ": use --precision fp32, bf16 or auto");
    }
    this.engine = new DnnEngine();
    if (precision == Precision.BF16 && !Dnn.hasBfloat16()) {
      engine.close();
      throw new InvalidInputException(
          "this processor multiplies no bf16 (oneDNN uses "
              + Dnn.isa()
              + "): use --precision fp32"
              + " or auto");
    }
    this.products = precision == Precision.BF16 ? DType.BFLOAT16 : DType.FLOAT32;
    this.threads = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String device() {
    return processor() + " (" + Dnn.isa() + ")";
  }

  /** {@return the processor's name as the system tells it} */
  public static String processor() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
        if (line.startsWith("model name")) {
          return line.substring(line.indexOf(':') + 1).trim();
        }
      }
    } catch (IOException e) {
      return System.getProperty("os.arch");
    }
    return System.getProperty("os.arch");
  }

  @Override
  public int threads() {
    return threads;
  }

  @Override
  public Precision precision() {
    return products == DType.BFLOAT16 ? Precision.BF16 : Precision.FP32;
  }

  @Override
  public Executable compile(Graph graph, Precision insteadOfFp16) {
    return CpuCompiler.compile(graph, engine, store, layouts, threads, products);
  }

  @Override
  public SampleUpdate sampleUpdate() {
    return new CpuUpdate();
  }

  @Override
  public long weightBytes() {
    return store.bytes();
  }

  @Override
  public void close() {
    layouts.close();
    engine.close();
    Team.dismiss();
  }
}
