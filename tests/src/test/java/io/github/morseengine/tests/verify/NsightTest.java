package io.github.morseengine.tests.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.SimulatedDevice;
import io.github.morseengine.tests.support.Subprocess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The ranges that profilers see, and jmh/nsight's scripts with stand-ins for Nsight's programs:
 * what they pass on, what they make of a table, and what they say where a program is missing.
 */
class NsightTest {

  private static final Path SCRIPTS = Fixtures.repository().resolve("jmh/nsight");

  /** Writes the name of each range that begins, and "-" where one ends. */
  private static final String NVTX =
      """
      #include <cstdio>
      #include <cstdlib>
      #include <cstring>
      extern "C" {
      static FILE* file() {
        static FILE* f = fopen(getenv("NVTX_LOG"), "w");
        return f;
      }
      void* nvtxDomainCreateA(const char* name) { return strdup(name); }
      void* nvtxDomainRegisterStringA(void*, const char* s) { return strdup(s); }
      int nvtxDomainRangePushEx(void*, const char* attributes) {
        const char* name;
        memcpy(&name, attributes + 40, sizeof name);
        fprintf(file(), "%s\\n", name);
        fflush(file());
        return 0;
      }
      int nvtxDomainRangePop(void*) {
        fprintf(file(), "-\\n");
        fflush(file());
        return 0;
      }
      }
      """;

  private static final String NSYS =
      """
      if [ "$1" = profile ]; then
        for a in "$@"; do case $a in --output=*) touch "${a#*=}.nsys-rep";; esac; done
        shift; while [ "${1#--}" != "$1" ]; do shift; done
        exec "$@"
      fi
      case $* in *nvtx_sum*) echo "range table"; exit;; esac
      echo "Time (%),Total Time (ns),Instances,Avg (ns),Med (ns),Min (ns),Max (ns),StdDev (ns),Name"
      for a; do file=$a; done
      if [ -s "$file" ]; then cat "$file"; exit; fi
      echo '25.0,1000,2,500.0,500.0,500,500,0.0,attention'
      echo '75.0,3000,1,3000.0,3000.0,3000,3000,0.0,"void cutlass<int, 4>"'
      """;

  private static final String NCU =
      """
      if [ "$1" = --import ]; then
        echo '"ID","Kernel Name","gpu__time_duration.sum",\
      "sm__throughput.avg.pct_of_peak_sustained_elapsed",\
      "gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed",\
      "sm__warps_active.avg.pct_of_peak_sustained_active"'
        echo '"","","ns","%","%","%"'
        echo '"0","layer_norm","2,500","10.0","60.0","50.0"'
        echo '"1","layer_norm","1500","20.0","80.0","50.0"'
        exit
      fi
      while [ "${1#--}" != "$1" ]; do
        case $1 in
          --nvtx | --force-overwrite) shift;;
          --export) touch "$2.ncu-rep"; shift 2;;
          *) shift 2;;
        esac
      done
      exec "$@"
      """;

  @TempDir Path folder;
  private Path tools;

  @BeforeEach
  void standIns() throws IOException {
    tools = Files.createDirectories(folder.resolve("tools"));
  }

  private void tool(String name, String body) throws IOException {
    Path file = tools.resolve(name);
    Files.writeString(file, "#!/bin/sh\n" + body);
    assertTrue(file.toFile().setExecutable(true));
  }

  private Subprocess script(String name, Object... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(SCRIPTS.resolve(name).toString()));
    for (Object a : arguments) {
      command.add(a.toString());
    }
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(folder.resolve("stdout.txt").toFile())
            .redirectError(folder.resolve("stderr.txt").toFile());
    builder.environment().put("PATH", tools + ":/usr/bin:/bin");
    builder.environment().put("MORSE_CUDA_PATH", SimulatedDevice.folder().toString());
    String cache = Path.of("target", "cache").toAbsolutePath().toString();
    builder.environment().put("MORSE_VERIFY_CACHE", cache);
    Process process = builder.start();
    assertTrue(process.waitFor(300, TimeUnit.SECONDS), name + " hangs");
    return new Subprocess(
        process.exitValue(),
        Files.readString(folder.resolve("stdout.txt")),
        Files.readString(folder.resolve("stderr.txt")));
  }

  private static Path image() throws Exception {
    Path image = VerifyGpuTest.image();
    Path unpacked = image.resolveSibling("verify-gpu");
    Process process =
        new ProcessBuilder("tar", "-xzf", image.toString(), "-C", image.getParent().toString())
            .inheritIO()
            .start();
    assertEquals(0, process.waitFor());
    return unpacked;
  }

  @Test
  void profilesWithBothTools() throws Exception {
    tool("nsys", NSYS);
    tool("ncu", NCU);
    Path image = image();
    Subprocess run =
        script(
            "profile.sh", "--quick", "--image", image, "--out", "reports", "kernel", "geglu_vec8");
    assertEquals(0, run.code(), run.out() + run.err());
    assertTrue(Files.exists(folder.resolve("reports/geglu_vec8.nsys-rep")));
    assertTrue(Files.exists(folder.resolve("reports/geglu_vec8.ncu-rep")));
    assertTrue(run.out().contains("void cutlass<int, 4>"), run.out());
    assertTrue(run.out().contains("75.0%"), run.out());
    assertTrue(run.out().contains("range table"), run.out());
    // Two launches of 2 us on average, the means of their shares.
    assertTrue(
        run.out()
            .matches("(?s).* 4\\.00 100\\.0% +2 +2\\.00 +15\\.0 +70\\.0 +50\\.0 +layer_norm.*"),
        run.out());

    Subprocess wrong =
        script("profile.sh", "--quick", "--tool", "ncu", "--image", image, "kernel", "no_such");
    assertEquals(2, wrong.code(), wrong.out());
    assertTrue(wrong.err().contains("no kernel 'no_such' is timed"), wrong.err());
  }

  @Test
  void comparesReports() throws Exception {
    tool("nsys", NSYS);
    Path before = folder.resolve("a.nsys-rep");
    Path after = folder.resolve("b.nsys-rep");
    Files.writeString(
        before, "50,4000,2,0,0,0,0,0,geglu\n50,6000,1,0,0,0,0,0,softmax\n1,9,1,0,0,0,0,0,old\n");
    Files.writeString(
        after, "50,3000,2,0,0,0,0,0,geglu\n50,9000,1,0,0,0,0,0,softmax\n1,9,1,0,0,0,0,0,new\n");
    Subprocess run = script("compare.sh", before, after);
    assertEquals(0, run.code(), run.err());
    List<String> lines = run.out().lines().map(l -> l.strip().replaceAll(" +", " ")).toList();
    assertEquals("6.00 9.00 1.500 3.00 softmax", lines.get(1));
    assertEquals("2.00 1.50 0.750 -1.00 geglu", lines.get(2));
    assertTrue(lines.contains("- 0.01 - 0.01 new (after only)"), run.out());
    assertTrue(lines.getLast().endsWith("all launches"), run.out());
  }

  @Test
  void wrongCallsSayWhatToDo() throws Exception {
    refused("neither nsys nor ncu is there", "profile.sh", "generation");
    refused("ncu (Nsight Compute) is not installed", "profile.sh", "--tool", "ncu", "step", "dash");
    refused("say what to profile", "profile.sh", "step", "sampler");
    refused("unknown option '--fast'", "profile.sh", "--fast");
    refused("use nsys, ncu or both", "profile.sh", "--tool", "gdb", "generation");
    refused("--launches 0", "profile.sh", "--launches", "0", "generation");
    refused("usage", "compare.sh", "one.ncu-rep");
    refused("of two tools", "compare.sh", "a.ncu-rep", "b.nsys-rep");
    refused("is no file", "summary.sh", "none.ncu-rep");
    Path report = Files.createFile(folder.resolve("x.ncu-rep"));
    refused("ncu is not installed", "summary.sh", report);
    tool("ncu", NCU);
    refused("holds no runtime/bin/java", "profile.sh", "--image", folder, "generation");
  }

  private void refused(String message, String name, Object... arguments) throws Exception {
    Subprocess run = script(name, arguments);
    assertEquals(2, run.code(), run.out() + run.err());
    assertTrue(run.err().contains(message), run.err());
  }

  /** Load, steps, operators and updates have ranges, each ends, and off there are none. */
  @Test
  void rangesLieAroundLoadStepOperatorAndUpdate() throws Exception {
    Path nvtx = Files.createDirectories(folder.resolve("nvtx"));
    Path source = Files.writeString(folder.resolve("nvtx.cpp"), NVTX);
    String library = nvtx.resolve("libnvtx3interop.so.1").toString();
    Process compile =
        new ProcessBuilder("g++", "-shared", "-fPIC", source.toString(), "-o", library)
            .inheritIO()
            .start();
    assertEquals(0, compile.waitFor());
    Path libraries = Path.of(SimulatedDevice.folder() + ":" + nvtx);
    List<String> ranges = ranges(libraries, "true", "generation");
    for (String name : List.of("load", "Dash step", "Dot step", "update")) {
      assertTrue(ranges.contains(name), name + " in " + ranges);
    }
    long ends = ranges.stream().filter("-"::equals).count();
    assertEquals(ranges.size(), 2 * ends, "each range ends");
    List<String> ops = ranges(libraries, "true", "dash");
    // Whichever of the two was faster here.
    String attention = "node_scaled_dot_product_attention (attention_d|cuDNN ).*";
    assertTrue(ops.stream().anyMatch(r -> r.matches(attention)), ops.toString());
    assertTrue(ranges(libraries, "false", "dash").isEmpty());
  }

  private List<String> ranges(Path libraries, String on, String what) throws IOException {
    Path log = folder.resolve("ranges.txt");
    Files.deleteIfExists(log);
    Subprocess run =
        SimulatedDevice.run(
            folder,
            libraries,
            Map.of("NVTX_LOG", log.toString()),
            List.of("-Dmorse.nvtx=" + on, "-Dmorse.repository=" + Fixtures.repository().toString()),
            Part.class.getName(),
            "profile",
            "quick",
            "only=" + what);
    assertEquals(0, run.code(), run.err());
    assertFalse(run.out().contains("wrong"), run.out());
    return Files.exists(log) ? Files.readAllLines(log) : List.of();
  }
}
