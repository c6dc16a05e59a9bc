package io.github.morseengine.tests.device;

import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaEvent;
import io.github.morseengine.engine.device.cuda.CudaGraph;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.KernelArguments;
import io.github.morseengine.engine.device.cuda.KernelLaunch;
import io.github.morseengine.engine.device.cuda.PinnedBuffer;
import io.github.morseengine.engine.error.MorseException;
import java.lang.foreign.Arena;
import java.util.List;

/** What {@link DeviceFaultTest} runs in processes of its own; prints what happens, step by step. */
final class DeviceProbe {

  private DeviceProbe() {}

  public static void main(String[] args) {
    switch (args[0]) {
      case "open" -> step("open", () -> CudaDevice.open(0).close());
      case "twice" -> {
        step("first", () -> CudaDevice.open(0).close());
        step("second", () -> CudaDevice.open(0).close());
      }
      case "memory" -> memory();
      case "pinned" -> pinned();
      case "fault" -> fault();
      case "use" -> use();
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  private static void step(String name, Runnable work) {
    try {
      work.run();
      System.out.println(name + ": done");
    } catch (MorseException | IllegalStateException e) {
      System.out.println(name + ": " + e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }

  private static void memory() {
    try (CudaDevice device = CudaDevice.open(0)) {
      step("first", () -> device.allocate(1 << 20).close());
      step("second", () -> device.allocate(1 << 20).close());
      System.out.println("bytes: " + device.currentBytes());
    }
  }

  private static void pinned() {
    try (CudaDevice device = CudaDevice.open(0)) {
      step("first", () -> device.allocatePinned(1 << 20).close());
      step("second", () -> device.allocatePinned(1 << 20).close());
    }
  }

  /** A kernel that fails, as one does that writes where nothing is. */
  private static void fault() {
    CudaDevice device = CudaDevice.open(0);
    CudaStream stream = device.newStream();
    DeviceBuffer buffer = device.allocate(4 * 64);
    PinnedBuffer pinned = device.allocatePinned(64);
    CudaEvent event = device.newEvent();
    stream.beginCapture();
    CudaGraph graph = stream.endCapture();
    try (Arena arena = Arena.ofConfined()) {
      var kernel =
          device.module("scale.cu", OnDevice.SCALE, OnDevice.HEADERS, List.of()).kernel("twice");
      KernelLaunch launch =
          kernel.launch(
              1,
              1,
              1,
              64,
              1,
              1,
              0,
              KernelArguments.builder().pointer(buffer.address()).build(arena));
      step("healthy", device::checkUsable);
      step(
          "faulty",
          () -> {
            stream.launch(launch);
            stream.synchronize();
          });
      step("usable", device::checkUsable);
      step("launch", () -> stream.launch(launch));
      step("allocate", () -> device.allocate(16));
      step("module", () -> device.module("f.cu", "/* nothing */", java.util.Map.of(), List.of()));
      step("reopen", () -> CudaDevice.open(0));
    }
    step("graph", graph::close);
    step("event", event::close);
    step("pinned", pinned::close);
    step("buffer", buffer::close);
    step("stream", stream::close);
    step("device", device::close);
    System.out.println("bytes: " + device.currentBytes());
  }

  /** A bit of everything, all closed. */
  private static void use() {
    try (CudaDevice device = CudaDevice.open(0);
        CudaStream stream = device.newStream();
        CudaEvent event = device.newEvent();
        PinnedBuffer pinned = device.allocatePinned(4 * 64);
        DeviceBuffer buffer = device.allocate(4 * 64);
        Arena arena = Arena.ofConfined()) {
      var module = device.module("scale.cu", OnDevice.SCALE, OnDevice.HEADERS, List.of());
      KernelArguments arguments = KernelArguments.builder().pointer(buffer.address()).build(arena);
      KernelLaunch launch = module.kernel("twice").launch(1, 1, 1, 64, 1, 1, 0, arguments);
      pinned.segment().fill((byte) 0);
      stream.copyToDevice(buffer.address(), pinned.segment(), 4 * 64);
      stream.beginCapture();
      stream.launch(launch);
      try (CudaGraph graph = stream.endCapture()) {
        stream.launch(graph);
        stream.record(event);
        event.synchronize();
      }
      System.out.println("used: done");
    }
  }
}
