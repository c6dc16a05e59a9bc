package io.github.morseengine.tests.golden;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.morseengine.tests.support.Fixtures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * tests/EXPORTS.md: errors by export and backend. {@code -Dmorse.exports=write} writes the columns
 * of the tests that run; otherwise they are compared.
 */
public final class ExportTable {

  private static final Path FILE = Fixtures.repository().resolve("tests/EXPORTS.md");

  private static final List<String> COLUMNS =
      List.of("ONNX Runtime", "reference", "cpu", "cuda fp32", "cuda fp16");

  /**
   * How far an error may be from the table's, either way. Errors of sums depend on how a processor
   * splits them: with a quarter of the accumulators (AVX-512 against SSE) rounding grows by at most
   * two, and what cancels after it by as much again. A lost digit, or a table that nobody brought
   * up to date, is ten.
   */
  private static final double FACTOR = 4;

  /** Row to column to error; a place without an error is left out. */
  private final Map<String, Map<String, String>> rows = new TreeMap<>();

  private ExportTable() {}

  /**
   * Compares columns with the file, or writes them.
   *
   * @param measured error by row, by column
   */
  public static void check(Map<String, Map<String, Double>> measured) {
    try {
      ExportTable table = parse(Files.exists(FILE) ? Files.readString(FILE) : "");
      if ("write".equals(System.getProperty("morse.exports"))) {
        measured.forEach(table::put);
        Files.writeString(FILE, table.text());
      }
      List<String> complaints = new ArrayList<>();
      measured.forEach((column, errors) -> complaints.addAll(table.complaints(column, errors)));
      assertEquals(
          "",
          String.join("\n", complaints),
          "tests/EXPORTS.md is out of date: run with -Dmorse.exports=write if that is right");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads a table. */
  static ExportTable parse(String text) {
    ExportTable out = new ExportTable();
    text.lines()
        .filter(l -> l.startsWith("|") && !l.startsWith("| Model") && !l.startsWith("|---"))
        .forEach(
            l -> {
              String[] cells = l.substring(1).split("\\|");
              Map<String, String> row = new TreeMap<>();
              for (int i = 0; i < COLUMNS.size(); i++) {
                row.put(COLUMNS.get(i), cells[i + 2].strip());
              }
              out.rows.put(cells[0].strip() + " " + cells[1].strip(), row);
            });
    return out;
  }

  private void put(String column, Map<String, Double> errors) {
    rows.values().forEach(r -> r.remove(column));
    errors.forEach(
        (row, e) ->
            rows.computeIfAbsent(row, r -> new TreeMap<>())
                .put(column, String.format(Locale.ROOT, "%.1e", e)));
    rows.values().removeIf(r -> r.values().stream().allMatch(String::isEmpty));
  }

  /** What does not fit: rows that one side lacks, and errors far from the table's. */
  List<String> complaints(String column, Map<String, Double> errors) {
    List<String> out = new ArrayList<>();
    rows.forEach(
        (row, cells) -> {
          if (!cells.getOrDefault(column, "").isEmpty() && !errors.containsKey(row)) {
            out.add(row + " on " + column + " is in the table and not measured");
          }
        });
    errors.forEach(
        (row, e) -> {
          String cell = rows.getOrDefault(row, Map.of()).getOrDefault(column, "");
          double known = cell.isEmpty() ? Double.NaN : Double.parseDouble(cell);
          if (!(e <= FACTOR * known && e >= known / FACTOR)) {
            out.add(row + " on " + column + ": error " + e + ", the table has '" + cell + "'");
          }
        });
    return out;
  }

  /** The file's content. */
  String text() {
    StringBuilder out = new StringBuilder();
    out.append(
            """
            # Exports against PyTorch

            Written by ExportTableTest and CudaExportTableTest (tests/README.md); do not edit. Tiny random
            networks of every family, as the exporters of PyTorch write them (the number is the opset).
            An error is the root mean square of the difference to PyTorch over that of PyTorch's output,
            the largest over all outputs and two input sizes; reference and cuda (on the simulated device)
            run one size. ONNX Runtime's is the largest over all exports of a model, measured when they
            were made; where there is none it was not measured.

            """)
        .append("| Model | Exporter |");
    COLUMNS.forEach(c -> out.append(' ').append(c).append(" |"));
    out.append("\n|---|---|").append("---|".repeat(COLUMNS.size())).append('\n');
    rows.forEach(
        (row, cells) -> {
          out.append("| ").append(row.replaceFirst(" ", " | ")).append(" |");
          COLUMNS.forEach(c -> out.append(' ').append(cells.getOrDefault(c, "")).append(" |"));
          out.append('\n');
        });
    return out.toString();
  }
}
