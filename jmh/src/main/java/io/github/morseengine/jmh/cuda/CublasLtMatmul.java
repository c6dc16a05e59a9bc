package io.github.morseengine.jmh.cuda;

import io.github.morseengine.engine.backend.cuda.cublaslt.CublasLtPlans;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulPlan;
import io.github.morseengine.engine.backend.cuda.cublaslt.MatmulSpec;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.Stopwatch;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Param;

/** Linear layers by cuBLASLt. */
public class CublasLtMatmul extends GpuBenchmark {

  /** Large enough that nothing but the multiplication counts. */
  private static final long PEAK_SIDE = 8192;

  /**
   * Rows, output width, input width: of the shipped model, of SD 1.5 and of SDXL with guidance
   * (projections, both layers of the feed-forward, time embedding).
   */
  @Param({
    "64x384x128",
    "1x192x256",
    "8192x320x320",
    "8192x2560x320",
    "2048x640x2560",
    "512x1280x1280",
    "2x1280x1280",
    "8192x640x640",
    "2048x1280x1280",
    "2048x10240x1280",
    "154x1280x2048"
  })
  public String shape = "64x384x128";

  /** What follows the sum; accumulate adds to what is there, as LoRA does. */
  @Param({"bias", "gelu", "accumulate"})
  public String epilogue = "bias";

  private CublasLtPlans plans;
  private MatmulPlan plan;
  private MatmulPlan.Bound bound;
  private MatmulSpec spec;
  private Tensor a;
  private Tensor b;
  private Tensor bias;
  private Tensor before;
  private Tensor d;
  private long result;

  /** Created by JMH. */
  public CublasLtMatmul() {}

  /** {@return TFLOP/s of one large product in bfloat16: the rate that a GPU can reach} */
  static double peak(CudaDevice device) {
    MatmulSpec spec =
        MatmulSpec.linear(DType.BFLOAT16, PEAK_SIDE, PEAK_SIDE, PEAK_SIDE, true, false, false);
    long bytes = 2 * PEAK_SIDE * PEAK_SIDE;
    try (CublasLtPlans plans = new CublasLtPlans(device, cache(), true)) {
      MatmulPlan plan = plans.find(spec).orElseThrow();
      try (Stopwatch watch = new Stopwatch(device, bytes, bytes, bytes, plan.workspaceBytes());
          MatmulPlan.Bound bound =
              plan.bind(
                  watch.addresses()[3],
                  watch.addresses()[0],
                  watch.addresses()[1],
                  0,
                  0,
                  watch.addresses()[2])) {
        return spec.flops() / watch.micros(bound::enqueue) * 1e-6;
      }
    }
  }

  @Override
  protected void bind() {
    long[] s = parse(shape);
    boolean accumulate = epilogue.equals("accumulate");
    MatmulSpec layer =
        MatmulSpec.linear(
            elements(), s[0], s[1], s[2], false, !accumulate, epilogue.equals("gelu"));
    spec =
        new MatmulSpec(
            layer.type(),
            layer.m(),
            layer.n(),
            layer.k(),
            layer.a(),
            layer.b(),
            false,
            accumulate ? layer.d() : null,
            layer.d(),
            1,
            layer.bias(),
            layer.gelu(),
            1,
            true,
            layer.alignment());
    plans = new CublasLtPlans(device, cache(), !isSimulated());
    plan =
        plans
            .find(spec)
            .orElseThrow(() -> new IllegalStateException("cuBLASLt has no kernel for " + spec));
    a = numbers(elements(), s[0] * s[2], 1);
    b = numbers(elements(), s[2] * s[1], 2 / Math.sqrt(s[2]));
    bias = numbers(elements(), s[1], 1);
    before = numbers(elements(), s[0] * s[1], 1);
    d = Tensor.allocate(elements(), s[0] * s[1]);
    result = onDevice(before);
    bound =
        plan.bind(
            onDevice(plan.workspaceBytes()),
            onDevice(a),
            onDevice(b),
            spec.bias() ? onDevice(bias) : 0,
            accumulate ? result : 0,
            result);
  }

  @Override
  protected void enqueue(CudaStream on) {
    bound.enqueue(on);
  }

  @Override
  protected void readBack() {
    read(d, result);
  }

  @Override
  protected void verify(SplittableRandom places) {
    long row = places.nextLong(spec.m());
    long col = places.nextLong(spec.n());
    double sum = 0;
    double size = 1;
    for (long i = 0; i < spec.k(); i++) {
      double product = a.getDouble(row * spec.k() + i) * b.getDouble(i * spec.n() + col);
      sum += product;
      size += Math.abs(product);
    }
    long at = row * spec.n() + col;
    sum += spec.bias() ? bias.getDouble(col) : before.getDouble(at);
    if (spec.gelu()) {
      double inner = Math.sqrt(2 / Math.PI) * (sum + 0.044715 * sum * sum * sum);
      sum *= 0.5 * (1 + Math.tanh(inner));
      // cuBLASLt's tanh is the GPU's own, good to 11 bits.
      size += 8;
    }
    near(spec + " at " + at, d.getDouble(at), sum, size);
  }

  @Override
  protected long flops() {
    return spec.flops();
  }

  @Override
  protected long bytes() {
    return spec.bytes();
  }

  @Override
  protected String kernel() {
    return "cuBLASLt " + plans.version();
  }

  @Override
  protected void unbind() {
    bound.close();
    plans.close();
  }
}
