package io.github.morseengine.engine.device.cuda;

import io.github.morseengine.engine.device.DiskCache;
import io.github.morseengine.engine.ffi.nvrtc.RuntimeCompiler;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Everything that a compiled image depends on. */
final class ImageKey {

  /** Changes when images compiled by an older version of this class may no longer be used. */
  private static final String FORMAT = "image 1";

  private final String name;
  private final String source;
  private final Map<String, String> headers;
  private final List<String> options;
  private final String hash;

  ImageKey(
      RuntimeCompiler compiler,
      String name,
      String source,
      Map<String, String> headers,
      List<String> options,
      String target) {
    this.name = name;
    this.source = source;
    this.headers = new TreeMap<>(headers);
    List<String> all = new ArrayList<>(options);
    if (options.stream().noneMatch(o -> o.startsWith("--gpu-architecture"))) {
      all.add("--gpu-architecture=" + target);
    }
    if (options.stream().noneMatch(o -> o.startsWith("--std"))) {
      all.add("--std=c++17");
    }
    this.options = List.copyOf(all);
    List<String> parts = new ArrayList<>(List.of(FORMAT, compiler.build(), name, source));
    parts.addAll(this.options);
    this.headers.forEach(
        (header, text) -> {
          parts.add(header);
          parts.add(text);
        });
    this.hash = DiskCache.key(parts);
  }

  String name() {
    return name;
  }

  String hash() {
    return hash;
  }

  byte[] compile(RuntimeCompiler compiler) {
    return compiler.compile(name, source, headers, options);
  }
}
