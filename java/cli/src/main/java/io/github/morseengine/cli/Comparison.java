package io.github.morseengine.cli;

import io.github.morseengine.engine.morse.Images;
import io.github.morseengine.engine.morse.PngWriter;
import io.github.morseengine.engine.tensor.Tensor;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Rows of pictures with a caption each. */
final class Comparison {

  private static final int LEAST_SIDE = 64;
  private static final int CAPTION = 20;

  private Comparison() {}

  /**
   * A row.
   *
   * @param caption what it shows
   * @param samples float32 [N, C, H, W]
   */
  record Row(String caption, Tensor samples) {}

  static void write(List<Row> rows, int most, Path file) {
    Tensor first = rows.getFirst().samples();
    long channels = first.dim(1);
    if (channels != 1 && channels != 3) {
      return;
    }
    int n = (int) Math.min(most, first.dim(0));
    int scale = (int) Math.max(1, (LEAST_SIDE + first.dim(3) - 1) / first.dim(3));
    int w = (int) first.dim(3) * scale;
    int h = (int) first.dim(2) * scale;
    BufferedImage sheet =
        new BufferedImage(n * w, rows.size() * (h + CAPTION), BufferedImage.TYPE_INT_RGB);
    Graphics2D g = sheet.createGraphics();
    g.setColor(Color.WHITE);
    g.fillRect(0, 0, sheet.getWidth(), sheet.getHeight());
    g.setColor(Color.BLACK);
    for (int r = 0; r < rows.size(); r++) {
      int top = r * (h + CAPTION);
      g.drawString(rows.get(r).caption(), 4, top + CAPTION - 6);
      for (int i = 0; i < n; i++) {
        BufferedImage one = Images.image(rows.get(r).samples(), i);
        g.drawImage(one, i * w, top + CAPTION, w, h, null);
      }
    }
    g.dispose();
    PngWriter.write(sheet, Map.of("Software", "morse evaluate"), file);
  }
}
