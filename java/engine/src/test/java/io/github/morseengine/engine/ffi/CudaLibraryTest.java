package io.github.morseengine.engine.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which versions fit, and what is said of the others. */
class CudaLibraryTest {

  private static final Version OLD_DRIVER = new Version(12, 4, -1);
  private static final Version NEW_DRIVER = new Version(13, 1, -1);

  @Test
  void versionsAreReadAsTheLibrariesWriteThem() {
    assertEquals("12.4", Version.ofCuda(12040).toString());
    assertEquals("13.0", Version.ofCuda(13000).toString());
    assertEquals("9.28.1", Version.ofDecimal(92801).toString());
    assertEquals("13.10.0", Version.ofDecimal(131000).toString());
  }

  @Test
  void versionsAreOrderedByNumber() {
    assertTrue(new Version(12, 10, -1).compareTo(new Version(12, 9, -1)) > 0);
    assertTrue(new Version(13, 0, -1).compareTo(new Version(12, 9, -1)) > 0);
    assertTrue(new Version(9, 5, 1).compareTo(new Version(9, 5, 0)) > 0);
  }

  @Test
  void theDriverIsOfCuda12Point4OrNewer() {
    assertNull(CudaLibrary.DRIVER.objection(OLD_DRIVER, null));
    assertNull(CudaLibrary.DRIVER.objection(new Version(14, 0, -1), null), "drivers stay able");
    assertEquals(
        "it is 12.3, needed is 12.4 or newer",
        CudaLibrary.DRIVER.objection(new Version(12, 3, -1), null));
  }

  @Test
  void theCompilerIsNotNewerThanTheDriversMajorVersion() {
    assertNull(CudaLibrary.NVRTC.objection(new Version(12, 9, -1), OLD_DRIVER));
    assertNull(CudaLibrary.NVRTC.objection(new Version(12, 6, -1), NEW_DRIVER));
    assertNull(CudaLibrary.NVRTC.objection(new Version(13, 5, -1), NEW_DRIVER));
    assertNull(CudaLibrary.NVRTC.objection(new Version(13, 5, -1), null), "no driver to ask");
    assertEquals(
        "it is 13.0, and the driver runs only CUDA up to 12.4",
        CudaLibrary.NVRTC.objection(new Version(13, 0, -1), OLD_DRIVER));
    assertEquals(
        "it is 14.0, needed is a version up to 13.x",
        CudaLibrary.NVRTC.objection(new Version(14, 0, -1), null));
  }

  @Test
  void cudnnHasNumbersOfItsOwn() {
    assertNull(CudaLibrary.CUDNN.objection(new Version(9, 28, 1), OLD_DRIVER));
    assertEquals(
        "it is 8.9.7, needed is 9.0 or newer",
        CudaLibrary.CUDNN.objection(new Version(8, 9, 7), NEW_DRIVER));
    assertEquals("it does not tell its version", CudaLibrary.CUDNN.objection(null, NEW_DRIVER));
    assertNull(CudaLibrary.NVTX.objection(null, NEW_DRIVER), "it has none to tell");
  }

  @Test
  void whatIsMissingIsSaidInOneLine() {
    var missing =
        new CudaLibraries.Finding(
            CudaLibrary.NVRTC,
            null,
            null,
            List.of("'/a/libnvrtc.so.12' is passed over: it is 12.2, needed is 12.6 or newer"),
            List.of("MORSE_CUDA_PATH=/a", "the class path"));
    assertEquals(
        "no usable NVRTC (libnvrtc.so.13 or libnvrtc.so.12): '/a/libnvrtc.so.12' is passed over:"
            + " it is 12.2, needed is 12.6 or newer; looked in MORSE_CUDA_PATH=/a, the class path:"
            + " install CUDA 12.6 or newer, or the Python package nvidia-cuda-nvrtc"
            + " (nvidia-cuda-nvrtc-cu12 for drivers before 580), or name its folder with"
            + " MORSE_CUDA_PATH, or use the backend cpu",
        missing.problem());
    var found =
        new CudaLibraries.Finding(
            CudaLibrary.CUDNN, Path.of("x"), new Version(9, 5, 0), List.of(), List.of());
    assertNull(found.problem());
  }
}
