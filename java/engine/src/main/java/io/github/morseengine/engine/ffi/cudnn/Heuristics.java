package io.github.morseengine.engine.ffi.cudnn;

import io.github.morseengine.bindings.cudnn.Cudnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** A question to cuDNN: which engines, set how, would run a graph best. */
public final class Heuristics extends Descriptor {

  /** How cuDNN finds its answer. */
  public enum Mode {
    /** A decision tree. */
    A,
    /** A neural network where there is one for the graph, else as {@link #A}. */
    B,
    /** Whatever works at all. */
    FALLBACK
  }

  private Heuristics(OperationGraph graph, int mode) {
    super(Cudnn.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR());
    descriptor(Cudnn.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH(), graph);
    code(Cudnn.CUDNN_ATTR_ENGINEHEUR_MODE(), Cudnn.CUDNN_TYPE_HEUR_MODE(), mode);
    graph.target().of(this);
  }

  /**
   * Asks.
   *
   * @param graph the graph
   * @param mode how
   * @return configurations, the most promising first, which the caller closes; none where no engine
   *     fits
   */
  public static List<EngineConfig> of(OperationGraph graph, Mode mode) {
    int code =
        switch (mode) {
          case A -> Cudnn.CUDNN_HEUR_MODE_A();
          case B -> Cudnn.CUDNN_HEUR_MODE_B();
          case FALLBACK -> Cudnn.CUDNN_HEUR_MODE_FALLBACK();
        };
    try (Heuristics query = new Heuristics(graph, code)) {
      int status = query.tryFinalise();
      if (CudnnStatus.unsupported(status)) {
        return new ArrayList<>();
      }
      CudnnStatus.check(status, "cudnnBackendFinalize", "heuristics", mode, "of", graph);
      return query.results();
    }
  }

  private List<EngineConfig> results() {
    int attribute = Cudnn.CUDNN_ATTR_ENGINEHEUR_RESULTS();
    int type = Cudnn.CUDNN_TYPE_BACKEND_DESCRIPTOR();
    List<EngineConfig> configs = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      int listed = Math.toIntExact(get(attribute, type, 0, MemorySegment.NULL));
      if (listed == 0) {
        return new ArrayList<>();
      }
      MemorySegment handles = arena.allocate(ValueLayout.ADDRESS, listed);
      for (int i = 0; i < listed; i++) {
        configs.add(new EngineConfig());
        handles.setAtIndex(ValueLayout.ADDRESS, i, configs.get(i).handle());
      }
      // Fewer can come than were announced.
      int filled = Math.toIntExact(get(attribute, type, listed, handles));
      List<EngineConfig> unused = configs.subList(Math.min(filled, listed), listed);
      unused.forEach(Descriptor::close);
      unused.clear();
      return configs;
    } catch (RuntimeException e) {
      configs.forEach(Descriptor::close);
      throw e;
    }
  }
}
