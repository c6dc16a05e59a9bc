package io.github.morseengine.engine.morse.text;

import io.github.morseengine.engine.error.ModelFormatException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * Byte-pair encoding of one word (Sennrich et al. 2016) over bytes written as characters (Radford
 * et al. 2019): of all neighbours that a merge joins, the one of the lowest rank is joined first,
 * of equal ranks the leftmost. Immutable and safe for use by several threads.
 */
final class BytePairs {

  /** What CLIP writes behind the last byte of a word. */
  static final String END_OF_WORD = "</w>";

  private static final String[] BYTE_TO_CHARACTER = byteCharacters();

  private record Merge(int rank, int id) {}

  private record Candidate(int rank, int at, int left, int right) {}

  private final int[] inside = new int[256];
  private final int[] atEnd = new int[256];
  private final Map<Long, Merge> merges;

  /**
   * Prepares a vocabulary.
   *
   * @param vocabulary token to id
   * @param pairs merges by rank, each two tokens
   * @param unknown id of bytes that the vocabulary does not hold
   * @param name the file, for messages
   */
  BytePairs(Map<String, Integer> vocabulary, List<String[]> pairs, int unknown, String name) {
    for (int b = 0; b < 256; b++) {
      inside[b] = vocabulary.getOrDefault(BYTE_TO_CHARACTER[b], unknown);
      atEnd[b] = vocabulary.getOrDefault(BYTE_TO_CHARACTER[b] + END_OF_WORD, unknown);
    }
    merges = HashMap.newHashMap(pairs.size());
    for (int rank = 0; rank < pairs.size(); rank++) {
      String[] pair = pairs.get(rank);
      Integer left = vocabulary.get(pair[0]);
      Integer right = vocabulary.get(pair[1]);
      Integer joined = vocabulary.get(pair[0] + pair[1]);
      if (left == null || right == null || joined == null) {
        throw new ModelFormatException(
            "'%s': merge %d, '%s %s', names a token that the vocabulary does not hold: the two do"
                    .formatted(name, rank, pair[0], pair[1])
                + " not belong together");
      }
      merges.put(key(left, right), new Merge(rank, joined));
    }
  }

  /** GPT-2's table: printable characters stand for themselves, other bytes for U+0100 and on. */
  private static String[] byteCharacters() {
    String[] out = new String[256];
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      out[b] = Character.toString(printable ? b : next++);
    }
    return out;
  }

  private static long key(int left, int right) {
    return (long) left << 32 | right & 0xFFFFFFFFL;
  }

  /** Ids of a word, which is not empty. */
  int[] encode(String word) {
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    int n = bytes.length;
    int[] ids = new int[n];
    int[] next = new int[n];
    int[] before = new int[n];
    for (int i = 0; i < n; i++) {
      ids[i] = (i == n - 1 ? atEnd : inside)[bytes[i] & 0xFF];
      next[i] = i + 1;
      before[i] = i - 1;
    }
    PriorityQueue<Candidate> queue =
        new PriorityQueue<>(
            (a, b) ->
                a.rank != b.rank ? Integer.compare(a.rank, b.rank) : Integer.compare(a.at, b.at));
    for (int i = 0; i + 1 < n; i++) {
      offer(queue, ids, i, i + 1);
    }
    for (Candidate c = queue.poll(); c != null; c = queue.poll()) {
      int right = next[c.at];
      if (ids[c.at] != c.left || right >= n || ids[right] != c.right) {
        // One of the two has been joined with another meanwhile.
        continue;
      }
      ids[c.at] = merges.get(key(c.left, c.right)).id;
      ids[right] = -1;
      next[c.at] = next[right];
      if (next[right] < n) {
        before[next[right]] = c.at;
        offer(queue, ids, c.at, next[c.at]);
      }
      if (before[c.at] >= 0) {
        offer(queue, ids, before[c.at], c.at);
      }
    }
    return Arrays.stream(ids).filter(id -> id >= 0).toArray();
  }

  private void offer(PriorityQueue<Candidate> queue, int[] ids, int left, int right) {
    Merge merge = merges.get(key(ids[left], ids[right]));
    if (merge != null) {
      queue.add(new Candidate(merge.rank, left, ids[left], ids[right]));
    }
  }
}
