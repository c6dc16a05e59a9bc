package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.cuda.CudaKernel;
import io.github.morseengine.engine.device.cuda.KernelArguments;
import io.github.morseengine.engine.device.cuda.KernelLaunch;
import java.util.ArrayList;
import java.util.List;

/** One launch of a kernel. Collects its arguments in their order, then is immutable. */
final class KernelStep implements CudaStep {

  /** A null pointer among the arguments. */
  private static final Object ABSENT = new Object();

  private static final long MOST_BLOCKS_X = Integer.MAX_VALUE;
  private static final long MOST_BLOCKS_YZ = 65535;

  private final CudaKernel kernel;
  private String label;
  private final int threads;
  private final List<Object> arguments = new ArrayList<>();
  private final List<View> views = new ArrayList<>();
  private int shared;
  private int gridX = 1;
  private int gridY = 1;
  private int gridZ = 1;

  /**
   * Starts a launch.
   *
   * @param kernel what to launch
   * @param label its name, for reports
   * @param threads threads per block
   * @param shared bytes of dynamic shared memory
   */
  KernelStep(CudaKernel kernel, String label, int threads, int shared) {
    this.kernel = kernel;
    this.label = label;
    this.threads = threads;
    this.shared = shared;
  }

  /** Adds the address of a view; null adds a null pointer. */
  KernelStep view(View view) {
    arguments.add(view == null ? ABSENT : view);
    if (view != null) {
      views.add(view);
    }
    return this;
  }

  /** Adds 32-bit integers. */
  KernelStep i32(long... values) {
    for (long v : values) {
      arguments.add(Math.toIntExact(v));
    }
    return this;
  }

  /** Adds 64-bit integers. */
  KernelStep i64(long... values) {
    for (long v : values) {
      arguments.add(v);
    }
    return this;
  }

  KernelStep f32(double value) {
    arguments.add((float) value);
    return this;
  }

  /** Says in reports why it is this kernel and not another. */
  KernelStep because(String reason) {
    label += reason == null ? "" : " (" + reason + ")";
    return this;
  }

  KernelStep shared(long bytes) {
    shared = Math.toIntExact(bytes);
    return this;
  }

  KernelStep grid(long x) {
    return grid(x, 1, 1);
  }

  KernelStep grid(long x, long y, long z) {
    if (x > MOST_BLOCKS_X || y > MOST_BLOCKS_YZ || z > MOST_BLOCKS_YZ) {
      throw new IllegalArgumentException(
          label + ": a grid of " + x + " x " + y + " x " + z + " blocks is too large");
    }
    gridX = (int) x;
    gridY = (int) y;
    gridZ = (int) z;
    return this;
  }

  @Override
  public String kernel() {
    return label;
  }

  @Override
  public List<View> views() {
    return views;
  }

  @Override
  public Bound bind(CudaBinding b) {
    KernelLaunch launch = launch(b);
    return stream -> stream.launch(launch);
  }

  private KernelLaunch launch(CudaBinding b) {
    KernelArguments.Builder out = KernelArguments.builder();
    for (Object a : arguments) {
      switch (a) {
        case View v -> out.pointer(b.address(v));
        case Integer i -> out.i32(i);
        case Long l -> out.i64(l);
        case Float f -> out.f32(f);
        default -> out.pointer(0);
      }
    }
    return kernel.launch(gridX, gridY, gridZ, threads, 1, 1, shared, out.build(b.lifetime()));
  }
}
