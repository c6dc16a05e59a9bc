package io.github.morseengine.tests.cudnn;

import io.github.morseengine.engine.backend.cuda.cudnn.AttentionSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec.Epilogue;
import io.github.morseengine.engine.backend.cuda.cudnn.ConvSpec.Window;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnAheadOfTime;
import io.github.morseengine.engine.backend.cuda.cudnn.CudnnAheadOfTime.Made;
import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.ffi.cudnn.Descriptor;
import io.github.morseengine.engine.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Makes, in a process of its own, the plans of all convolutions of the shipped model, SD 1.5 and
 * SDXL for one described device, each twice: from its graph, and again from its serialised form.
 * Prints what it did; ends with 1 where a plan is missing.
 */
public final class PlansWithoutGpu {

  private static final long[] BATCHES = {1, 2, 8};

  private final CudnnAheadOfTime cudnn;
  private int made;
  private int missing;
  private long largestWorkspace;

  private PlansWithoutGpu(CudnnAheadOfTime cudnn) {
    this.cudnn = cudnn;
  }

  /**
   * Makes the plans.
   *
   * @param arguments the device's name, the file with its properties, a folder for plans, the
   *     folder of the shipped model, and "all", or "few" for a sample of them
   */
  public static void main(String[] arguments) throws Exception {
    String json = Files.readString(Path.of(arguments[1]));
    DiskCache cache = new DiskCache(Path.of(arguments[2]));
    boolean all = arguments[4].equals("all");
    int missing;
    try (CudnnAheadOfTime cudnn = new CudnnAheadOfTime(arguments[0], json, cache)) {
      PlansWithoutGpu run = new PlansWithoutGpu(cudnn);
      for (ConvSpec spec : convolutions(Path.of(arguments[3]), all)) {
        run.twice(spec, () -> cudnn.make(spec));
      }
      for (AttentionSpec spec : attentions(all)) {
        run.twice(spec, () -> cudnn.make(spec));
      }
      missing = run.missing;
      System.out.println(
          arguments[0] + ": " + run.made + " plans, workspace up to " + run.largestWorkspace);
    }
    if (Descriptor.live() != 0) {
      System.out.println(Descriptor.live() + " descriptors are left");
      missing++;
    }
    System.exit(missing == 0 ? 0 : 1);
  }

  private static Set<ConvSpec> convolutions(Path shipped, boolean all) {
    Set<ConvSpec> out = new LinkedHashSet<>();
    if (!all) {
      out.addAll(Convolutions.ofFolder(shipped, DType.BFLOAT16, 2));
      return out;
    }
    for (long batch : BATCHES) {
      out.addAll(Convolutions.ofFolder(shipped, DType.FLOAT16, batch));
      // A decoder runs once per picture, and its plans differ by the batch in nothing but numbers.
      out.addAll(
          Convolutions.stableDiffusion(
              DType.FLOAT16, batch, name -> batch == 1 || !name.endsWith("vae")));
    }
    // All epilogues, in all types.
    for (DType type : new DType[] {DType.FLOAT16, DType.BFLOAT16, DType.FLOAT32}) {
      for (int i = 0; i < 8; i++) {
        Epilogue e = new Epilogue((i & 1) != 0, (i & 2) != 0, (i & 4) != 0);
        out.add(ConvSpec.dense(type, new long[] {2, 320, 32, 32}, 320, 3, Window.square(1, 1), e));
      }
    }
    return out;
  }

  private static List<AttentionSpec> attentions(boolean all) {
    // SD 1.5 and SDXL: self-attention, and cross-attention to 77 words.
    long[][] shapes = {
      {8, 4096, 40}, {8, 1024, 80}, {8, 256, 160}, {8, 64, 160}, {10, 4096, 64}, {20, 1024, 64}
    };
    List<AttentionSpec> out = new java.util.ArrayList<>();
    for (long[] s : all ? shapes : new long[][] {shapes[1]}) {
      for (long keys : new long[] {s[1], 77}) {
        long width = s[0] * s[2];
        AttentionSpec.Pitch pitch = new AttentionSpec.Pitch(width, width, width, width);
        float scale = (float) (1 / Math.sqrt(s[2]));
        out.add(new AttentionSpec(DType.FLOAT16, 2, s[0], s[1], keys, s[2], s[2], scale, pitch));
      }
    }
    return out;
  }

  private void twice(Object spec, Supplier<Optional<Made>> make) {
    Optional<Made> first = make.get();
    Optional<Made> again = make.get();
    if (first.isEmpty() || again.isEmpty()) {
      fail(spec, "has no plan");
    } else if (first.get().fromCache() || !again.get().fromCache()) {
      fail(spec, "does not survive a reload");
    } else if (first.get().workspaceBytes() != again.get().workspaceBytes()) {
      fail(spec, "needs another workspace after a reload");
    } else {
      made++;
      largestWorkspace = Math.max(largestWorkspace, first.get().workspaceBytes());
    }
  }

  private void fail(Object spec, String what) {
    missing++;
    System.out.println(spec + " " + what);
  }
}
