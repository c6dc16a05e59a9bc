package io.github.morseengine.tests.cudnn;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * cuDNN's backend calls without the engine, which would not let through what these tests ask. The
 * numbers are those of {@code cudnn_graph.h}.
 */
final class RawCudnn {

  /** A call that was refused. */
  static final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1L;
    final int status;

    Refused(int status) {
      super("status " + status);
      this.status = status;
    }
  }

  static final int POINTWISE = 0;
  static final int CONVOLUTION = 1;
  static final int CONFIG = 3;
  static final int HEURISTICS = 4;
  static final int PLAN = 5;
  static final int CONVOLUTION_OP = 10;
  static final int POINTWISE_OP = 13;
  static final int GRAPH = 15;
  static final int PACK = 16;
  static final int TENSOR = 17;
  static final int DEVICE = 38;

  static final int DATA_TYPE = 1;
  static final int BOOLEAN = 2;
  static final int INT64 = 3;
  static final int FLOAT = 4;
  static final int POINTER = 6;
  static final int CONVOLUTION_MODE = 7;
  static final int HEURISTICS_MODE = 8;
  static final int POINTWISE_MODE = 14;
  static final int DESCRIPTOR = 15;
  static final int CHAR = 24;

  private static final ValueLayout I = ValueLayout.JAVA_INT;
  private static final ValueLayout L = ValueLayout.JAVA_LONG;
  private static final ValueLayout P = ValueLayout.ADDRESS;

  private final MethodHandle create;
  private final MethodHandle set;
  private final MethodHandle get;
  private final MethodHandle finalise;

  RawCudnn(Path library) {
    SymbolLookup symbols = SymbolLookup.libraryLookup(library, Arena.global());
    create = link(symbols, "cudnnBackendCreateDescriptor", FunctionDescriptor.of(I, I, P));
    set = link(symbols, "cudnnBackendSetAttribute", FunctionDescriptor.of(I, P, I, I, L, P));
    get = link(symbols, "cudnnBackendGetAttribute", FunctionDescriptor.of(I, P, I, I, L, P, P));
    finalise = link(symbols, "cudnnBackendFinalize", FunctionDescriptor.of(I, P));
  }

  private static MethodHandle link(SymbolLookup symbols, String name, FunctionDescriptor type) {
    return Linker.nativeLinker().downcallHandle(symbols.findOrThrow(name), type);
  }

  private static void check(int status) {
    if (status != 0) {
      throw new Refused(status);
    }
  }

  MemorySegment create(int type) {
    MemorySegment out = Arena.global().allocate(P);
    try {
      check((int) create.invokeExact(type, out));
    } catch (Refused e) {
      throw e;
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
    return out.get(ValueLayout.ADDRESS, 0);
  }

  void set(MemorySegment descriptor, int attribute, int type, long count, MemorySegment data) {
    try {
      check((int) set.invokeExact(descriptor, attribute, type, count, data));
    } catch (Refused e) {
      throw e;
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  void longs(MemorySegment descriptor, int attribute, long... values) {
    MemorySegment data = Arena.global().allocateFrom(ValueLayout.JAVA_LONG, values);
    set(descriptor, attribute, INT64, values.length, data);
  }

  void code(MemorySegment descriptor, int attribute, int type, int value) {
    set(descriptor, attribute, type, 1, Arena.global().allocateFrom(ValueLayout.JAVA_INT, value));
  }

  void real(MemorySegment descriptor, int attribute, float value) {
    MemorySegment data = Arena.global().allocateFrom(ValueLayout.JAVA_FLOAT, value);
    set(descriptor, attribute, FLOAT, 1, data);
  }

  void yes(MemorySegment descriptor, int attribute) {
    MemorySegment data = Arena.global().allocateFrom(ValueLayout.JAVA_BYTE, (byte) 1);
    set(descriptor, attribute, BOOLEAN, 1, data);
  }

  void text(MemorySegment descriptor, int attribute, String value) {
    MemorySegment data = Arena.global().allocateFrom(value, StandardCharsets.UTF_8);
    set(descriptor, attribute, CHAR, data.byteSize() - 1, data);
  }

  void pointers(MemorySegment descriptor, int attribute, int type, MemorySegment... values) {
    MemorySegment data = Arena.global().allocate(P, Math.max(1, values.length));
    for (int i = 0; i < values.length; i++) {
      data.setAtIndex(ValueLayout.ADDRESS, i, values[i]);
    }
    set(descriptor, attribute, type, values.length, data);
  }

  void parts(MemorySegment descriptor, int attribute, MemorySegment... values) {
    pointers(descriptor, attribute, DESCRIPTOR, values);
  }

  /** {@return the number of elements; at most {@code room} are copied} */
  long get(MemorySegment descriptor, int attribute, int type, long room, MemorySegment data) {
    MemorySegment count = Arena.global().allocate(ValueLayout.JAVA_LONG);
    try {
      check((int) get.invokeExact(descriptor, attribute, type, room, count, data));
    } catch (Refused e) {
      throw e;
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
    return count.get(ValueLayout.JAVA_LONG, 0);
  }

  MemorySegment finalise(MemorySegment descriptor) {
    try {
      check((int) finalise.invokeExact(descriptor));
    } catch (Refused e) {
      throw e;
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
    return descriptor;
  }
}
