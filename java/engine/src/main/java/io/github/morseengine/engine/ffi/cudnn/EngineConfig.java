package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** An engine with its settings, as {@link Heuristics} propose it. */
public final class EngineConfig extends Descriptor {

  /**
   * What cuDNN says of an engine.
   *
   * @param index its number among the engines of the graph
   * @param tensorCores whether it multiplies in tensor cores, in float32 as TF32
   * @param deterministic whether two runs give the same bits
   */
  public record Notes(long index, boolean tensorCores, boolean deterministic) {}

  private static final int MOST_NOTES = 32;
  private static final int MOST_KNOBS = 64;

  EngineConfig() {
    super(Cudnn.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR());
  }

  /** {@return what cuDNN says of the engine} */
  public Notes notes() {
    try (Engine engine = new Engine();
        Arena arena = Arena.ofConfined()) {
      MemorySegment handle = arena.allocateFrom(ValueLayout.ADDRESS, engine.handle());
      get(Cudnn.CUDNN_ATTR_ENGINECFG_ENGINE(), Cudnn.CUDNN_TYPE_BACKEND_DESCRIPTOR(), 1, handle);
      MemorySegment notes = arena.allocate(ValueLayout.JAVA_INT, MOST_NOTES);
      long count =
          engine.get(
              Cudnn.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE(),
              Cudnn.CUDNN_TYPE_NUMERICAL_NOTE(),
              MOST_NOTES,
              notes);
      boolean tensorCores = false;
      boolean deterministic = true;
      for (int i = 0; i < Math.min(count, MOST_NOTES); i++) {
        int note = notes.getAtIndex(ValueLayout.JAVA_INT, i);
        tensorCores |= note == Cudnn.CUDNN_NUMERICAL_NOTE_TENSOR_CORE();
        deterministic &= note != Cudnn.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC();
      }
      long index = engine.int64(Cudnn.CUDNN_ATTR_ENGINE_GLOBAL_INDEX());
      return new Notes(index, tensorCores, deterministic);
    }
  }

  /** {@return engine and settings as text, equal for equal configurations} */
  public String tag() {
    int attribute = Cudnn.CUDNN_ATTR_ENGINECFG_KNOB_CHOICES();
    int type = Cudnn.CUDNN_TYPE_BACKEND_DESCRIPTOR();
    List<KnobChoice> choices = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handles = arena.allocate(ValueLayout.ADDRESS, MOST_KNOBS);
      // Unlike other lists, this one does not tell its length beforehand.
      for (int i = 0; i < MOST_KNOBS; i++) {
        choices.add(new KnobChoice());
        handles.setAtIndex(ValueLayout.ADDRESS, i, choices.get(i).handle());
      }
      int count = (int) Math.min(MOST_KNOBS, get(attribute, type, MOST_KNOBS, handles));
      TreeMap<Integer, Long> knobs = new TreeMap<>();
      for (KnobChoice choice : choices.subList(0, count)) {
        knobs.put(choice.type(), choice.value());
      }
      StringBuilder text = new StringBuilder("eng").append(notes().index());
      knobs.forEach((knob, value) -> text.append('_').append(knob).append('=').append(value));
      return text.toString();
    } finally {
      choices.forEach(Descriptor::close);
    }
  }
}
