package io.github.morseengine.tests.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.device.ContentHash;
import io.github.morseengine.engine.device.cuda.CudaEvent;
import io.github.morseengine.engine.device.cuda.CudaGraph;
import io.github.morseengine.engine.device.cuda.CudaKernel;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.DeviceBuffer;
import io.github.morseengine.engine.device.cuda.DeviceWeights;
import io.github.morseengine.engine.device.cuda.KernelArguments;
import io.github.morseengine.engine.device.cuda.KernelLaunch;
import io.github.morseengine.engine.device.cuda.PinnedBuffer;
import io.github.morseengine.engine.error.DeviceOutOfMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The device layer on the simulated device. */
class DeviceTest extends OnDevice {

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  private KernelLaunch scale(Arena arena, DeviceBuffer y, int n, float a, int b) {
    KernelArguments arguments =
        KernelArguments.builder().pointer(y.address()).i64(n).f32(a).i32(b).build(arena);
    return module().kernel("scale").launch((n + 63) / 64, 1, 1, 64, 1, 1, 0, arguments);
  }

  private static float[] read(CudaStream stream, DeviceBuffer buffer, int n) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(FLOAT, n);
      stream.copyToHost(out, buffer.address(), 4L * n);
      stream.synchronize();
      return out.toArray(FLOAT);
    }
  }

  @Test
  void tellsWhatItIs() {
    assertEquals(90, device.computeCapability());
    assertTrue(device.multiprocessors() > 0);
    assertTrue(device.totalBytes() > 1L << 30);
    assertTrue(device.sharedBytesPerBlockOptin() > 48 << 10);
    assertEquals("13.0", device.driverVersion());
  }

  @Test
  void aKernelGetsItsArguments() {
    try (Arena arena = Arena.ofConfined();
        CudaStream stream = device.newStream();
        DeviceBuffer y = device.allocate(4 * 100)) {
      MemorySegment host = arena.allocate(FLOAT, 100);
      for (int i = 0; i < 100; i++) {
        host.setAtIndex(FLOAT, i, i);
      }
      stream.copyToDevice(y.address(), host, 400);
      stream.launch(scale(arena, y, 99, -0.5f, -7));
      float[] out = read(stream, y, 100);
      for (int i = 0; i < 99; i++) {
        assertEquals(i * -0.5f - 7, out[i]);
      }
      assertEquals(99, out[99], "outside of n");
    }
  }

  @Test
  void copiesAndFills() {
    try (CudaStream stream = device.newStream();
        PinnedBuffer pinned = device.allocatePinned(4096);
        DeviceBuffer a = device.allocate(4096);
        DeviceBuffer b = device.allocate(4096)) {
      assertEquals(0, a.address() % 256);
      byte[] heap = new byte[4096];
      new Random(7).nextBytes(heap);
      stream.copyToDevice(a.address(), MemorySegment.ofArray(heap), 4096);
      stream.fill(b.address(), (byte) 0x5A, 4096);
      stream.copy(b.address() + 64, a.address() + 64, 1000);
      stream.copyToHost(pinned.segment(), b.address(), 4096);
      stream.synchronize();
      byte[] expected = new byte[4096];
      Arrays.fill(expected, (byte) 0x5A);
      System.arraycopy(heap, 64, expected, 64, 1000);
      assertArrayEquals(expected, pinned.segment().toArray(ValueLayout.JAVA_BYTE));
      MemorySegment onHeap = MemorySegment.ofArray(heap);
      assertThrows(IllegalArgumentException.class, () -> stream.copyToHost(onHeap, a.address(), 8));
    }
  }

  @Test
  void bytesAreCounted() {
    long before = device.currentBytes();
    DeviceBuffer a = device.allocate(1000);
    DeviceBuffer b = device.allocate(500);
    assertEquals(before + 1500, device.currentBytes());
    a.close();
    a.close();
    assertEquals(before + 500, device.currentBytes(), "closing twice frees once");
    assertEquals(before + 1500, device.peakBytes());
    b.close();
    assertThrows(IllegalArgumentException.class, () -> device.allocate(-1));
    device.allocate(0).close();
  }

  @Test
  void outOfMemoryIsNotSticky() {
    long tooMuch = device.totalBytes() + 1;
    DeviceOutOfMemoryException e =
        assertThrows(DeviceOutOfMemoryException.class, () -> device.allocate(tooMuch));
    assertTrue(e.getMessage().contains(String.valueOf(tooMuch)), e.getMessage());
    assertTrue(e.getMessage().contains("smaller batch"), e.getMessage());
    assertEquals(0, device.currentBytes());
    try (DeviceBuffer b = device.allocate(1 << 20)) {
      assertEquals(1 << 20, b.bytes());
    }
  }

  @Test
  void eventsOrderTwoStreams() {
    try (Arena arena = Arena.ofConfined();
        CudaStream first = device.newStream();
        CudaStream second = device.newStream();
        CudaEvent done = device.newEvent();
        CudaEvent later = device.newEvent();
        DeviceBuffer y = device.allocate(4 * 64)) {
      first.fill(y.address(), (byte) 0, 4 * 64);
      first.launch(scale(arena, y, 64, 1, 3));
      first.record(done);
      second.waitFor(done);
      second.launch(scale(arena, y, 64, 5, 0));
      second.record(later);
      assertEquals(15, read(second, y, 64)[63]);
      assertTrue(later.millisSince(done) >= 0);
      assertNotEquals(first.handle(), second.handle());
    }
  }

  @Test
  void aGraphRunsAgainAndTakesNewArguments() {
    try (Arena arena = Arena.ofConfined();
        CudaStream stream = device.newStream();
        DeviceBuffer y = device.allocate(4 * 64)) {
      KernelLaunch add = scale(arena, y, 64, 1, 1);
      KernelLaunch triple = scale(arena, y, 64, 3, 0);
      stream.fill(y.address(), (byte) 0, 4 * 64);
      stream.synchronize();
      stream.beginCapture();
      stream.launch(add);
      stream.launch(triple);
      try (CudaGraph graph = stream.endCapture()) {
        assertEquals(2, graph.kernels());
        assertEquals(0, read(stream, y, 64)[0], "capturing runs nothing");
        stream.launch(graph);
        stream.launch(graph);
        assertEquals(12, read(stream, y, 64)[5], "((0 + 1) * 3 + 1) * 3");
        stream.beginCapture();
        stream.launch(triple);
        stream.launch(triple);
        stream.endCapture(graph);
        stream.launch(graph);
        assertEquals(108, read(stream, y, 64)[5], "updated");
        stream.beginCapture();
        stream.launch(add);
        stream.endCapture(graph);
        stream.launch(graph);
        assertEquals(109, read(stream, y, 64)[5], "of another shape");
        assertEquals(1, graph.kernels());
      }
    }
  }

  @Test
  void anAbandonedCaptureLeavesTheStreamUsable() {
    try (Arena arena = Arena.ofConfined();
        CudaStream stream = device.newStream();
        DeviceBuffer y = device.allocate(4 * 64)) {
      stream.fill(y.address(), (byte) 0, 4 * 64);
      KernelLaunch add = scale(arena, y, 64, 1, 1);
      stream.beginCapture();
      stream.launch(add);
      stream.abandonCapture();
      stream.abandonCapture();
      stream.launch(add);
      assertEquals(1, read(stream, y, 64)[0]);
      stream.beginCapture();
    }
  }

  @Test
  void launchesBeyondTheLimitsAreRefusedBeforeTheyStart() {
    try (Arena arena = Arena.ofConfined()) {
      CudaKernel kernel = module().kernel("twice");
      KernelArguments none = KernelArguments.builder().pointer(0).build(arena);
      assertThrows(IllegalArgumentException.class, () -> kernel.launch(0, 1, 1, 32, 1, 1, 0, none));
      assertThrows(
          IllegalArgumentException.class, () -> kernel.launch(1, 65_536, 1, 32, 1, 1, 0, none));
      assertThrows(
          IllegalArgumentException.class, () -> kernel.launch(1, 1, 1, 2048, 1, 1, 0, none));
      int most = kernel.maxDynamicSharedBytes();
      assertTrue(most > 48 << 10);
      kernel.launch(1, 1, 1, 32, 1, 1, most, none);
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> kernel.launch(1, 1, 1, 32, 1, 1, most + 1, none));
      assertTrue(e.getMessage().startsWith("twice cannot run"), e.getMessage());
    }
  }

  @Test
  void closedThingsSaySo() {
    CudaStream stream = device.newStream();
    CudaEvent event = device.newEvent();
    DeviceBuffer buffer = device.allocate(64);
    PinnedBuffer pinned = device.allocatePinned(64);
    stream.beginCapture();
    CudaGraph graph = stream.endCapture();
    for (int i = 0; i < 2; i++) {
      graph.close();
      stream.close();
      event.close();
      buffer.close();
      pinned.close();
    }
    assertThrows(IllegalStateException.class, stream::synchronize);
    assertThrows(IllegalStateException.class, stream::handle);
    assertThrows(IllegalStateException.class, () -> stream.launch(graph));
    assertThrows(IllegalStateException.class, event::synchronize);
    assertThrows(IllegalStateException.class, buffer::address);
    assertThrows(IllegalStateException.class, () -> pinned.segment().get(ValueLayout.JAVA_BYTE, 0));
    device.close();
    device.close();
    assertThrows(IllegalStateException.class, () -> device.allocate(1));
    assertThrows(IllegalStateException.class, device::newStream);
    assertThrows(IllegalStateException.class, this::module);
  }

  @Test
  void theDeviceStaysUntilItsLastChildGoes() {
    CudaStream stream = device.newStream();
    DeviceBuffer buffer = device.allocate(256);
    device.close();
    stream.fill(buffer.address(), (byte) 1, 256);
    stream.synchronize();
    buffer.close();
    stream.close();
  }

  @Test
  void equalWeightsAreOneBufferUploadedOnce() {
    try (DeviceWeights weights = new DeviceWeights(device);
        CudaStream stream = device.newStream()) {
      AtomicInteger packed = new AtomicInteger();
      // More than both halves of the staging ring.
      float[] large = new float[5 << 20];
      for (int i = 0; i < large.length; i++) {
        large[i] = i * 0.25f;
      }
      MemorySegment bytes = MemorySegment.ofArray(large);
      ContentHash source = ContentHash.of(bytes);
      var first = weights.acquire(source, "plain", "row", () -> count(packed, bytes));
      var second = weights.acquire(source, "plain", "row", () -> count(packed, bytes));
      assertEquals(1, packed.get());
      var third =
          weights.acquire(new ContentHash(1, 2, 3), "other", "row", () -> count(packed, bytes));
      var fourth = weights.acquire(source, "plain", "column", () -> count(packed, bytes));
      assertEquals(first.address(), second.address());
      assertEquals(first.address(), third.address(), "equal content of another origin");
      assertEquals(first.id(), third.id());
      assertEquals(first.address(), fourth.address(), "the recipe decides, not the layout");
      assertEquals(bytes.byteSize(), weights.bytes());
      assertEquals(bytes.byteSize(), device.currentBytes());
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment back = arena.allocate(bytes.byteSize());
        stream.copyToHost(back, first.address(), bytes.byteSize());
        stream.synchronize();
        assertEquals(-1, back.mismatch(bytes));
      }
      first.close();
      first.close();
      second.close();
      third.close();
      assertEquals(bytes.byteSize(), device.currentBytes(), "one is left");
      fourth.close();
      assertEquals(0, device.currentBytes());
      assertEquals(0, weights.bytes());
    }
  }

  private static MemorySegment count(AtomicInteger counter, MemorySegment bytes) {
    counter.incrementAndGet();
    return bytes;
  }

  @Test
  void manyThreadsShareADevice() throws InterruptedException {
    int n = 256;
    float[][] results = new float[8][];
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < results.length; t++) {
      int index = t;
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try (Arena arena = Arena.ofConfined();
                        CudaStream stream = device.newStream();
                        DeviceBuffer y = device.allocate(4L * n)) {
                      stream.fill(y.address(), (byte) 0, 4L * n);
                      for (int i = 0; i < 20; i++) {
                        stream.launch(scale(arena, y, n, 1, index));
                      }
                      results[index] = read(stream, y, n);
                    }
                  }));
    }
    for (Thread t : threads) {
      t.join();
    }
    for (int t = 0; t < results.length; t++) {
      assertEquals(20f * t, results[t][n - 1]);
    }
  }
}
