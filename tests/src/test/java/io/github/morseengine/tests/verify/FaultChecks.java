package io.github.morseengine.tests.verify;

import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaModule;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.KernelArguments;
import io.github.morseengine.engine.device.cuda.KernelLaunch;
import io.github.morseengine.engine.error.DeviceFatalException;
import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.MorseException;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.tests.support.GoldenInputs;
import io.github.morseengine.tests.support.Runner;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;

/** Leaks, and what an engine does after something went wrong. */
final class FaultChecks {

  /** Writes where no memory is; the simulated device is told to fail at it. */
  private static final String POKE =
      "extern \"C\" __global__ void poke(int* p) { if (threadIdx.x == 0) p[0] = 1; }\n";

  private final Lines out;
  private final int rounds;

  FaultChecks(Lines out, boolean quick) {
    this.out = out;
    this.rounds = quick ? 2 : 20;
  }

  void run() {
    memory();
    Map<String, Tensor> in = GoldenInputs.dash(ModelChecks.golden("b1"));
    try (Engine engine = ModelChecks.engine(Precision.FP16)) {
      long held = 0;
      for (int i = 0; i < rounds; i++) {
        Runner.run(engine, ModelChecks.MODEL.resolve("dash.onnx"), in);
        held = Math.max(held, engine.deviceBytes());
      }
      out.check(held == 0, rounds + " rounds of compiling and running leak nothing", held + " B");
      label(engine, in);
      sharing(engine, in);
      out.check(engine.deviceBytes() == 0, "device bytes at the end", engine.deviceBytes() + " B");
    }
  }

  private void memory() {
    try (CudaDevice device = CudaDevice.open(0)) {
      String said = "nothing was refused";
      boolean refused = false;
      try (DeviceBuffer b = device.allocate(4 * device.totalBytes())) {
        said = b.bytes() + " bytes were given";
      } catch (DeviceOutOfMemoryException e) {
        refused = true;
        said = e.getMessage();
      }
      out.check(refused, "more memory than there is is refused", said);
      try (DeviceBuffer b = device.allocate(1 << 20)) {
        out.check(b.address() != 0, "a smaller allocation follows", "");
      }
      out.check(device.currentBytes() == 0, "allocations leave nothing", "");
    }
  }

  /** A label that the table lacks is refused, and the next run works. */
  private void label(Engine engine, Map<String, Tensor> in) {
    try (CompiledModel model =
            engine.compile(ModelChecks.MODEL.resolve("dash.onnx"), Runner.options(in));
        Session session = model.newSession()) {
      in.forEach(session::setInput);
      session.setInput("class_labels", Tensor.ofLongs(new long[] {1_000_000}, 1));
      String said = "it ran";
      try {
        session.run();
      } catch (InvalidInputException e) {
        said = e.getMessage();
      }
      out.check(said.contains("index"), "a label out of the table is refused", said);
      session.setInput("class_labels", in.get("class_labels")).run();
      double first = session.output("out_sample").getDouble(0);
      out.check(Double.isFinite(first), "the next run works", "");
    }
  }

  private void sharing(Engine engine, Map<String, Tensor> in) {
    Map<String, Tensor> dotIn = GoldenInputs.dot(ModelChecks.golden("b1"));
    try (CompiledModel dash =
            engine.compile(ModelChecks.MODEL.resolve("dash.onnx"), Runner.options(in));
        CompiledModel dot =
            engine.compile(ModelChecks.MODEL.resolve("dot.onnx"), Runner.options(dotIn))) {
      Map<Long, Long> both = new java.util.TreeMap<>(dash.weightBuffers());
      both.putAll(dot.weightBuffers());
      long distinct = both.values().stream().mapToLong(Long::longValue).sum();
      long held = engine.deviceBytes();
      out.check(
          held == distinct,
          "Dash and Dot hold their weights once",
          held + " of " + distinct + " B");
    }
  }

  /** A kernel that writes to no memory makes the device unusable, and every call says so. */
  static void sticky(Lines out) {
    String first = "nothing failed";
    String second = "nothing failed";
    try (Arena arena = Arena.ofConfined();
        CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream()) {
      CudaModule module = device.module("poke.cu", POKE, Map.of(), List.of());
      KernelArguments nowhere = KernelArguments.builder().pointer(16).build(arena);
      KernelLaunch poke = module.kernel("poke").launch(1, 1, 1, 32, 1, 1, 0, nowhere);
      try {
        stream.launch(poke);
        stream.synchronize();
      } catch (DeviceFatalException e) {
        first = e.getMessage();
      }
      try {
        device.checkUsable();
      } catch (DeviceFatalException e) {
        second = e.getMessage();
      }
    } catch (MorseException e) {
      out.note("closing after the fault: " + e.getMessage());
    }
    out.check(first.contains("ILLEGAL_ADDRESS"), "a write to no memory is reported", first);
    out.check(second.contains("restart"), "the device is unusable after it", second);
  }
}
