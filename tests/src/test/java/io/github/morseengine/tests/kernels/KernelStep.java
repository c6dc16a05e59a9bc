package io.github.morseengine.tests.kernels;

import static io.github.morseengine.tests.kernels.KernelBench.arguments;
import static io.github.morseengine.tests.kernels.KernelBench.ceil;
import static io.github.morseengine.tests.kernels.KernelBench.grid;

import io.github.morseengine.engine.backend.SampleUpdate;
import io.github.morseengine.engine.backend.SampleUpdate.Factors;
import io.github.morseengine.engine.backend.SampleUpdate.Store;
import io.github.morseengine.engine.backend.reference.UpdateReference;
import io.github.morseengine.engine.morse.Noise;
import io.github.morseengine.tests.kernels.KernelBench.Numbers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The fused residual-feedback step against {@link UpdateReference}, and its noise against {@link
 * Noise}. Tolerance: the noise 1e-6, as promised; a step has some 20 float32 operations on terms of
 * size up to 10, hence 32 units of 10; what the models see is rounded to their type on top.
 */
final class KernelStep {

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
  private static final long SEED = 0x123456789abcdef0L;
  private static final double ARITHMETIC = 10 * 32 * 0x1p-24;

  /** One of a step with all that it can have. */
  private static final Factors EVERYTHING =
      new Factors(
          0.7, -0.3, 0.8, 0.6, 0.2, 0.1, 0.5, 0.4, 0.3, 0, -0.2, new Store(0, 0.1, 0.9, -0.4));

  /** DDIM with nothing cut, as the host passes it. */
  private static final Factors PLAIN =
      Factors.of(1.2, -0.7, Double.POSITIVE_INFINITY, 0.9, 0, 0.3, 0).collapsed();

  private KernelStep() {}

  static List<KernelCase> cases() {
    return KernelCase.collect(
        out -> {
          out.add(new KernelCase("philox_normals", KernelStep::normals));
          for (int type = 0; type < 3; type++) {
            step(out, EVERYTHING, type, true, 3, 4, 35, 2, true, false);
            step(out, EVERYTHING, type, false, 2, 3, 64, 1, true, false);
          }
          step(out, EVERYTHING, 1, true, 2, 3, 64, 2, false, true);
          step(out, EVERYTHING, 1, false, 3, 3, 77, 2, false, true);
          step(out, PLAIN, 1, true, 1, 4, 300, 1, false, false);
          out.add(new KernelCase("residual_feedback_start_nhwc", KernelStep::start));
          out.add(new KernelCase("residual_feedback_step_nhwc not finite", KernelStep::fault));
        });
  }

  private static MemorySegment noise(int pictures, int elements, int first, int draw) {
    MemorySegment out = Arena.ofAuto().allocate(4L * pictures * elements, 4);
    for (int i = 0; i < pictures; i++) {
      Noise.fill(out, (long) i * elements, elements, SEED, first + i, draw);
    }
    return out;
  }

  private static String normals(KernelBench bench) {
    int count = 4099;
    Numbers y = bench.room(0, count);
    bench.run("philox_normals", 0, grid(ceil(count, 1024)), arguments(y, (long) count, SEED, 5, 7));
    MemorySegment out = Arena.ofAuto().allocate(4L * count, 4);
    Noise.fill(out, 0, count, SEED, 5, 7);
    return within(bench.read(y), out, count, 1e-6, "noise");
  }

  private static String within(
      double[] actual, MemorySegment expected, int count, double tolerance, String what) {
    for (int i = 0; i < count; i++) {
      double e = expected.getAtIndex(FLOAT, i);
      if (!(Math.abs(actual[i] - e) <= tolerance)) {
        return what + " " + i + " is " + actual[i] + ", expected " + e + " within " + tolerance;
      }
    }
    return null;
  }

  /** Where element (picture, channel, pixel) of the reference lies on the device. */
  private static int at(boolean nhwc, int i, int channels, int pixels) {
    int picture = i / channels / pixels;
    int channel = i / pixels % channels;
    int pixel = i % pixels;
    return nhwc ? (picture * pixels + pixel) * channels + channel : i;
  }

  private static void step(
      List<KernelCase> out,
      Factors f,
      int type,
      boolean nhwc,
      int pictures,
      int channels,
      int pixels,
      int halves,
      boolean dot,
      boolean given) {
    String name = "residual_feedback_step_" + (nhwc ? "nhwc" : "nchw");
    out.add(
        new KernelCase(
            name
                + " "
                + KernelCase.type(type)
                + " "
                + pictures
                + "x"
                + channels
                + "x"
                + pixels
                + (halves == 2 ? " guided" : "")
                + (dot ? " Dot" : " Dash")
                + (given ? " given noise" : ""),
            bench ->
                step(bench, name, f, type, nhwc, pictures, channels, pixels, halves, dot, given)));
  }

  private static String step(
      KernelBench bench,
      String name,
      Factors f,
      int type,
      boolean nhwc,
      int pictures,
      int channels,
      int pixels,
      int halves,
      boolean dot,
      boolean given) {
    int elements = channels * pixels;
    int n = pictures * elements;
    int draw = f.d() == 0 ? 0 : 4;
    Numbers x = bench.random(0, n, 1, 1);
    Numbers z = bench.random(type, halves * n, 1, 2);
    Numbers r = dot ? bench.random(type, halves * n, 0.3, 3) : null;
    Numbers gradient = f.g() == 0 ? null : bench.random(0, n, 1, 4);
    Numbers history = bench.random(0, 3 * n, 1, 5);
    int ld = nhwc ? channels + 3 : channels;
    Numbers input0 = bench.of(type, new double[halves * pictures * pixels * ld]);
    Numbers input1 = bench.room(type, halves * n);
    Numbers time0 = bench.room(0, 3);
    Numbers time1 = bench.room(4, 2);
    Numbers counter = bench.of(3, 1, 0);
    Numbers fault = bench.of(3, 0);
    MemorySegment drawn = noise(pictures, elements, 9, draw);
    Numbers noise = null;
    if (given) {
      double[] values = new double[draw * n];
      for (int i = 0; i < n; i++) {
        values[(draw - 1) * n + i] = drawn.getAtIndex(FLOAT, i);
      }
      noise = bench.of(0, values);
    }
    bench.run(
        name,
        type,
        grid(Math.min(3, ceil((long) pictures * channels * ceil(pixels, 4), 256))),
        arguments(
            x,
            z,
            r,
            gradient,
            history,
            noise,
            input0,
            input1,
            time0,
            time1,
            table(bench, f, draw),
            counter,
            fault,
            pictures,
            channels,
            pixels,
            halves,
            ld,
            channels,
            0,
            3,
            2,
            2,
            9,
            SEED));

    Arena arena = Arena.ofAuto();
    MemorySegment next = arena.allocate(4L * n, 4);
    List<MemorySegment> kept =
        List.of(
            host(arena, history, 0, n, nhwc, channels, pixels),
            host(arena, history, n, n, nhwc, channels, pixels),
            host(arena, history, 2 * n, n, nhwc, channels, pixels));
    new UpdateReference()
        .apply(
            f,
            halves == 2 ? 3 : Double.NaN,
            new SampleUpdate.Memory(
                host(arena, x, 0, n, nhwc, channels, pixels),
                host(arena, z, 0, halves * n, nhwc, channels, pixels),
                dot ? host(arena, r, 0, halves * n, nhwc, channels, pixels) : null,
                f.g() == 0 ? null : host(arena, gradient, 0, n, nhwc, channels, pixels),
                f.d() == 0 ? null : drawn,
                kept,
                next),
            0,
            n);

    double[] sample = bench.read(x);
    double[] first = bench.read(input0);
    double[] second = bench.read(input1);
    double[] stored = bench.read(history);
    for (int i = 0; i < n; i++) {
      double e = next.getAtIndex(FLOAT, i);
      int at = at(nhwc, i, channels, pixels);
      if (!(Math.abs(sample[at] - e) <= ARITHMETIC)) {
        return "sample " + i + " is " + sample[at] + ", expected " + e;
      }
      double seen = KernelBench.unit(type) * Math.abs(e) + ARITHMETIC;
      for (int half = 0; half < halves; half++) {
        int wide = nhwc ? at / channels * ld + at % channels : at;
        double a = first[half * pictures * pixels * ld + wide];
        double b = second[half * n + at];
        if (!(Math.abs(a - e) <= seen && Math.abs(b - e) <= seen)) {
          return "input " + i + " is " + a + " and " + b + ", expected " + e;
        }
      }
      for (int k = 0; k < 3; k++) {
        double h = kept.get(k).getAtIndex(FLOAT, i);
        if (!(Math.abs(stored[k * n + at] - h) <= ARITHMETIC)) {
          return "history " + k + " " + i + " is " + stored[k * n + at] + ", expected " + h;
        }
      }
    }
    double[] times = bench.read(time0);
    double[] whole = bench.read(time1);
    double[] count = bench.read(counter);
    boolean right =
        times[0] == 123.5
            && times[2] == 123.5
            && whole[1] == 124
            && count[0] == 2
            && count[1] == 0
            && bench.read(fault)[0] == 0;
    return right ? null : "timesteps, counter or fault are wrong";
  }

  /** The step that the counter names is the second of three. */
  private static Numbers table(KernelBench bench, Factors f, int draw) {
    int[] words = new int[96];
    double[] reals = {
      f.p(), f.q(), f.limit(), f.a(), f.b(), f.c(), f.d(), f.g(), f.h0(), f.h1(), f.h2(), 3
    };
    for (int i = 0; i < reals.length; i++) {
      words[32 + i] = Float.floatToRawIntBits((float) reals[i]);
    }
    words[44] = f.store().slot();
    words[45] = Float.floatToRawIntBits((float) f.store().u());
    words[46] = Float.floatToRawIntBits((float) f.store().v());
    words[47] = Float.floatToRawIntBits((float) f.store().w());
    words[48] = draw;
    words[49] = Float.floatToRawIntBits(123.5f);
    words[50] = 124;
    double[] values = new double[96];
    for (int i = 0; i < 96; i++) {
      values[i] = words[i];
    }
    return bench.of(3, values);
  }

  /** Part of a tensor as the reference has it: float32, channels before pixels. */
  private static MemorySegment host(
      Arena arena, Numbers from, int first, int count, boolean nhwc, int channels, int pixels) {
    MemorySegment out = arena.allocate(4L * count, 4);
    for (int i = 0; i < count; i++) {
      out.setAtIndex(FLOAT, i, (float) from.get(first + at(nhwc, i, channels, pixels)));
    }
    return out;
  }

  private static String start(KernelBench bench) {
    int pictures = 2;
    int channels = 3;
    int pixels = 50;
    int n = pictures * channels * pixels;
    Numbers x = bench.room(0, n);
    Numbers input = bench.room(1, 2 * n);
    Numbers time = bench.room(4, 5);
    Numbers counter = bench.of(3, 17, 5);
    bench.run(
        "residual_feedback_start_nhwc",
        1,
        grid(1),
        arguments(
            x, null, input, null, time, null, counter, pictures, channels, pixels, 2, channels, 0,
            2, 5, 0, 0, 9, SEED, 2f, 998.6f, 999L));
    MemorySegment drawn = noise(pictures, channels * pixels, 9, 0);
    double[] sample = bench.read(x);
    double[] seen = bench.read(input);
    for (int i = 0; i < n; i++) {
      double e = 2 * drawn.getAtIndex(FLOAT, i);
      int at = at(true, i, channels, pixels);
      double tolerance = 0x1p-11 * Math.abs(e) + 2e-6;
      if (!(Math.abs(sample[at] - e) <= 2e-6
          && Math.abs(seen[at] - e) <= tolerance
          && Math.abs(seen[n + at] - e) <= tolerance)) {
        return "sample " + i + " is " + sample[at] + ", expected " + e;
      }
    }
    boolean right = bench.read(time)[4] == 999 && bench.read(counter)[0] == 0;
    return right && bench.read(counter)[1] == 0 ? null : "timestep or counter are wrong";
  }

  private static String fault(KernelBench bench) {
    int n = 64;
    double[] values = new double[n];
    values[37] = Double.NaN;
    Numbers x = bench.of(0, new double[n]);
    Numbers z = bench.of(0, values);
    Numbers counter = bench.of(3, 1, 0);
    Numbers fault = bench.of(3, 0);
    bench.run(
        "residual_feedback_step_nhwc",
        0,
        grid(1),
        arguments(
            x,
            z,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            table(bench, PLAIN, 0),
            counter,
            fault,
            1,
            1,
            n,
            1,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            SEED));
    return bench.read(fault)[0] == 2 ? null : "the fault is " + bench.read(fault)[0] + ", not 2";
  }
}
