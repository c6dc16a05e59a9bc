package io.github.morseengine.engine.ffi.onednn;

import io.github.morseengine.bindings.onednn.OneDnn;
import io.github.morseengine.bindings.onednn.dnnl_exec_arg_t;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A compiled oneDNN operation (see {@link Primitives}) with the layouts that it chose. Immutable
 * and safe for use by several threads, since its scratchpad is the caller's; close is idempotent.
 */
public final class Primitive implements AutoCloseable {

  /** Argument indices at execution. */
  public enum Arg {
    /** First source. */
    SRC(OneDnn.DNNL_ARG_SRC()),
    /** Second source of a binary operation. */
    SRC_1(OneDnn.DNNL_ARG_SRC_1()),
    /** Destination. */
    DST(OneDnn.DNNL_ARG_DST()),
    /** Weights; the right matrix of a product. */
    WEIGHTS(OneDnn.DNNL_ARG_WEIGHTS()),
    /** Bias. */
    BIAS(OneDnn.DNNL_ARG_BIAS()),
    /** Scale of a normalisation. */
    SCALE(OneDnn.DNNL_ARG_SCALE()),
    /** Shift of a normalisation. */
    SHIFT(OneDnn.DNNL_ARG_SHIFT()),
    /** Scratchpad. */
    SCRATCHPAD(OneDnn.DNNL_ARG_SCRATCHPAD());

    private final int code;

    Arg(int code) {
      this.code = code;
    }

    /** {@return the index as oneDNN numbers it} */
    public int code() {
      return code;
    }
  }

  /** A call that makes a description. */
  interface Creator {
    /** Writes the description's handle to out and returns oneDNN's status. */
    int create(MemorySegment out);
  }

  private final DnnEngine engine;
  private final MemorySegment handle;
  private final MemoryDesc source;
  private final MemoryDesc weights;
  private final MemoryDesc destination;
  private final MemoryDesc scratchpad;
  private final String implementation;
  private boolean closed;

  private Primitive(DnnEngine engine, MemorySegment desc) {
    this.engine = engine;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      Dnn.check(OneDnn.dnnl_primitive_create(out, desc), "dnnl_primitive_create");
      handle = out.get(ValueLayout.ADDRESS, 0);
      source = query(desc, OneDnn.dnnl_query_src_md());
      weights = query(desc, OneDnn.dnnl_query_weights_md());
      destination = query(desc, OneDnn.dnnl_query_dst_md());
      scratchpad = query(desc, OneDnn.dnnl_query_scratchpad_md());
      int status =
          OneDnn.dnnl_primitive_desc_query(desc, OneDnn.dnnl_query_impl_info_str(), 0, out);
      Dnn.check(status, "dnnl_primitive_desc_query", "implementation");
      implementation = out.get(ValueLayout.ADDRESS, 0).reinterpret(256).getString(0);
    }
  }

  private static MemoryDesc query(MemorySegment desc, int what) {
    MemorySegment md = OneDnn.dnnl_primitive_desc_query_md(desc, what, 0);
    return md.address() == 0 ? null : MemoryDesc.copyOf(md);
  }

  /**
   * Compiles an operation.
   *
   * @param engine the engine
   * @param function what the creator calls, for errors
   * @param creator makes the operation's description
   * @return the primitive; null where oneDNN has no kernel for the request
   */
  static Primitive create(DnnEngine engine, String function, Creator creator) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      int status = creator.create(out);
      if (Dnn.unsupported(status)) {
        return null;
      }
      Dnn.check(status, function);
      MemorySegment desc = out.get(ValueLayout.ADDRESS, 0);
      try {
        return new Primitive(engine, desc);
      } finally {
        Dnn.check(OneDnn.dnnl_primitive_desc_destroy(desc), "dnnl_primitive_desc_destroy");
      }
    }
  }

  /** {@return whether oneDNN has nothing better than its reference kernel} */
  public boolean isReference() {
    return implementation.startsWith("ref")
        || implementation.startsWith("simple:any")
        || implementation.startsWith("gemm:ref");
  }

  /** {@return the source layout that was chosen} */
  public MemoryDesc source() {
    return source;
  }

  /** {@return the weights layout that was chosen; null where there are none} */
  public MemoryDesc weights() {
    return weights;
  }

  /** {@return the destination layout that was chosen} */
  public MemoryDesc destination() {
    return destination;
  }

  /** {@return the layout of the scratchpad; null or of 0 bytes where none is needed} */
  public MemoryDesc scratchpad() {
    return scratchpad;
  }

  /** {@return oneDNN's name of the kernel} */
  public String implementation() {
    return implementation;
  }

  /**
   * Encodes arguments once, for many executions.
   *
   * @param arena owner of the block
   * @param codes argument indices
   * @param memories one memory per index; they must outlive the block
   * @return the block
   */
  public static MemorySegment arguments(Arena arena, int[] codes, Memory[] memories) {
    MemorySegment block = dnnl_exec_arg_t.allocateArray(codes.length, arena);
    for (int i = 0; i < codes.length; i++) {
      MemorySegment entry = dnnl_exec_arg_t.asSlice(block, i);
      dnnl_exec_arg_t.arg(entry, codes[i]);
      dnnl_exec_arg_t.memory(entry, memories[i].handle());
    }
    return block;
  }

  /**
   * Runs the operation; one downcall.
   *
   * @param count number of arguments
   * @param arguments from {@link #arguments}
   */
  public void execute(int count, MemorySegment arguments) {
    int status = OneDnn.dnnl_primitive_execute(handle, engine.stream(), count, arguments);
    if (status != 0) {
      Dnn.check(status, "dnnl_primitive_execute", implementation);
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      for (MemoryDesc d : new MemoryDesc[] {source, weights, destination, scratchpad}) {
        if (d != null) {
          d.close();
        }
      }
      Dnn.check(OneDnn.dnnl_primitive_destroy(handle), "dnnl_primitive_destroy", implementation);
    }
  }
}
