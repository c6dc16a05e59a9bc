package io.github.morseengine.engine.backend.cpu;

import io.github.morseengine.engine.device.ContentHash;
import io.github.morseengine.engine.ffi.onednn.MemoryDesc;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The packed layouts in which each weight has been asked for. A later plan takes a known one where
 * a fast kernel accepts it, so that Dash, Dot and every batch size share one packed buffer. Safe
 * for use by several threads.
 */
final class PackedLayouts implements AutoCloseable {

  private record Key(ContentHash source, String view) {}

  private final Map<Key, List<MemoryDesc>> known = new HashMap<>();

  /** Layouts of a weight, the oldest first; valid until close. */
  synchronized List<MemoryDesc> of(ContentHash source, String view) {
    return List.copyOf(known.getOrDefault(new Key(source, view), List.of()));
  }

  /** Remembers a layout. */
  synchronized void add(ContentHash source, String view, MemoryDesc layout) {
    List<MemoryDesc> all = known.computeIfAbsent(new Key(source, view), k -> new ArrayList<>());
    if (all.stream().noneMatch(layout::sameAs)) {
      all.add(layout.copy());
    }
  }

  @Override
  public synchronized void close() {
    known.values().forEach(all -> all.forEach(MemoryDesc::close));
    known.clear();
  }
}
