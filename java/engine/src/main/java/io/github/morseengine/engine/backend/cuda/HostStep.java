package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.backend.reference.ReferenceOps;
import io.github.morseengine.engine.device.cuda.CudaStream;
import io.github.morseengine.engine.device.cuda.PinnedBuffer;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A node that has no kernel: its inputs come to the host, the reference evaluates it, and its
 * outputs go back. It waits for the device, so a plan that holds one is not captured.
 */
final class HostStep implements CudaStep {

  private static final long ALIGNMENT = 64;

  private final Node node;
  private final List<View> inputs;
  private final List<View> outputs;

  /**
   * Creates a step.
   *
   * @param node the operator
   * @param inputs dense; null where absent
   * @param outputs dense; null where absent
   */
  HostStep(Node node, List<View> inputs, List<View> outputs) {
    this.node = node;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  @Override
  public String kernel() {
    return "host reference";
  }

  @Override
  public boolean isCapturable() {
    return false;
  }

  @Override
  public List<View> views() {
    List<View> all = new ArrayList<>(inputs);
    all.addAll(outputs);
    all.removeIf(Objects::isNull);
    return all;
  }

  @Override
  public Bound bind(CudaBinding b) {
    long bytes = 1;
    for (View v : views()) {
      bytes += ALIGNMENT + v.elements() * v.dtype().bytes();
    }
    PinnedBuffer staging = b.device().allocatePinned(bytes);
    long[] at = {0};
    Tensor[] in = tensors(inputs, staging.segment(), at);
    Tensor[] out = tensors(outputs, staging.segment(), at);
    return new Bound() {
      @Override
      public void enqueue(CudaStream stream) {
        for (int i = 0; i < in.length; i++) {
          if (in[i] != null && in[i].elements() > 0) {
            stream.copyToHost(in[i].data(), b.address(inputs.get(i)), in[i].byteSize());
          }
        }
        stream.synchronize();
        Tensor[] results = ReferenceOps.run(node, in);
        for (int i = 0; i < out.length; i++) {
          if (out[i] != null && out[i].elements() > 0) {
            store(results[i], out[i]);
            stream.copyToDevice(b.address(outputs.get(i)), out[i].data(), out[i].byteSize());
          }
        }
      }

      @Override
      public void close() {
        staging.close();
      }
    };
  }

  private static Tensor[] tensors(List<View> views, MemorySegment memory, long[] at) {
    Tensor[] out = new Tensor[views.size()];
    for (int i = 0; i < out.length; i++) {
      View v = views.get(i);
      if (v != null) {
        long bytes = v.elements() * v.dtype().bytes();
        out[i] = new Tensor(v.dtype(), v.shape(), memory.asSlice(at[0], bytes));
        at[0] += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
      }
    }
    return out;
  }

  /** The plan may keep a value in another precision than the graph gives it. */
  private static void store(Tensor from, Tensor to) {
    if (from.dtype() == to.dtype()) {
      to.data().copyFrom(from.data());
      return;
    }
    for (long i = 0; i < to.elements(); i++) {
      to.setDouble(i, from.getDouble(i));
    }
  }
}
