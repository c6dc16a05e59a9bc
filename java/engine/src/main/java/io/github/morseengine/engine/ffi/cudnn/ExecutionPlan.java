package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/** A plan that is ready to run. Immutable; used by several threads, each with its own pack. */
public final class ExecutionPlan extends Descriptor {

  private final EngineConfig config;

  private ExecutionPlan(EngineConfig config) {
    super(Cudnn.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR());
    this.config = config;
  }

  /**
   * Makes the plan of a configuration; a fused graph is compiled here, which takes a large part of
   * a second.
   *
   * @param config the configuration, closed with the plan or at once where there is none
   * @param target the device
   * @return the plan, or nothing where the engine does not fit after all
   */
  public static Optional<ExecutionPlan> of(EngineConfig config, Target target) {
    ExecutionPlan plan = new ExecutionPlan(config);
    try {
      target.of(plan);
      plan.descriptor(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG(), config);
      int status = plan.tryFinalise();
      if (CudnnStatus.unsupported(status)) {
        plan.close();
        return Optional.empty();
      }
      CudnnStatus.check(status, "cudnnBackendFinalize", plan);
      return Optional.of(plan);
    } catch (RuntimeException e) {
      plan.close();
      throw e;
    }
  }

  /**
   * Makes a plan of its serialised form.
   *
   * @param json what {@link #json()} gave
   * @param target the device
   * @return the plan, or nothing where it is damaged or for another device or version
   */
  public static Optional<ExecutionPlan> ofJson(byte[] json, Target target) {
    ExecutionPlan plan = new ExecutionPlan(null);
    try {
      target.of(plan);
      plan.text(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION(), json);
      if (plan.tryFinalise() == Cudnn.CUDNN_STATUS_SUCCESS()) {
        return Optional.of(plan);
      }
      plan.close();
      return Optional.empty();
    } catch (RuntimeException e) {
      plan.close();
      throw e;
    }
  }

  /** {@return bytes of device memory that a run needs beside its tensors} */
  public long workspaceBytes() {
    return int64(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE());
  }

  /** {@return the serialised form; two of the same plan need not be equal} */
  public byte[] json() {
    int attribute = Cudnn.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION();
    int type = Cudnn.CUDNN_TYPE_CHAR();
    try (Arena arena = Arena.ofConfined()) {
      long room = get(attribute, type, 0, MemorySegment.NULL);
      MemorySegment text = arena.allocate(room);
      long size = get(attribute, type, room, text);
      return text.asSlice(0, Math.min(size, room)).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @Override
  public void close() {
    super.close();
    if (config != null) {
      config.close();
    }
  }

  @Override
  public String toString() {
    return "execution plan";
  }
}
