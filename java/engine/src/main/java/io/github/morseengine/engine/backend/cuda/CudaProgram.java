package io.github.morseengine.engine.backend.cuda;

import io.github.morseengine.engine.backend.Executable.StepInfo;
import io.github.morseengine.engine.backend.plan.Placement;
import io.github.morseengine.engine.backend.plan.Slot;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.ContentHash;
import io.github.morseengine.engine.device.cuda.CudaDevice;
import io.github.morseengine.engine.device.cuda.DeviceWeights;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** A program under construction: steps, slots, and where each value lies. For one thread. */
final class CudaProgram implements Placement {

  /** Alignment of slots in bytes, as the driver's own allocations have it. */
  static final long ALIGNMENT = 256;

  /** Float constants up to this many elements keep float32, e.g. frequencies of time embeddings. */
  private static final long SMALL_CONSTANT = 1 << 16;

  private static final int MOST_LOOKUPS = 64;

  final CudaDevice device;
  final Kernels kernels;

  /** Element type of activations and weights. */
  final DType type;

  /** Whether libraries may multiply float32 with ten bits of mantissa. */
  final boolean tf32;

  /** NVIDIA's libraries, as far as there are any. */
  final Libraries libraries;

  final List<CudaStep> steps = new ArrayList<>();
  final List<StepInfo> infos = new ArrayList<>();
  final List<Slot> slots = new ArrayList<>();
  final List<DeviceWeights.DeviceWeight> weights = new ArrayList<>();

  /** Nodes that look up indices, in the order of their entries in {@link #faults}. */
  final List<String> lookups = new ArrayList<>();

  private final DeviceWeights store;
  private final Map<Value, View> views = new IdentityHashMap<>();
  private final Map<Value, View> reserved = new IdentityHashMap<>();
  private final Map<Value, View> planned = new IdentityHashMap<>();
  private final Map<List<Object>, View> converted = new HashMap<>();
  private final Map<MemorySegment, ContentHash> hashes = new HashMap<>();
  private Narrowing narrowing;
  private Slot faults;
  private Node current;

  CudaProgram(
      CudaDevice device,
      Kernels kernels,
      Libraries libraries,
      DeviceWeights store,
      DType type,
      boolean tf32) {
    this.device = device;
    this.kernels = kernels;
    this.libraries = libraries;
    this.store = store;
    this.type = type;
    this.tf32 = tf32;
  }

  /** A program of copies between memory that has its addresses. */
  static CudaProgram ofCopies(CudaDevice device, Kernels kernels, DType type) {
    CudaProgram p = new CudaProgram(device, kernels, null, null, type, false);
    p.begin(new Node("copy", "", "Copy", 0, List.of(), List.of(), null));
    return p;
  }

  /** Says which values are read in the type of activations only. */
  void narrow(Narrowing values) {
    narrowing = values;
  }

  boolean isNarrow(Value value) {
    return narrowing != null && narrowing.contains(value);
  }

  /** Names the node that the next steps belong to. */
  void begin(Node node) {
    current = node;
  }

  Slot slot(long bytes) {
    Slot slot = new Slot(Math.max(1, bytes));
    slots.add(slot);
    return slot;
  }

  @Override
  public View allocate(DType dtype, long[] shape, long[] strides) {
    return new View(slot(Shapes.elements(shape) * dtype.bytes()), 0, dtype, shape.clone(), strides);
  }

  /** Lets a value be computed into a part of a larger tensor that it is going to be a part of. */
  void reserve(Value value, View view) {
    reserved.put(value, view);
  }

  /**
   * Memory for a result.
   *
   * @param value the result; a reserved place is taken where its type fits, whose strides may
   *     differ from those that were asked for, except that the innermost dimension stays innermost
   * @param dtype element type
   * @param strides wanted otherwise
   */
  View output(Value value, DType dtype, long[] strides) {
    View place = reserved.get(value);
    View y =
        place != null && place.dtype() == dtype ? place : allocate(dtype, value.shape(), strides);
    put(value, y);
    return y;
  }

  /** The place that was reserved for a value; null where there is none. */
  View planned(Value value) {
    return planned.get(value);
  }

  /** Says where a value that joins reserved places will lie. */
  void plan(Value value, View view) {
    planned.put(value, view);
  }

  @Override
  public void put(Value value, View view) {
    views.put(value, view);
  }

  @Override
  public View get(Value value) {
    View view = views.get(value);
    if (view == null && value.isConstant()) {
      view = constant(value.constant().cast(constantType(value)));
      views.put(value, view);
    }
    if (view == null) {
      throw new IllegalStateException("no memory for " + value);
    }
    return view;
  }

  private DType constantType(Value value) {
    DType own = value.dtype();
    boolean small = value.elements() <= SMALL_CONSTANT;
    return ElementTypes.isHalf(own) || own == DType.FLOAT32 && !small ? type : own;
  }

  /** The type in which a value of a type is kept where nothing else decides. */
  DType kept(DType t) {
    return ElementTypes.isHalf(t) ? type : t;
  }

  /** Scratch memory of a library's plan; null where it needs none. */
  View scratch(long bytes) {
    return bytes == 0 ? null : allocateDense(DType.UINT8, bytes);
  }

  /** A launch of a shipped kernel. */
  KernelStep kernel(String name, DType dtype) {
    return kernels.step(name, dtype);
  }

  void add(CudaStep step, String what, long flops) {
    steps.add(step);
    long bytes = 0;
    for (View v : step.views()) {
      bytes += v.elements() * v.dtype().bytes();
    }
    infos.add(new StepInfo(current.name(), what, step.kernel(), flops, bytes));
  }

  void add(CudaStep step) {
    add(step, current.opType(), Flops.of(current));
  }

  /** A helper step, such as a copy, that the node needs beside its own. */
  void addHelper(CudaStep step, String what) {
    add(step, what, 0);
  }

  @Override
  public void copy(View from, View to, String what) {
    CopyLowering.copy(this, from, to, what);
  }

  /** A view in another element type; converted once, however many steps read it. */
  View typed(View view, DType dtype) {
    return view.dtype() == dtype
        ? view
        : converted(view, dtype, view.isPacked() ? view.strides() : view.packedLike());
  }

  /** A view in an element type and in given strides. */
  View typed(View view, DType dtype, long[] strides) {
    if (view.dtype() == dtype) {
      return as(view, strides);
    }
    return converted(view, dtype, strides);
  }

  private View converted(View view, DType dtype, long[] strides) {
    List<Object> key =
        List.of(
            view.slot(),
            view.offset(),
            Arrays.toString(view.shape()),
            Arrays.toString(view.strides()),
            dtype,
            Arrays.toString(strides));
    View known = converted.get(key);
    if (known == null) {
      known = allocate(dtype, view.shape(), strides);
      copy(view, known, "to " + dtype);
      converted.put(key, known);
    }
    return known;
  }

  /** A value as dense elements of a type, constants converted on the host. */
  View dense(Value value, DType dtype) {
    if (value.isConstant()) {
      return constant(value.constant().cast(dtype));
    }
    View v = get(value);
    return typed(v, dtype, Shapes.strides(v.shape()));
  }

  /** A value as dense float32, as biases and parameters of norms are. */
  View floats(Value value) {
    return value == null ? null : dense(value, DType.FLOAT32);
  }

  /** Stores a constant dense, in its own type. */
  View constant(Constant c) {
    return View.dense(new WeightSlot(keep(c, "dense")), c.dtype(), c.shape());
  }

  /** Bytes that were computed at compile time, such as tables of indices. */
  View table(Tensor values) {
    return constant(Constant.of(values));
  }

  private DeviceWeights.DeviceWeight keep(Constant c, String layout) {
    try {
      ContentHash hash = hashes.computeIfAbsent(c.source().data(), ContentHash::of);
      Supplier<MemorySegment> pack = () -> c.materialize(Arena.ofAuto()).data();
      String recipe = c.viewKey() + "|" + layout;
      DeviceWeights.DeviceWeight w = store.acquire(hash, recipe, layout, pack);
      weights.add(w);
      return w;
    } catch (InternalError e) {
      // The JVM's answer to a mapped file that was cut after it was opened.
      throw new ModelFormatException(
          "node '" + current.name() + "': its weights' file was changed while it was read", e);
    }
  }

  /** A word that a look-up sets to 1 where an index is out of range; checked after each run. */
  View fault() {
    if (faults == null) {
      faults = slot(4 * MOST_LOOKUPS);
    }
    if (lookups.size() == MOST_LOOKUPS) {
      return null;
    }
    lookups.add(current.name());
    return new View(faults, lookups.size() - 1, DType.INT32, new long[] {1}, new long[] {1});
  }

  /** The words of all look-ups; null where there are none. */
  View faults() {
    return faults == null
        ? null
        : new View(faults, 0, DType.INT32, new long[] {lookups.size()}, new long[] {1});
  }
}
