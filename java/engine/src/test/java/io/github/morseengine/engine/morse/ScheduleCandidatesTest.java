package io.github.morseengine.engine.morse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.engine.morse.ScheduleCandidates.Candidate;
import io.github.morseengine.engine.morse.ScheduleCandidates.Density;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScheduleCandidatesTest {

  private static final double RATIO = 0.11;
  private static final ScheduleCandidates ANY = new ScheduleCandidates(RATIO, n -> 0);

  @ParameterizedTest
  @ValueSource(doubles = {1, 1.5, 2, 5, 10, 50})
  void candidatesAreWithinTheBudgetAndDiffer(double budget) {
    List<Candidate> even = ANY.even(budget);
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
    List<Candidate> beside = ANY.beside(c, 10, 1);
    assertEquals(
        List.of(new Candidate(6, 36, c.density()), new Candidate(8, 18, c.density())), beside);
    Candidate least = new Candidate(1, 0, Density.EVEN);
    assertEquals(List.of(), ANY.beside(least, 1.5, 1));
    assertEquals(List.of(5, 6, 8, 9), ANY.beside(c, 10, 2).stream().map(Candidate::dash).toList());
    // No more than there are, and no more than the budget pays for.
    assertEquals(
        List.of(1, 3),
        ANY.beside(new Candidate(2, 9, c.density()), 3.5, 3).stream()
            .map(Candidate::dash)
            .toList());
  }

  @Test
  void anotherBudgetKeepsTheShape() {
    Candidate c = new Candidate(7, 30, new Density(3, 1, 1));
    assertEquals(new Candidate(13, 63, c.density()), ANY.scaled(c, 20));
    Candidate less = ANY.scaled(c, 5);
    assertEquals(new Candidate(3, 18, c.density()), less);
    assertTrue(less.schedule().lsd(RATIO) <= 5);
    assertEquals(1, ANY.scaled(c, 1).dash());
  }

  @Test
  void runsThatStopShortAreMadeShorter(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("scheduler_config.json");
    Files.writeString(file, "{\"timestep_spacing\": \"trailing\", \"set_alpha_to_one\": true}");
    SchedulerConfig config = SchedulerConfig.read(file);
    Sampler ddim = Samplers.of("ddim", config, 0);
    assertEquals(
        List.of(0.0, 10.0, 4.0, 16.0, 0.0),
        IntStream.of(10, 11, 12, 41, 50).mapToObj(ddim::shortfall).toList());
    assertEquals(Double.POSITIVE_INFINITY, ddim.shortfall(1001));
    assertEquals(0, Samplers.of("dpmpp", config, 0).shortfall(11));
    ScheduleCandidates candidates = new ScheduleCandidates(RATIO, ddim::shortfall);
    Candidate c = new Candidate(2, 9, Density.EVEN);
    assertEquals(new Candidate(2, 8, Density.EVEN), candidates.scaled(c, 3));
    assertEquals(c, ANY.scaled(c, 3));
    // Neither 16 nor 15 steps are without: they leave 8 and 10 timesteps.
    ScheduleCandidates dear = new ScheduleCandidates(0.5, ddim::shortfall);
    Candidate some = new Candidate(10, 6, Density.EVEN);
    assertEquals(some, dear.scaled(some, 13));
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

  @Test
  void closedSchedulesEndWithDash() {
    Candidate open = new Candidate(3, 9, Density.EVEN);
    assertEquals("DKKKDKKKDKKK", open.schedule().toString());
    Candidate closed = ScheduleCandidates.closed(open);
    assertEquals("DKKKKKDKKKKD", closed.schedule().toString());
    assertEquals("DKKKKKKKKKD", ANY.scaled(closed, 3).schedule().toString(), "another budget");
    assertEquals(open, ScheduleCandidates.opened(closed));
    Candidate one = new Candidate(1, 3, Density.EVEN);
    assertEquals(one.schedule(), ScheduleCandidates.closed(one).schedule(), "the first is Dash");
    Candidate dash = new Candidate(2, 0, Density.EVEN);
    assertEquals(dash.schedule(), ScheduleCandidates.closed(dash).schedule());
  }

  private static long inFirstHalf(Candidate c) {
    return c.schedule().kinds().stream().limit(12).filter(k -> k == StepKind.DASH).count();
  }
}
