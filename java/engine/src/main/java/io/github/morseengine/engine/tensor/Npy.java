package io.github.morseengine.engine.tensor;

import io.github.morseengine.engine.error.InvalidInputException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** Reads and writes numpy's .npy format, versions 1 to 3, little-endian. */
public final class Npy {

  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int ALIGNMENT = 64;

  private Npy() {}

  /**
   * Reads a file; Fortran order is turned into C order.
   *
   * @param file the .npy file
   * @return the array
   * @throws InvalidInputException if it is missing, cut, of another kind or of an unknown type
   */
  public static Tensor read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new InvalidInputException("there is no file '" + file + "'");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer start = readFully(channel, 0, (int) Math.min(12, channel.size()));
      for (int i = 0; i < MAGIC.length; i++) {
        if (start.limit() < 12 || start.get(i) != MAGIC[i]) {
          throw new InvalidInputException("'" + file + "' is not a .npy file");
        }
      }
      start.order(java.nio.ByteOrder.LITTLE_ENDIAN);
      boolean first = start.get(6) == 1;
      long length = first ? Short.toUnsignedInt(start.getShort(8)) : start.getInt(8);
      long body = first ? 10 : 12;
      if (length < 0 || body + length > channel.size()) {
        throw cut(file);
      }
      ByteBuffer header = readFully(channel, body, (int) length);
      String text = new String(header.array(), StandardCharsets.ISO_8859_1);
      return data(file, channel, body + length, text);
    } catch (IOException e) {
      throw new InvalidInputException("cannot read '" + file + "': " + e.getMessage(), e);
    }
  }

  private static Tensor data(Path file, FileChannel channel, long at, String header)
      throws IOException {
    DType dtype = type(file, field(file, header, "descr"));
    boolean fortran = field(file, header, "fortran_order").startsWith("True");
    long[] shape = shape(file, field(file, header, "shape"));
    long[] stored = shape.clone();
    if (fortran) {
      for (int i = 0; i < shape.length; i++) {
        stored[i] = shape[shape.length - 1 - i];
      }
    }
    long bytes;
    try {
      bytes = Math.multiplyExact(Shapes.elements(shape), (long) dtype.bytes());
    } catch (ArithmeticException e) {
      throw new InvalidInputException("'" + file + "' has an impossible shape", e);
    }
    if (channel.size() - at < bytes) {
      throw cut(file);
    }
    Tensor out = Tensor.allocate(dtype, stored);
    long done = 0;
    while (done < bytes) {
      int part = (int) Math.min(1 << 24, bytes - done);
      ByteBuffer block = out.data().asSlice(done, part).asByteBuffer();
      int n = channel.read(block, at + done);
      if (n < 0) {
        throw cut(file);
      }
      done += n;
    }
    return fortran ? reversed(out, shape) : out;
  }

  private static Tensor reversed(Tensor stored, long[] shape) {
    Tensor out = Tensor.allocate(stored.dtype(), shape);
    long[] index = new long[shape.length];
    long[] steps = new long[shape.length];
    long step = 1;
    for (int d = 0; d < shape.length; d++) {
      steps[d] = step;
      step *= Math.max(1, shape[d]);
    }
    int bytes = stored.dtype().bytes();
    for (long i = 0; i < out.elements(); i++) {
      long from = 0;
      for (int d = 0; d < index.length; d++) {
        from += index[d] * steps[d];
      }
      MemorySegment.copy(stored.data(), from * bytes, out.data(), i * bytes, bytes);
      for (int d = index.length - 1; d >= 0 && ++index[d] == shape[d]; d--) {
        index[d] = 0;
      }
    }
    return out;
  }

  /**
   * Writes a file beside its place and then moves it there, so that a failure leaves nothing half
   * written. bfloat16, which numpy lacks, is written as float32.
   *
   * @param file where to write
   * @param tensor the array
   * @throws InvalidInputException if it cannot be written
   */
  public static void write(Path file, Tensor tensor) {
    Tensor t = tensor;
    if (t.dtype() == DType.BFLOAT16) {
      t = Tensor.ofFloats(tensor.toFloats(), tensor.shape());
    }
    StringBuilder shape = new StringBuilder("(");
    for (long d : t.shape()) {
      shape.append(d).append(',');
    }
    String header =
        "{'descr': '" + code(t.dtype()) + "', 'fortran_order': False, 'shape': " + shape + "), }";
    int padded = (10 + header.length() + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    ByteBuffer head = ByteBuffer.allocate(padded).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    head.put(MAGIC).put((byte) 1).put((byte) 0).putShort((short) (padded - 10));
    head.put(header.getBytes(StandardCharsets.ISO_8859_1));
    while (head.position() < padded - 1) {
      head.put((byte) ' ');
    }
    head.put((byte) '\n').flip();
    Tensor source = t;
    AtomicFile.write(
        file,
        channel -> {
          while (head.hasRemaining()) {
            channel.write(head);
          }
          for (long at = 0; at < source.byteSize(); at += 1 << 24) {
            long part = Math.min(1 << 24, source.byteSize() - at);
            ByteBuffer block = source.data().asSlice(at, part).asByteBuffer();
            while (block.hasRemaining()) {
              channel.write(block);
            }
          }
        });
  }

  private static ByteBuffer readFully(FileChannel channel, long at, int bytes) throws IOException {
    ByteBuffer out = ByteBuffer.allocate(bytes);
    while (out.hasRemaining()) {
      if (channel.read(out, at + out.position()) < 0) {
        break;
      }
    }
    return out.flip();
  }

  private static InvalidInputException cut(Path file) {
    return new InvalidInputException("'" + file + "' is cut: it holds less than its header says");
  }

  private static String field(Path file, String header, String name) {
    int at = header.indexOf("'" + name + "'");
    int colon = at < 0 ? -1 : header.indexOf(':', at);
    if (colon < 0) {
      throw new InvalidInputException("'" + file + "' has a damaged .npy header: no " + name);
    }
    return header.substring(colon + 1).trim();
  }

  private static DType type(Path file, String text) {
    int end = text.length() > 1 ? text.indexOf('\'', 1) : -1;
    String code = end < 0 ? text : text.substring(1, end);
    for (DType t : DType.values()) {
      if (t != DType.BFLOAT16 && code.equals(code(t))) {
        return t;
      }
    }
    throw new InvalidInputException(
        "'" + file + "' has elements of type " + code + ": save little-endian numbers instead");
  }

  private static String code(DType t) {
    return switch (t) {
      case FLOAT32 -> "<f4";
      case FLOAT64 -> "<f8";
      case FLOAT16 -> "<f2";
      case INT64 -> "<i8";
      case INT32 -> "<i4";
      case INT16 -> "<i2";
      case INT8 -> "|i1";
      case UINT64 -> "<u8";
      case UINT32 -> "<u4";
      case UINT16 -> "<u2";
      case UINT8 -> "|u1";
      case BOOL -> "|b1";
      case BFLOAT16 -> "bfloat16";
    };
  }

  private static long[] shape(Path file, String text) {
    int open = text.indexOf('(');
    int close = text.indexOf(')');
    if (open != 0 || close < 0) {
      throw new InvalidInputException("'" + file + "' has a damaged .npy header: shape");
    }
    long[] out = new long[16];
    int n = 0;
    for (String part : text.substring(1, close).split(",")) {
      String digits = part.trim();
      if (digits.isEmpty()) {
        continue;
      }
      try {
        out[n++] = Long.parseLong(digits);
      } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
        throw new InvalidInputException("'" + file + "' has a damaged .npy shape " + text, e);
      }
    }
    return Arrays.copyOf(out, n);
  }
}
