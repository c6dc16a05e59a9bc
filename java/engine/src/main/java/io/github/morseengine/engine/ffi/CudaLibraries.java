package io.github.morseengine.engine.ffi;

import io.github.morseengine.engine.error.NativeLibraryException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds CUDA's libraries, checks their versions before they are loaded for good, and opens them,
 * once per process. Safe for use by several threads.
 *
 * <p>Places are tried in the order of {@link CudaSearch}; in each, the newest file whose version
 * the driver can run wins. A file with a wrong version is passed over and reported.
 */
public final class CudaLibraries {

  /** System property with folders of CUDA libraries that are tried before all others. */
  public static final String PATH_PROPERTY = CudaSearch.PATH_PROPERTY;

  /** System property: {@code true} looks nowhere but in those folders. */
  public static final String ONLY_PROPERTY = CudaSearch.ONLY_PROPERTY;

  /**
   * What a search found.
   *
   * @param library which one
   * @param path the file; null if there is none that we work with
   * @param version its version; null where there is no file or it does not tell
   * @param rejected files that were passed over, each with the reason
   * @param places where was looked, in words
   */
  public record Finding(
      CudaLibrary library, Path path, Version version, List<String> rejected, List<String> places) {

    /** {@return whether it is there} */
    public boolean found() {
      return path != null;
    }

    /** {@return one line that says what was looked for, where, and what to do; null if found} */
    public String problem() {
      if (found()) {
        return null;
      }
      StringBuilder text = new StringBuilder("no usable ").append(library.title());
      text.append(" (").append(String.join(" or ", library.files())).append(")");
      if (!rejected.isEmpty()) {
        text.append(": ").append(String.join("; ", rejected));
      }
      text.append("; looked in ").append(String.join(", ", places)).append(": ");
      text.append(library.remedy()).append(", or name its folder with MORSE_CUDA_PATH");
      return library.optional() ? text.toString() : text + ", or use the backend cpu";
    }
  }

  private static final Pattern MAPPED_FILE = Pattern.compile("\\s(/.*)$");

  private static final Map<CudaLibrary, Finding> FINDINGS = new EnumMap<>(CudaLibrary.class);
  private static final Set<CudaLibrary> OPENED = EnumSet.noneOf(CudaLibrary.class);

  /** What the user asked for when the findings were made. */
  private static String asked = "";

  private CudaLibraries() {}

  /**
   * Finds a library without keeping it open; looks once, and again where the properties that say
   * where to look have changed and the library is not open yet.
   *
   * @param library which one
   * @return what was found
   * @throws NativeLibraryException if native access is denied, with the flag that grants it
   */
  public static synchronized Finding find(CudaLibrary library) {
    String now = System.getProperty(PATH_PROPERTY) + " " + System.getProperty(ONLY_PROPERTY);
    if (!now.equals(asked)) {
      asked = now;
      FINDINGS.keySet().retainAll(OPENED);
    }
    Finding known = FINDINGS.get(library);
    if (known == null) {
      try {
        known = search(library);
      } catch (IllegalCallerException e) {
        throw NativeLibraries.accessDenied(e);
      }
      FINDINGS.put(library, known);
    }
    return known;
  }

  /**
   * Opens a library, and before it those that it would otherwise open by name.
   *
   * @param library which one
   * @return what was opened
   * @throws NativeLibraryException if it is not there or cannot be opened, with what was looked
   *     for, where, and what to install
   */
  public static synchronized Finding open(CudaLibrary library) {
    Finding finding = find(library);
    if (!finding.found()) {
      throw new NativeLibraryException(finding.problem());
    }
    if (!OPENED.contains(library)) {
      if (library == CudaLibrary.CUDNN) {
        // cuDNN opens these by name; the dynamic linker then takes the ones that are open already.
        for (CudaLibrary needed :
            List.of(CudaLibrary.DRIVER, CudaLibrary.CUBLASLT, CudaLibrary.NVRTC)) {
          if (find(needed).found()) {
            open(needed);
          }
        }
      }
      try {
        NativeLibraries.open(finding.path());
      } catch (IllegalCallerException e) {
        throw NativeLibraries.accessDenied(e);
      }
      OPENED.add(library);
    }
    return finding;
  }

  private static Finding search(CudaLibrary library) {
    List<String> places = new ArrayList<>();
    List<String> rejected = new ArrayList<>();
    if (!NativeLibraries.platform().startsWith("linux")) {
      return new Finding(library, null, null, List.of("CUDA needs Linux"), List.of("no place"));
    }
    Version driver = library == CudaLibrary.DRIVER ? null : find(CudaLibrary.DRIVER).version();
    CudaSearch search = CudaSearch.ofProcess();
    CudaSearch.Place named = search.named();
    Finding out = first(library, driver, files(named, library), rejected);
    places.add(named.name());
    if (out == null && !search.onlyChosen()) {
      places.add("the class path");
      ClassLoader loader = CudaLibraries.class.getClassLoader();
      out =
          first(
              library,
              driver,
              ClassPathLibraries.find(loader, NativeLibraries.platform(), library),
              rejected);
      if (out == null) {
        CudaSearch.Place system = search.system();
        places.add(system.name());
        List<Path> files = new ArrayList<>(byDynamicLinker(library));
        files.addAll(files(system, library));
        out = first(library, driver, files, rejected);
      }
      if (out == null) {
        CudaSearch.Place python = search.python();
        places.add(python.name());
        out = first(library, driver, files(python, library), rejected);
      }
    }
    return out != null ? out : new Finding(library, null, null, List.copyOf(rejected), places);
  }

  private static List<Path> files(CudaSearch.Place place, CudaLibrary library) {
    List<Path> out = new ArrayList<>();
    for (String name : library.files()) {
      for (Path folder : place.folders()) {
        Path file = folder.resolve(name);
        if (Files.isRegularFile(file)) {
          out.add(file);
        }
      }
    }
    return out;
  }

  /** {@return the first file that we work with, or null; the reasons against others are added} */
  private static Finding first(
      CudaLibrary library, Version driver, List<Path> files, List<String> rejected) {
    for (Path file : files) {
      String objection;
      try {
        Version version = LibraryProbe.version(library, file);
        objection = library.objection(version, driver);
        if (objection == null) {
          return new Finding(library, file, version, List.copyOf(rejected), List.of());
        }
      } catch (NativeLibraryException e) {
        objection = e.getMessage();
      }
      rejected.add("'" + file + "' is passed over: " + objection);
    }
    return null;
  }

  /**
   * Asks the dynamic linker (LD_LIBRARY_PATH, ld.so.conf), whose answer to a bare name is a library
   * and not its path: that stands in the process's list of mapped files.
   */
  private static List<Path> byDynamicLinker(CudaLibrary library) {
    List<Path> out = new ArrayList<>();
    for (String name : library.files()) {
      try (Arena arena = Arena.ofShared()) {
        SymbolLookup.libraryLookup(name, arena);
        for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
          Matcher m = MAPPED_FILE.matcher(line);
          if (m.find() && isFile(Path.of(m.group(1)), name)) {
            out.add(Path.of(m.group(1)));
            break;
          }
        }
      } catch (IllegalArgumentException | IOException e) {
        // The linker knows no such library: the folders come next.
        continue;
      }
    }
    return out;
  }

  /** Mapped files stand under their real names: libcuda.so.1 is a link to libcuda.so.550.54. */
  private static boolean isFile(Path mapped, String name) {
    String stem = name.substring(0, name.indexOf(".so"));
    return mapped.getFileName().toString().startsWith(stem + ".so");
  }
}
