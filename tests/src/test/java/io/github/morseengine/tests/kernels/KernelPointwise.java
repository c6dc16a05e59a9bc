package io.github.morseengine.tests.kernels;

import static io.github.morseengine.tests.kernels.KernelBench.arguments;

import io.github.morseengine.tests.kernels.KernelBench.Numbers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import java.util.function.LongBinaryOperator;

/**
 * The functions that generated islands call. Tolerance: 8 units of float32 of the result, what
 * CUDA's guide gives for the worst of them, plus as much of the argument, for those whose result
 * comes from a cancelling sum (GELU, ELU, softplus) or an angle.
 */
final class KernelPointwise {

  /** Functions by name, in the order of the source. */
  private record Real(String name, DoubleBinaryOperator function) {}

  private record Whole(String name, LongBinaryOperator function) {}

  private static final List<Real> REALS =
      List.of(
          new Real("abs", (x, w) -> Math.abs(x)),
          new Real("neg", (x, w) -> -x),
          new Real("ceil", (x, w) -> Math.ceil(x)),
          new Real("floor", (x, w) -> Math.floor(x)),
          new Real("round", (x, w) -> Math.rint(x)),
          new Real("sqrt", (x, w) -> Math.sqrt(x)),
          new Real("reciprocal", (x, w) -> 1 / x),
          new Real("exp", (x, w) -> Math.exp(x)),
          new Real("log", (x, w) -> Math.log(x)),
          new Real("sin", (x, w) -> Math.sin(x)),
          new Real("cos", (x, w) -> Math.cos(x)),
          new Real("tan", (x, w) -> Math.tan(x)),
          new Real("tanh", (x, w) -> Math.tanh(x)),
          new Real("erf", (x, w) -> Functions.erf(x)),
          new Real("gelu", (x, w) -> Functions.gelu(x)),
          new Real("gelu_tanh", (x, w) -> Functions.geluTanh(x)),
          new Real("silu", (x, w) -> Functions.silu(x)),
          new Real("sigmoid", (x, w) -> 1 / (1 + Math.exp(-x))),
          new Real("swish", (x, w) -> x / (1 + Math.exp(-2 * x))),
          new Real("softplus", (x, w) -> Math.log1p(Math.exp(x))),
          new Real("mish", (x, w) -> x * Math.tanh(Math.log1p(Math.exp(x)))),
          new Real("elu", (x, w) -> x < 0 ? 0.5 * Math.expm1(x) : x),
          new Real("sign", (x, w) -> Math.signum(x)),
          new Real("leaky_relu", (x, w) -> x < 0 ? 0.5 * x : x),
          new Real("relu", (x, w) -> x < 0 ? 0 : x),
          new Real("pow", Math::pow),
          new Real("max", Math::max),
          new Real("min", Math::min),
          new Real("clip", (x, w) -> Math.min(2, Math.max(-1, x))),
          new Real("mod", (x, w) -> x - w * Math.floor(x / w)),
          new Real("fmod", (x, w) -> x % w),
          new Real("hard_sigmoid", (x, w) -> Math.max(0, Math.min(1, 0.25 * x + 0.5))),
          new Real("hard_swish", (x, w) -> x * Math.max(0, Math.min(1, x / 6 + 0.5))));

  private static final List<Whole> WHOLES =
      List.of(
          new Whole("div", (p, q) -> q == 0 ? 0 : p / q),
          new Whole("mod", (p, q) -> q == 0 ? 0 : Math.floorMod(p, q)),
          new Whole("fmod", (p, q) -> q == 0 ? 0 : p % q),
          new Whole("min", Math::min),
          new Whole("max", Math::max),
          new Whole("abs", (p, q) -> Math.abs(p)),
          new Whole("sign", (p, q) -> Long.signum(p)),
          new Whole("pow", (p, q) -> (long) Math.pow(p, q)));

  /** Both signs, zero, exact halves, large and small; b is exact in binary, so that mod is too. */
  private static final double[] A = {
    0.3, -0.3, 2.5, -2.5, 7.25, -7.25, 0.001, 12, -12, 1, -1, 0, 30
  };

  private static final double[] B = {2, 3, -2, 2, 0.5, 4, 1, -0.5, 2, -1, 5, 2, 0.25};
  private static final double[] C = {7, -7, 7, -7, 0, 5, 1L << 40, -9, 3, 2, 10, -1, 6};
  private static final double[] D = {2, 2, -2, -2, 3, 0, 3, -1, 4, 10, 1, 1, 6};

  private KernelPointwise() {}

  static List<KernelCase> cases() {
    return List.of(new KernelCase("pointwise functions", KernelPointwise::run));
  }

  private static String run(KernelBench bench) {
    int n = A.length;
    Numbers a = bench.of(0, A);
    Numbers b = bench.of(0, B);
    Numbers y = bench.room(0, REALS.size() * n);
    Numbers c = bench.of(4, C);
    Numbers d = bench.of(4, D);
    Numbers z = bench.room(4, WHOLES.size() * n);
    String source;
    try {
      source =
          Files.readString(
              Path.of(System.getProperty("morse.repository"), "kernels/proof/pointwise.cu"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    bench.run("pointwise.cu", source, "pointwise_functions", arguments(a, b, y, c, d, z, (long) n));
    double[] reals = bench.read(y);
    double[] wholes = bench.read(z);
    for (int i = 0; i < n; i++) {
      for (int k = 0; k < REALS.size(); k++) {
        double e = REALS.get(k).function().applyAsDouble(a.get(i), b.get(i));
        double got = reals[k * n + i];
        double bound = 8 * 0x1p-24 * (Math.abs(e) + Math.abs(a.get(i)));
        if (Double.compare(e + 0.0, got + 0.0) != 0 && !(Math.abs(e - got) <= bound)) {
          return REALS.get(k).name()
              + "("
              + a.get(i)
              + ", "
              + b.get(i)
              + ") is "
              + got
              + ", not "
              + e;
        }
      }
      for (int k = 0; k < WHOLES.size(); k++) {
        long e = WHOLES.get(k).function().applyAsLong((long) C[i], (long) D[i]);
        if (wholes[k * n + i] != e) {
          return WHOLES.get(k).name()
              + "("
              + C[i]
              + ", "
              + D[i]
              + ") is "
              + wholes[k * n + i]
              + ", not "
              + e;
        }
      }
    }
    return null;
  }
}
