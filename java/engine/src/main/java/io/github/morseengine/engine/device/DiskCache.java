package io.github.morseengine.engine.device;

import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.tensor.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * What is dear to compute and cheap to lose: compiled kernels, execution plans. One file per entry,
 * named by a hash of everything that its content depends on, written completely or not at all, and
 * checked when it is read: a damaged entry counts as absent. A cache that cannot be read or written
 * is an empty cache, never a failure. Safe for use by several threads and processes.
 */
public final class DiskCache {

  /** System property that names the folder of all caches; {@code off} keeps none. */
  public static final String PROPERTY = "morse.cache";

  private static final long MAGIC = 0x314548434143534DL;
  private static final int HASH_BYTES = 32;
  private static final int HEADER_BYTES = Long.BYTES + 2 * HASH_BYTES + Long.BYTES;

  private final Path folder;

  /**
   * Creates a cache.
   *
   * @param folder where its entries lie, created when the first is stored; null keeps none
   */
  public DiskCache(Path folder) {
    this.folder = folder;
  }

  /**
   * Opens the user's cache: the folder that the property names, else morse in the system's place
   * for caches ($XDG_CACHE_HOME or ~/.cache).
   *
   * @param kind what is kept, the name of the sub-folder
   * @return the cache
   */
  public static DiskCache ofUser(String kind) {
    String chosen = System.getProperty(PROPERTY);
    if ("off".equals(chosen)) {
      return new DiskCache(null);
    }
    if (chosen != null && !chosen.isBlank()) {
      return new DiskCache(Path.of(chosen).resolve(kind));
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path caches =
        xdg != null && Path.of(xdg).isAbsolute()
            ? Path.of(xdg)
            : Path.of(System.getProperty("user.home"), ".cache");
    return new DiskCache(caches.resolve("morse").resolve(kind));
  }

  /**
   * Hashes everything that an entry depends on.
   *
   * @param parts the parts, in a fixed order
   * @return the key
   */
  public static String key(Iterable<String> parts) {
    MessageDigest digest = sha256();
    for (String part : parts) {
      byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
      // With lengths, so that moving text from one part to the next is another key.
      digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).flip());
      digest.update(bytes);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * Where an entry lies.
   *
   * @param key its key
   * @return its file, which may not exist; null where nothing is kept
   */
  public Path file(String key) {
    return folder == null ? null : folder.resolve(key);
  }

  /**
   * Reads an entry.
   *
   * @param key its key
   * @return the content; null if it is absent or damaged
   */
  public byte[] read(String key) {
    if (folder == null) {
      return null;
    }
    byte[] file;
    try {
      file = Files.readAllBytes(file(key));
    } catch (IOException | OutOfMemoryError e) {
      return null;
    }
    if (file.length < HEADER_BYTES) {
      return null;
    }
    ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    byte[] name = new byte[HASH_BYTES];
    byte[] checksum = new byte[HASH_BYTES];
    boolean ours = in.getLong() == MAGIC;
    in.get(name).get(checksum);
    if (!ours || !HexFormat.of().formatHex(name).equals(key) || in.getLong() != in.remaining()) {
      return null;
    }
    byte[] content = Arrays.copyOfRange(file, HEADER_BYTES, file.length);
    return Arrays.equals(checksum, sha256().digest(content)) ? content : null;
  }

  /**
   * Stores an entry, replacing what is there.
   *
   * @param key its key
   * @param content the content
   */
  public void write(String key, byte[] content) {
    if (folder == null) {
      return;
    }
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    header.putLong(MAGIC).put(HexFormat.of().parseHex(key)).put(sha256().digest(content));
    header.putLong(content.length).flip();
    try {
      Files.createDirectories(folder);
      AtomicFile.write(
          file(key),
          out -> {
            writeAll(out, header);
            writeAll(out, ByteBuffer.wrap(content));
          });
    } catch (IOException | InvalidInputException e) {
      // Full or read-only: the next process computes it again, as this one did.
      return;
    }
  }

  private static void writeAll(WritableByteChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
