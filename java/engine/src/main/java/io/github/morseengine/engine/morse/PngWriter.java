package io.github.morseengine.engine.morse;

import io.github.morseengine.engine.tensor.AtomicFile;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/**
 * Writes PNG files with text in them. The platform's writer loads a large part of the desktop
 * module, which costs more time than drawing a small picture. Stateless.
 */
public final class PngWriter {

  private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  private static final int PAETH = 4;

  private PngWriter() {}

  /**
   * Writes an RGB picture, completely or not at all.
   *
   * @param image the picture
   * @param text keyword (1-79 Latin-1 characters) to value; written as UTF-8 iTXt chunks
   * @param file target
   */
  public static void write(BufferedImage image, Map<String, String> text, Path file) {
    AtomicFile.write(file, channel -> write(image, text, channel));
  }

  private static void write(BufferedImage image, Map<String, String> text, WritableByteChannel out)
      throws IOException {
    put(out, ByteBuffer.wrap(SIGNATURE));
    ByteBuffer header = ByteBuffer.allocate(13);
    header.putInt(image.getWidth()).putInt(image.getHeight());
    header.put((byte) 8).put((byte) 2).put((byte) 0).put((byte) 0).put((byte) 0);
    chunk(out, "IHDR", header.array(), header.capacity());
    for (Map.Entry<String, String> e : text.entrySet()) {
      byte[] key = e.getKey().getBytes(StandardCharsets.ISO_8859_1);
      byte[] value = e.getValue().getBytes(StandardCharsets.UTF_8);
      // Keyword, NUL, no compression (two bytes), no language (NUL), no translation (NUL), text.
      ByteBuffer body = ByteBuffer.allocate(key.length + 5 + value.length);
      body.put(key).put(new byte[5]).put(value);
      chunk(out, "iTXt", body.array(), body.capacity());
    }
    byte[] packed = new byte[1 << 16];
    Deflater deflater = new Deflater(Deflater.BEST_COMPRESSION);
    try {
      deflater.setInput(filtered(image));
      deflater.finish();
      while (!deflater.finished()) {
        int n = deflater.deflate(packed);
        chunk(out, "IDAT", packed, n);
      }
    } finally {
      deflater.end();
    }
    chunk(out, "IEND", new byte[0], 0);
  }

  /** Rows behind their filter byte, each predicted by Paeth's filter. */
  private static byte[] filtered(BufferedImage image) {
    int w = image.getWidth();
    int h = image.getHeight();
    byte[] out = new byte[Math.multiplyExact(h, 3 * w + 1)];
    byte[] above = new byte[3 * w];
    byte[] row = new byte[3 * w];
    int[] pixels = new int[w];
    int at = 0;
    for (int y = 0; y < h; y++) {
      image.getRGB(0, y, w, 1, pixels, 0, w);
      for (int x = 0; x < w; x++) {
        row[3 * x] = (byte) (pixels[x] >> 16);
        row[3 * x + 1] = (byte) (pixels[x] >> 8);
        row[3 * x + 2] = (byte) pixels[x];
      }
      out[at++] = PAETH;
      for (int i = 0; i < row.length; i++) {
        int left = i < 3 ? 0 : row[i - 3] & 0xFF;
        int corner = i < 3 ? 0 : above[i - 3] & 0xFF;
        out[at++] = (byte) (row[i] - paeth(left, above[i] & 0xFF, corner));
      }
      byte[] swap = above;
      above = row;
      row = swap;
    }
    return out;
  }

  private static int paeth(int a, int b, int c) {
    int pa = Math.abs(b - c);
    int pb = Math.abs(a - c);
    int pc = Math.abs(a + b - 2 * c);
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  }

  private static void chunk(WritableByteChannel out, String type, byte[] body, int length)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length + 12);
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    CRC32 crc = new CRC32();
    crc.update(name);
    crc.update(body, 0, length);
    buffer.putInt(length).put(name).put(body, 0, length).putInt((int) crc.getValue()).flip();
    put(out, buffer);
  }

  private static void put(WritableByteChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }
}
