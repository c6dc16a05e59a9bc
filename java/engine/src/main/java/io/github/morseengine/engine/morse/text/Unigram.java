package io.github.morseengine.engine.morse.text;

import io.github.morseengine.engine.error.ModelFormatException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Unigram segmentation of one word (Kudo 2018, "Subword Regularization"): of all ways to cut it
 * into tokens the one whose log probabilities have the largest sum, found by Viterbi's algorithm.
 * Characters that no token begins with count as unknown, neighbours among them as one. Immutable
 * and safe for use by several threads.
 */
final class Unigram {

  /** How much less likely than the least likely token an unknown character is. */
  private static final double PENALTY = 10;

  private final Map<String, Integer> ids;
  private final double[] scores;
  private final int unknown;
  private final double unknownScore;
  private final int longest;

  /**
   * Prepares a vocabulary.
   *
   * @param model {@code model} of a tokenizer.json: vocab, pairs of token and log probability, and
   *     unk_id
   * @param name the file, for messages
   */
  Unigram(Map<?, ?> model, String name) {
    if (!"Unigram".equals(model.get("type")) || !(model.get("vocab") instanceof List<?> vocab)) {
      throw new ModelFormatException(
          "'%s' holds a model of type %s, expected Unigram with a vocab: it is no tokenizer of T5"
              .formatted(name, model.get("type")));
    }
    if (Boolean.TRUE.equals(model.get("byte_fallback"))) {
      throw new ModelFormatException("'" + name + "': byte_fallback is not supported");
    }
    ids = HashMap.newHashMap(vocab.size());
    scores = new double[vocab.size()];
    int most = 0;
    for (int i = 0; i < scores.length; i++) {
      if (!(vocab.get(i) instanceof List<?> pair)
          || pair.size() != 2
          || !(pair.get(0) instanceof String token)
          || !(pair.get(1) instanceof Double score)) {
        throw new ModelFormatException(
            "'%s': entry %d of vocab is no pair of token and number".formatted(name, i));
      }
      ids.put(token, i);
      scores[i] = score;
      most = Math.max(most, token.length());
    }
    longest = most;
    if (!(model.get("unk_id") instanceof Double id) || id < 0 || id >= scores.length) {
      throw new ModelFormatException(
          "'%s': unk_id is %s, expected the number of a token"
              .formatted(name, model.get("unk_id")));
    }
    unknown = id.intValue();
    unknownScore = Arrays.stream(scores).min().orElse(0) - PENALTY;
  }

  /** {@return how many tokens there are} */
  int size() {
    return scores.length;
  }

  /** {@return id of a token, null where there is none} */
  Integer id(String token) {
    return ids.get(token);
  }

  /** Adds the ids of a word. */
  void encode(String word, List<Integer> to) {
    int n = word.length();
    double[] best = new double[n + 1];
    int[] start = new int[n + 1];
    int[] token = new int[n + 1];
    Arrays.fill(start, -1);
    for (int at = 0; at < n; ) {
      int character = Character.charCount(word.codePointAt(at));
      boolean single = false;
      for (int end = at + 1; end <= Math.min(n, at + longest); end++) {
        Integer id = ids.get(word.substring(at, end));
        if (id != null) {
          offer(best, start, token, at, end, id, scores[id]);
          single |= end == at + character;
        }
      }
      if (!single) {
        offer(best, start, token, at, at + character, unknown, unknownScore);
      }
      at += character;
    }
    List<Integer> reversed = new ArrayList<>();
    for (int end = n; end > 0; end = start[end]) {
      int from = start[end];
      if (token[end] != unknown) {
        reversed.add(token[end]);
        continue;
      }
      while (from > 0 && token[from] == unknown) {
        from = start[from];
      }
      reversed.add(ids.getOrDefault(word.substring(from, end), unknown));
      start[end] = from;
    }
    to.addAll(reversed.reversed());
  }

  private static void offer(
      double[] best, int[] start, int[] token, int from, int to, int id, double score) {
    double candidate = best[from] + score;
    if (start[to] < 0 || candidate > best[to]) {
      best[to] = candidate;
      start[to] = from;
      token[to] = id;
    }
  }
}
