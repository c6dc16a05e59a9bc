package io.github.morseengine.engine.morse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.morse.ScheduleCandidates.Candidate;
import io.github.morseengine.engine.morse.ScheduleCandidates.Density;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScheduleCandidatesTest {

  private static final double RATIO = 0.11;

  @ParameterizedTest
  @ValueSource(doubles = {1, 1.5, 2, 5, 10, 50})
  void candidatesAreWithinTheBudgetAndDiffer(double budget) {
    List<Candidate> even = ScheduleCandidates.even(budget, RATIO);
    assertEquals(new Candidate((int) budget, 0, Density.EVEN), even.getFirst());
    assertEquals(even.size(), new HashSet<>(even).size());
    for (Candidate c : even) {
      Schedule s = c.schedule();
      assertEquals(c.dash(), s.dash());
      assertEquals(c.dot(), s.dot());
      assertTrue(s.lsd(RATIO) <= budget + 1e-9, s + " costs " + s.lsd(RATIO));
    }
  }

  @Test
  void neighboursFillTheBudget() {
    Candidate c = new Candidate(7, 20, new Density(3, 1, 1));
    List<Candidate> beside = ScheduleCandidates.beside(c, 10, RATIO);
    assertEquals(
        List.of(new Candidate(6, 36, c.density()), new Candidate(8, 18, c.density())), beside);
    Candidate least = new Candidate(1, 0, Density.EVEN);
    assertEquals(List.of(), ScheduleCandidates.beside(least, 1.5, RATIO));
  }

  @Test
  void anotherBudgetKeepsTheShape() {
    Candidate c = new Candidate(7, 30, new Density(3, 1, 1));
    assertEquals(new Candidate(13, 63, c.density()), ScheduleCandidates.scaled(c, 20, RATIO));
    Candidate less = ScheduleCandidates.scaled(c, 5, RATIO);
    assertEquals(new Candidate(3, 18, c.density()), less);
    assertTrue(less.schedule().lsd(RATIO) <= 5);
    assertEquals(1, ScheduleCandidates.scaled(c, 1, RATIO).dash());
  }

  @Test
  void otherDensitiesMoveTheStepsOfDash() {
    Candidate even = new Candidate(6, 18, Density.EVEN);
    List<Candidate> others = ScheduleCandidates.respread(even);
    for (Candidate c : others) {
      assertEquals(6, c.schedule().dash());
      assertEquals(18, c.schedule().dot());
    }
    assertTrue(inFirstHalf(others.getFirst()) > inFirstHalf(even), "first density: the beginning");
    assertEquals(others.size(), others.stream().map(Candidate::schedule).distinct().count());
  }

  private static long inFirstHalf(Candidate c) {
    return c.schedule().kinds().stream().limit(12).filter(k -> k == StepKind.DASH).count();
  }
}
