package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.ffi.cudnn.EngineConfig;
import io.github.morseengine.engine.ffi.cudnn.Operation;
import io.github.morseengine.engine.ffi.cudnn.OperationGraph;
import io.github.morseengine.engine.ffi.cudnn.Target;
import io.github.morseengine.engine.ffi.cudnn.Tensor;
import io.github.morseengine.engine.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.LongStream;

/**
 * A convolution as cuDNN's graph: the convolution, then one element-wise operation for the bias,
 * the residual and SiLU each, joined by float32 tensors that never reach memory.
 */
final class ConvGraph implements Problem {

  private static final long X = 1;
  private static final long W = 2;
  private static final long BIAS = 3;
  private static final long RESIDUAL = 4;
  private static final long Y = 5;
  private static final long FIRST_BETWEEN = 100;

  private final ConvSpec c;

  ConvGraph(ConvSpec c) {
    this.c = c;
  }

  @Override
  public String key() {
    return c.key();
  }

  /** Engines that reduce in any order would give another picture for the same seed. */
  @Override
  public boolean allows(EngineConfig.Notes notes) {
    boolean exact = c.type() == DType.FLOAT32 && !c.tf32();
    return notes.deterministic() && !(exact && notes.tensorCores());
  }

  @Override
  public long[] ids() {
    ConvSpec.Epilogue e = c.epilogue();
    return LongStream.of(X, W, e.bias() ? BIAS : 0, e.residual() ? RESIDUAL : 0, Y)
        .filter(id -> id != 0)
        .toArray();
  }

  @Override
  public long[] bytes() {
    long weights = c.k() * c.r() * c.s() * (c.c() / c.groups()) * c.type().bytes();
    return LongStream.of(ids())
        .map(
            id ->
                id == X
                    ? image(c.h() * c.w(), c.pitch().x(), c.c())
                    : id == W
                        ? weights
                        : id == BIAS
                            ? c.k() * Float.BYTES
                            : id == RESIDUAL
                                ? image(c.outH() * c.outW(), c.pitch().residual(), c.k())
                                : image(c.outH() * c.outW(), c.pitch().y(), c.k()))
        .toArray();
  }

  private long image(long positions, long pitch, long channels) {
    return ((c.n() * positions - 1) * pitch + channels) * c.type().bytes();
  }

  @Override
  public OptionalDouble scalar() {
    return OptionalDouble.empty();
  }

  @Override
  public OperationGraph graph(Target target) {
    Builder builder = new Builder(c);
    try {
      builder.build();
    } catch (RuntimeException e) {
      builder.operations.forEach(Operation::close);
      builder.tensors.forEach(Tensor::close);
      throw e;
    }
    return new OperationGraph(target, builder.operations, builder.tensors);
  }

  private static final class Builder {

    private final ConvSpec c;
    private final List<Tensor> tensors = new ArrayList<>();
    private final List<Operation> operations = new ArrayList<>();
    private final long[] outDims;
    private int following;

    Builder(ConvSpec c) {
      this.c = c;
      outDims = new long[] {c.n(), c.k(), c.outH(), c.outW()};
    }

    void build() {
      ConvSpec.Window v = c.window();
      ConvSpec.Epilogue e = c.epilogue();
      following = (e.bias() ? 1 : 0) + (e.residual() ? 1 : 0) + (e.silu() ? 1 : 0);
      long depth = c.c() / c.groups();
      Tensor x = image(X, new long[] {c.n(), c.c(), c.h(), c.w()}, c.pitch().x());
      Tensor w = image(W, new long[] {c.k(), depth, c.r(), c.s()}, depth);
      long[] steps = {v.strideH(), v.strideW()};
      long[] dilations = {v.dilationH(), v.dilationW()};
      long[] before = {v.top(), v.left()};
      long[] after = {v.bottom(), v.right()};
      Tensor sum = next();
      operations.add(Operation.convolution(x, w, sum, steps, dilations, before, after));
      if (e.bias()) {
        long k = c.k();
        long[] strides = {k, 1, k, k};
        long[] dims = {1, k, 1, 1};
        sum = add(sum, keep(Tensor.inMemory(BIAS, DType.FLOAT32, dims, strides, Float.BYTES)));
      }
      if (e.residual()) {
        sum = add(sum, image(RESIDUAL, outDims, c.pitch().residual()));
      }
      if (e.silu()) {
        following--;
        operations.add(Operation.silu(sum, next()));
      }
    }

    private Tensor add(Tensor sum, Tensor operand) {
      following--;
      Tensor y = next();
      operations.add(Operation.add(sum, operand, y));
      return y;
    }

    /** The output if nothing follows, else a tensor that the next operation reads. */
    private Tensor next() {
      return following == 0
          ? image(Y, outDims, c.pitch().y())
          : keep(Tensor.between(FIRST_BETWEEN + following, outDims, strides(outDims, c.k())));
    }

    private Tensor image(long id, long[] dims, long pitch) {
      return keep(Tensor.inMemory(id, c.type(), dims, strides(dims, pitch), c.alignment()));
    }

    private Tensor keep(Tensor t) {
      tensors.add(t);
      return t;
    }

    /** Strides of N, C, H, W dimensions that lie channels-last in memory. */
    private static long[] strides(long[] dims, long pitch) {
      return new long[] {dims[2] * dims[3] * pitch, 1, dims[3] * pitch, pitch};
    }
  }
}
