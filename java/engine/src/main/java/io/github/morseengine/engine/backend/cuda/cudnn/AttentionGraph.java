package io.github.morseengine.engine.backend.cuda.cudnn;

import io.github.morseengine.engine.ffi.cudnn.EngineConfig;
import io.github.morseengine.engine.ffi.cudnn.Operation;
import io.github.morseengine.engine.ffi.cudnn.OperationGraph;
import io.github.morseengine.engine.ffi.cudnn.Target;
import io.github.morseengine.engine.ffi.cudnn.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/** An attention as cuDNN's graph of one operation, with the scale as a scalar of the host. */
final class AttentionGraph implements Problem {

  private static final long Q = 1;
  private static final long K = 2;
  private static final long V = 3;
  private static final long O = 4;

  /** Rows of 16 bytes; anything less is refused, or slow. */
  private static final long ALIGNMENT = 16;

  private final AttentionSpec a;

  AttentionGraph(AttentionSpec a) {
    this.a = a;
  }

  @Override
  public String key() {
    return a.key();
  }

  @Override
  public boolean allows(EngineConfig.Notes notes) {
    return notes.deterministic();
  }

  @Override
  public long[] ids() {
    return new long[] {Q, K, V, O};
  }

  @Override
  public long[] bytes() {
    AttentionSpec.Pitch p = a.pitch();
    return new long[] {
      bytes(a.queries(), a.head(), p.q()),
      bytes(a.keys(), a.head(), p.k()),
      bytes(a.keys(), a.valueHead(), p.v()),
      bytes(a.queries(), a.valueHead(), p.o())
    };
  }

  private long bytes(long tokens, long head, long pitch) {
    return ((a.n() * tokens - 1) * pitch + a.heads() * head) * a.type().bytes();
  }

  @Override
  public OptionalDouble scalar() {
    return OptionalDouble.of(a.scale());
  }

  @Override
  public OperationGraph graph(Target target) {
    List<Tensor> tensors = new ArrayList<>();
    List<Operation> operations = new ArrayList<>();
    try {
      AttentionSpec.Pitch p = a.pitch();
      tensors.add(tokens(Q, a.queries(), a.head(), p.q()));
      tensors.add(tokens(K, a.keys(), a.head(), p.k()));
      tensors.add(tokens(V, a.keys(), a.valueHead(), p.v()));
      tensors.add(Tensor.scalar(SCALAR));
      tensors.add(tokens(O, a.queries(), a.valueHead(), p.o()));
      operations.add(
          Operation.attention(
              tensors.get(0), tensors.get(1), tensors.get(2), tensors.get(3), tensors.get(4)));
    } catch (RuntimeException e) {
      operations.forEach(Operation::close);
      tensors.forEach(Tensor::close);
      throw e;
    }
    return new OperationGraph(target, operations, tensors);
  }

  private Tensor tokens(long id, long count, long head, long pitch) {
    long[] dims = {a.n(), a.heads(), count, head};
    long[] strides = {count * pitch, head, pitch, 1};
    return Tensor.inMemory(id, a.type(), dims, strides, ALIGNMENT);
  }
}
