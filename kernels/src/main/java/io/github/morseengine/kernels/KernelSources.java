package io.github.morseengine.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The kernels' sources, headers and shipped instances, from this module's resources. {@code ABI.md}
 * beside them holds the parameters of every entry point. Safe for use by several threads.
 */
public final class KernelSources {

  private static final String INSTANCES = "instances.tsv";
  private static final int COLUMNS = 9;

  /** Read at first use: the CPU path never comes here. */
  private static final class Shipped {
    static final Map<String, String> HEADERS = new LinkedHashMap<>();
    static final Map<String, KernelInstance> INSTANCES_BY_NAME = new LinkedHashMap<>();

    static {
      for (String line : text(INSTANCES).lines().toList()) {
        String[] cells = line.split("\t", -1);
        if (cells[0].equals("header")) {
          HEADERS.put(cells[1], text(cells[1]));
        } else if (cells[0].equals("kernel")) {
          KernelInstance instance = instance(cells, line);
          if (INSTANCES_BY_NAME.put(instance.name(), instance) != null) {
            throw new IllegalStateException(INSTANCES + " names " + instance.name() + " twice");
          }
        }
      }
    }

    private static KernelInstance instance(String[] cells, String line) {
      if (cells.length != COLUMNS) {
        throw new IllegalStateException(INSTANCES + ": " + COLUMNS + " columns expected: " + line);
      }
      List<Integer> types =
          cells[4].equals("-")
              ? List.of()
              : Arrays.stream(cells[4].split(",")).map(Integer::valueOf).toList();
      Map<String, Integer> macros = new LinkedHashMap<>();
      if (!cells[8].equals("-")) {
        for (String macro : cells[8].split(" ")) {
          int equals = macro.indexOf('=');
          macros.put(macro.substring(0, equals), Integer.valueOf(macro.substring(equals + 1)));
        }
      }
      return new KernelInstance(
          cells[1],
          cells[2],
          cells[3],
          types,
          Integer.parseInt(cells[5]),
          cells[6].equals("abi") ? -1 : Integer.parseInt(cells[6]),
          cells[7].equals("hot"),
          Collections.unmodifiableMap(macros));
    }
  }

  private KernelSources() {}

  /**
   * The text of a source.
   *
   * @param file its name, e.g. {@code gemm.cu}
   * @return the text
   * @throws IllegalArgumentException if there is no such source
   */
  public static String source(String file) {
    return text(file);
  }

  /** {@return every header by the name under which sources include it} */
  public static Map<String, String> headers() {
    return Collections.unmodifiableMap(Shipped.HEADERS);
  }

  /** {@return all shipped instances, in the order of the list} */
  public static Collection<KernelInstance> instances() {
    return Collections.unmodifiableCollection(Shipped.INSTANCES_BY_NAME.values());
  }

  /**
   * A shipped instance.
   *
   * @param name its name, e.g. {@code attention_d40}
   * @return the instance
   * @throws IllegalArgumentException if none has that name
   */
  public static KernelInstance instance(String name) {
    KernelInstance found = Shipped.INSTANCES_BY_NAME.get(name);
    if (found == null) {
      List<String> near = new ArrayList<>(Shipped.INSTANCES_BY_NAME.keySet());
      near.removeIf(n -> !n.startsWith(name.split("_")[0]));
      throw new IllegalArgumentException("no kernel is named " + name + "; there are " + near);
    }
    return found;
  }

  private static String text(String file) {
    try (InputStream in = KernelSources.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalArgumentException("no kernel source is named " + file);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the kernel source " + file, e);
    }
  }
}
