package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.PngWriter;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.knowm.xchart.AnnotationText;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Quality against cost as a picture, one panel per setting and metric. */
final class Charts {

  private static final int WIDTH = 720;
  private static final int HEIGHT = 460;
  private static final int COLUMNS = 2;

  private Charts() {}

  static void write(List<EvaluationReport.Result> results, Path file) {
    System.setProperty("java.awt.headless", "true");
    List<BufferedImage> panels = new ArrayList<>();
    for (EvaluationReport.Result r : results) {
      r.bySteps().forEach((metric, s) -> panels.add(panel(r, metric, s)));
    }
    if (panels.isEmpty()) {
      return;
    }
    int columns = Math.min(COLUMNS, panels.size());
    int lines = (panels.size() + columns - 1) / columns;
    BufferedImage sheet =
        new BufferedImage(columns * WIDTH, lines * HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = sheet.createGraphics();
    g.setColor(Color.WHITE);
    g.fillRect(0, 0, sheet.getWidth(), sheet.getHeight());
    for (int i = 0; i < panels.size(); i++) {
      g.drawImage(panels.get(i), i % columns * WIDTH, i / columns * HEIGHT, null);
    }
    g.dispose();
    PngWriter.write(sheet, Map.of("Software", "morse evaluate"), file);
  }

  private static BufferedImage panel(EvaluationReport.Result r, String metric, Speedups s) {
    boolean frechet = metric.equals(EvaluationReport.FRECHET);
    String title =
        String.format(
            Locale.ROOT,
            "%s: %.2fx at equal quality [%.2f, %.2f]; in time %.2fx",
            r.setting().name(),
            s.mean(),
            s.meanLow(),
            s.meanHigh(),
            r.byWall().get(metric).mean());
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("cost in latencies of Dash (LSD)")
            .yAxisTitle(frechet ? "Fréchet distance to the data" : "RMSE to the fine solution")
            .build();
    chart.getStyler().setLegendPosition(LegendPosition.InsideNE);
    chart.getStyler().setXAxisMin(0.0);
    chart.getStyler().setYAxisMin(0.0);
    chart.getStyler().setYAxisDecimalPattern("0.###");
    // Where Dash alone begins: what is cheaper and worse would press the rest together.
    chart.getStyler().setYAxisMax(top(r, metric));
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    series(chart, "Dash alone", r, metric, false, new Color(0x888888));
    series(chart, "Morse", r, metric, true, new Color(0x1f77b4));
    annotate(chart, r, metric, s);
    return BitmapEncoder.getBufferedImage(chart);
  }

  private static double top(EvaluationReport.Result r, String metric) {
    return 1.3
        * r.rows().stream()
            .filter(p -> !p.point().withDot())
            .mapToDouble(p -> p.tail(metric, 0.975))
            .max()
            .orElse(1);
  }

  private static void series(
      XYChart chart,
      String name,
      EvaluationReport.Result r,
      String metric,
      boolean withDot,
      Color color) {
    List<EvaluationReport.Row> rows =
        r.rows().stream()
            .filter(p -> p.point().withDot() == withDot)
            .sorted(Comparator.comparingDouble(EvaluationReport.Row::lsd))
            .toList();
    double[] x = rows.stream().mapToDouble(EvaluationReport.Row::lsd).toArray();
    double[] y = rows.stream().mapToDouble(p -> p.value(metric)).toArray();
    double[] error = rows.stream().mapToDouble(p -> error(p, metric)).toArray();
    XYSeries line = chart.addSeries(name, x, y, error);
    line.setLineColor(color);
    line.setMarkerColor(color);
    line.setMarker(SeriesMarkers.CIRCLE);
  }

  /** The chart has one length for both sides of an interval: the larger of them. */
  private static double error(EvaluationReport.Row row, String metric) {
    double value = row.value(metric);
    double larger = Math.max(row.tail(metric, 0.975) - value, value - row.tail(metric, 0.025));
    return Math.clamp(larger, 0, value);
  }

  private static void annotate(
      XYChart chart, EvaluationReport.Result r, String metric, Speedups s) {
    List<EvaluationReport.Row> dash = r.rows().stream().filter(p -> !p.point().withDot()).toList();
    for (EvaluationReport.Row row : dash) {
      int i = s.budgets().indexOf(row.point().budget());
      if (i >= 0) {
        String text =
            String.format(Locale.ROOT, "%.1fx%s", s.speedup()[i], s.reached()[i] ? "" : "*");
        double above = row.value(metric) + error(row, metric) + 0.04 * top(r, metric);
        chart.addAnnotation(new AnnotationText(text, row.lsd(), above, false));
      }
    }
  }
}
