package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.backend.Executable.StepInfo;
import io.github.morseengine.engine.backend.plan.Placement;
import io.github.morseengine.engine.backend.plan.Slot;
import io.github.morseengine.engine.backend.plan.View;
import io.github.morseengine.engine.device.ContentHash;
import io.github.morseengine.engine.device.WeightStore;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.ffi.onednn.Attributes;
import io.github.morseengine.engine.ffi.onednn.DnnEngine;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import io.github.morseengine.engine.ffi.onednn.Primitive;
import io.github.morseengine.engine.ffi.onednn.Primitives;
import io.github.morseengine.engine.ffi.openmp.Team;
import io.github.morseengine.engine.ir.Constant;
import io.github.morseengine.engine.ir.Flops;
import io.github.morseengine.engine.ir.Node;
import io.github.morseengine.engine.ir.Value;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Shapes;
import io.github.morseengine.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/** A program under construction: steps, slots, and where each value lies. For one thread. */
final class Program implements Placement, AutoCloseable {

  private static final long ALONE_FLOPS = 750_000;
  private static final long ALONE_BYTES = 256_000;

  final DnnEngine engine;
  final List<Step> steps = new ArrayList<>();
  final List<StepInfo> infos = new ArrayList<>();
  final List<Slot> slots = new ArrayList<>();
  final List<WeightStore.Weight> weights = new ArrayList<>();
  private final WeightStore store;
  private final PackedLayouts layouts;
  private final Staging staging;

  private final int threads;

  /** Element type of what convolutions and linear layers multiply. */
  final DType products;

  private final Map<List<Object>, View> operands = new HashMap<>();
  private final Map<Value, View> views = new IdentityHashMap<>();
  private final Map<MemorySegment, ContentHash> hashes = new HashMap<>();
  private Node current;

  Program(DnnEngine engine, WeightStore store, PackedLayouts layouts, int threads, DType products) {
    this.engine = engine;
    this.threads = threads;
    this.products = products;
    this.layouts = layouts;
    this.store = store;
    this.staging = new Staging(threads);
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

  @Override
  public void put(Value value, View view) {
    views.put(value, view);
  }

  @Override
  public View get(Value value) {
    View view = views.get(value);
    if (view == null && value.isConstant()) {
      view = constant(value.constant());
      views.put(value, view);
    }
    if (view == null) {
      throw new IllegalStateException("no memory for " + value);
    }
    return view;
  }

  void add(Step step, String what, long flops) {
    steps.add(step);
    long bytes = 0;
    for (View v : step.views()) {
      bytes += v.elements() * v.dtype().bytes();
    }
    infos.add(new StepInfo(current.name(), what, step.kernel(), flops, bytes));
  }

  void add(Step step) {
    add(step, current.opType(), Flops.of(current));
  }

  /** A helper step, such as a copy, that the node needs beside its own. */
  void addHelper(Step step, String what) {
    add(step, what, 0);
  }

  @Override
  public void copy(View from, View to, String what) {
    if (!Reorder.add(this, from, to, what)) {
      addHelper(Copy.step(from, to), what);
    }
  }

  /** Threads of a run. */
  int threads() {
    return threads;
  }

  /**
   * Whether one thread is done before a second would have begun: waking a team and waiting for it
   * takes about two microseconds, in which one thread does a million operations or reads 200 KB.
   *
   * @param flops arithmetic operations
   * @param bytes bytes read and written
   */
  boolean alone(long flops, long bytes) {
    return threads > 1 && flops < ALONE_FLOPS && bytes < ALONE_BYTES;
  }

  /** See {@link #alone(long, long)}. */
  boolean alone(long flops, View... views) {
    long bytes = 0;
    for (View v : views) {
      bytes += v == null ? 0 : v.elements() * v.dtype().bytes();
    }
    return alone(flops, bytes);
  }

  /** Makes a primitive for one thread or for all. */
  Primitive make(boolean alone, Supplier<Primitive> maker) {
    if (!alone) {
      return maker.get();
    }
    Team.use(1);
    try {
      return maker.get();
    } finally {
      Team.use(threads);
    }
  }

  /** A view in the type of products; converted once, however many layers read it. */
  View operand(View view) {
    if (view.dtype() == products) {
      return view;
    }
    List<Object> key =
        List.of(
            view.slot(),
            view.offset(),
            Arrays.toString(view.shape()),
            Arrays.toString(view.strides()));
    return operands.computeIfAbsent(key, k -> converted(view));
  }

  private View converted(View view) {
    View to =
        allocate(products, view.shape(), view.isPacked() ? view.strides() : view.packedLike());
    MemoryDesc source = ConvLowering.desc(view);
    MemoryDesc target = ConvLowering.desc(to);
    boolean alone = alone(0, view, to);
    Primitive reorder;
    try (Attributes attributes = new Attributes()) {
      reorder = make(alone, () -> Primitives.reorder(engine, source, target, attributes));
    }
    DnnStep step = new DnnStep(reorder, alone);
    step.with(Primitive.Arg.SRC.code(), source, view);
    step.with(Primitive.Arg.DST.code(), target, to);
    ConvLowering.scratch(this, step);
    addHelper(step, "to " + products);
    return to;
  }

  private ContentHash hash(Tensor source) {
    try {
      return hashes.computeIfAbsent(source.data(), this::hash);
    } catch (InternalError e) {
      throw changed(e);
    }
  }

  private ContentHash hash(MemorySegment source) {
    ContentHash hash = ContentHash.of(source, staging::run);
    Staging.release(source);
    return hash;
  }

  /** For the JVM's answer to a mapped file that was cut after it was opened. */
  private ModelFormatException changed(InternalError e) {
    return new ModelFormatException(
        "node '" + current.name() + "': its weights' file was changed while it was read", e);
  }

  /** Stores a constant dense, in its own type. */
  View constant(Constant c) {
    long bytes = c.elements() * c.dtype().bytes();
    WeightStore.Weight w = keep(c, c.viewKey(), "dense", bytes, to -> staging.dense(c, to));
    return View.dense(new WeightSlot(w), c.dtype(), c.shape());
  }

  /** A value as dense float32, constants converted at compile time. */
  View floatsOf(Value value) {
    return value.isConstant() ? constant(value.constant().cast(DType.FLOAT32)) : dense(get(value));
  }

  /**
   * A primitive for a constant weight: the first known layout of it that a fast kernel accepts.
   *
   * @param c the weight
   * @param rank dimensions by which the primitive sees the weight
   * @param maker makes a primitive for a layout; null where there is none
   * @return the primitive; null if no known layout will do
   */
  Primitive choose(Constant c, int rank, Function<MemoryDesc, Primitive> maker) {
    return choose(new WeightPart(c), rank, maker);
  }

  /** See {@link #choose(Constant, int, Function)}. */
  Primitive choose(WeightPart part, int rank, Function<MemoryDesc, Primitive> maker) {
    return choose(knownLayouts(part, rank), maker);
  }

  private static Primitive choose(List<MemoryDesc> known, Function<MemoryDesc, Primitive> maker) {
    for (MemoryDesc layout : known) {
      Primitive p = maker.apply(layout);
      if (p != null && !p.isReference()) {
        return p;
      }
      if (p != null) {
        p.close();
      }
    }
    return null;
  }

  /** See {@link #choose(Constant, int, Function)}; of a weight that is derived from a constant. */
  Primitive choose(Constant c, String recipe, int rank, Function<MemoryDesc, Primitive> maker) {
    return choose(layouts.of(hash(c.source()), c.viewKey() + recipe + rank), maker);
  }

  /** Layouts in which a weight has been packed before. */
  List<MemoryDesc> knownLayouts(Constant c, int rank) {
    return knownLayouts(new WeightPart(c), rank);
  }

  private List<MemoryDesc> knownLayouts(WeightPart part, int rank) {
    return layouts.of(hash(part.of().source()), part.key() + rank);
  }

  /**
   * Stores a constant in a layout that a primitive chose.
   *
   * @param c the weight
   * @param rank dimensions by which the primitive sees it
   * @param plain these dimensions over the elements as {@linkplain Constant#strides stored}
   * @param wanted the layout
   */
  View packed(Constant c, int rank, MemoryDesc plain, MemoryDesc wanted) {
    return packed(new WeightPart(c), rank, plain, wanted);
  }

  /** See {@link #packed(Constant, int, MemoryDesc, MemoryDesc)}; {@code plain} is of the part. */
  View packed(WeightPart part, int rank, MemoryDesc plain, MemoryDesc wanted) {
    Constant c = part.of();
    int size = c.dtype().bytes();
    layouts.add(hash(c.source()), part.key() + rank, wanted);
    WeightStore.Weight w =
        keep(
            c,
            part.key(),
            Arrays.toString(wanted.blob()),
            wanted.bytes(),
            to -> {
              MemorySegment from = staging.of(c).asSlice(part.offset() * size);
              Packing.reorder(engine, from, plain, wanted, to);
            });
    long[] elements = {w.data().byteSize() / size};
    return new View(new WeightSlot(w), 0, c.dtype(), elements, new long[] {1});
  }

  /**
   * A weight that is computed from a constant when it is packed.
   *
   * @param recipe what is computed, in words that name nothing else
   * @param compute puts the weight, float32, in front of the memory that holds the constant's
   *     elements as stored: the largest weights decide how much memory loading takes
   */
  record Derived(String recipe, Consumer<MemorySegment> compute) {}

  /** Stores a derived weight in a layout and type that a primitive of products chose. */
  View packed(Constant c, Derived d, int rank, MemoryDesc plain, MemoryDesc wanted) {
    String key = c.viewKey() + d.recipe();
    layouts.add(hash(c.source()), key + rank, wanted);
    WeightStore.Weight w =
        keep(
            c,
            key,
            Arrays.toString(wanted.blob()),
            wanted.bytes(),
            to -> {
              MemorySegment memory = staging.of(c);
              d.compute().accept(memory);
              Packing.reorder(engine, memory, plain, wanted, to);
            });
    long[] elements = {w.data().byteSize() / products.bytes()};
    return new View(new WeightSlot(w), 0, products, elements, new long[] {1});
  }

  private WeightStore.Weight keep(
      Constant c, String key, String layout, long bytes, Consumer<MemorySegment> pack) {
    try {
      String recipe = key + "|" + layout;
      WeightStore.Weight w = store.acquire(hash(c.source()), recipe, layout, bytes, pack);
      weights.add(w);
      return w;
    } catch (InternalError e) {
      throw changed(e);
    }
  }

  /** Frees what only compiling needs. */
  @Override
  public void close() {
    staging.close();
  }
}
