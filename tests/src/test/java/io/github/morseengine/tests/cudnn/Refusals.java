package io.github.morseengine.tests.cudnn;

import static io.github.morseengine.tests.cudnn.RawCudnn.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * What cuDNN answers to wrong descriptors, in a process of its own: each case has the status of
 * NVIDIA's library 9.28.1 and that of the simulated one. They are the same where NVIDIA's refuses;
 * where it lets through what its header forbids (or crashes later), the simulated one refuses, so
 * that the engine cannot come to depend on it. Prints what differs; ends with 1 if anything does.
 */
public final class Refusals {

  private static final int OK = 0;
  private static final int BAD = 2000;
  private static final int WRONG_TYPE = 2010;
  private static final int HALF = 2;
  private static final int FLOAT32 = 0;
  private static final int ADD = 0;
  private static final int SWISH = 106;
  private static final long[] DIMS = {1, 8, 4, 4};
  private static final long[] STRIDES = {128, 1, 32, 8};

  private final RawCudnn c;
  private final boolean simulated;
  private int cases;
  private int wrong;

  private Refusals(RawCudnn c, boolean simulated) {
    this.c = c;
    this.simulated = simulated;
  }

  /**
   * Runs all cases.
   *
   * @param arguments "simulated" or "real", then the libraries to open in this order, cuDNN last
   */
  public static void main(String[] arguments) {
    for (int i = 1; i < arguments.length - 1; i++) {
      System.load(arguments[i]);
    }
    RawCudnn c = new RawCudnn(Path.of(arguments[arguments.length - 1]));
    Refusals r = new Refusals(c, arguments[0].equals("simulated"));
    r.tensors();
    r.windows();
    r.operations();
    r.pointwise();
    r.graphs();
    r.plans();
    System.out.println(r.cases + " cases, " + r.wrong + " differ");
    System.exit(r.wrong == 0 ? 0 : 1);
  }

  private void expect(String what, int status, Runnable body) {
    expect(what, status, status, body);
  }

  private void expect(String what, int real, int ofSimulated, Runnable body) {
    cases++;
    int got = OK;
    try {
      body.run();
    } catch (Refused e) {
      got = e.status;
    }
    int wanted = simulated ? ofSimulated : real;
    if (got != wanted) {
      wrong++;
      System.out.println(what + ": " + got + " instead of " + wanted);
    }
  }

  private MemorySegment tensor(long id, int type, long alignment, long[] dims, long[] strides) {
    MemorySegment t = c.create(TENSOR);
    c.longs(t, 906, id);
    c.code(t, 901, DATA_TYPE, type);
    c.longs(t, 900, alignment);
    c.longs(t, 902, dims);
    c.longs(t, 903, strides);
    return c.finalise(t);
  }

  private MemorySegment nhwc(long id, int type, boolean virtual, long... d) {
    MemorySegment t = c.create(TENSOR);
    c.longs(t, 906, id);
    c.code(t, 901, DATA_TYPE, type);
    c.longs(t, 900, 16);
    c.longs(t, 902, d);
    c.longs(t, 903, d[1] * d[2] * d[3], 1, d[1] * d[3], d[1]);
    if (virtual) {
      c.yes(t, 907);
    }
    return c.finalise(t);
  }

  private void tensors() {
    expect("tensor", OK, () -> tensor(1, HALF, 16, DIMS, STRIDES));
    expect("alignment 3", BAD, () -> tensor(1, HALF, 3, DIMS, STRIDES));
    expect("alignment 1", BAD, () -> tensor(1, HALF, 1, DIMS, STRIDES));
    expect("alignment 8", OK, () -> tensor(1, HALF, 8, DIMS, STRIDES));
    expect("fewer strides", BAD, () -> tensor(1, HALF, 16, DIMS, new long[] {128, 1, 32}));
    expect("dim -8", BAD, () -> tensor(1, HALF, 16, new long[] {1, -8, 4, 4}, STRIDES));
    expect("dim 0", OK, BAD, () -> tensor(1, HALF, 16, new long[] {1, 0, 4, 4}, STRIDES));
    expect("stride 0", OK, BAD, () -> tensor(1, HALF, 16, DIMS, new long[] {128, 0, 32, 8}));
    expect("int8x4", 3000, () -> tensor(1, 5, 16, DIMS, STRIDES));
    expect("9 dims", BAD, () -> tensor(1, HALF, 16, new long[9], new long[9]));
    expect("no alignment", BAD, () -> without(900));
    expect("no dims", BAD, () -> without(902));
    expect("no strides", BAD, () -> without(903));
    expect("no id", OK, BAD, () -> without(906));
    expect("no type", OK, BAD, () -> without(901));
    expect("id as a type", WRONG_TYPE, () -> c.code(c.create(TENSOR), 906, DATA_TYPE, 1));
    expect("of a convolution", BAD, () -> c.code(c.create(TENSOR), 100, DATA_TYPE, 0));
    expect("unknown attribute", BAD, () -> c.longs(c.create(TENSOR), 99_999, 0));
    expect("two ids", BAD, () -> c.longs(c.create(TENSOR), 906, 1, 2));
    expect("no data", BAD, () -> c.set(c.create(TENSOR), 906, INT64, 1, MemorySegment.NULL));
    expect("late", BAD, () -> c.longs(tensor(1, HALF, 16, DIMS, STRIDES), 906, 3));
    expect("finalised twice", BAD, () -> c.finalise(tensor(1, HALF, 16, DIMS, STRIDES)));
    MemorySegment place = Arena.global().allocate(ValueLayout.JAVA_LONG);
    expect("read early", 1001, () -> c.get(c.create(TENSOR), 906, INT64, 1, place));
    MemorySegment good = tensor(1, HALF, 16, DIMS, STRIDES);
    expect("read", OK, () -> c.get(good, 906, INT64, 1, place));
    expect("read as a type", WRONG_TYPE, () -> c.get(good, 906, DATA_TYPE, 1, place));
    expect("no such kind", 4003, () -> c.create(999));
  }

  private void without(int attribute) {
    MemorySegment t = c.create(TENSOR);
    if (attribute != 906) {
      c.longs(t, 906, 1);
    }
    if (attribute != 901) {
      c.code(t, 901, DATA_TYPE, HALF);
    }
    if (attribute != 900) {
      c.longs(t, 900, 16);
    }
    if (attribute != 902) {
      c.longs(t, 902, DIMS);
    }
    if (attribute != 903) {
      c.longs(t, 903, STRIDES);
    }
    c.finalise(t);
  }

  private MemorySegment window(int omitted, int changed, long... values) {
    MemorySegment w = c.create(CONVOLUTION);
    if (omitted != 100) {
      c.code(w, 100, DATA_TYPE, FLOAT32);
    }
    if (omitted != 101) {
      c.code(w, 101, CONVOLUTION_MODE, 1);
    }
    if (omitted != 106) {
      c.longs(w, 106, 2);
    }
    for (int attribute = 102; attribute <= 105; attribute++) {
      if (attribute != omitted) {
        c.longs(w, attribute, attribute == changed ? values : new long[] {1, 1});
      }
    }
    return c.finalise(w);
  }

  private void windows() {
    expect("window", OK, () -> window(0, 0));
    expect("no rank", BAD, () -> window(106, 0));
    expect("no dilations", BAD, () -> window(102, 0));
    expect("no strides", BAD, () -> window(103, 0));
    expect("no padding after", OK, BAD, () -> window(104, 0));
    expect("no padding before", OK, BAD, () -> window(105, 0));
    expect("no compute type", OK, BAD, () -> window(100, 0));
    expect("no mode", OK, BAD, () -> window(101, 0));
    expect("stride 0", BAD, () -> window(0, 103, 0, 1));
    expect("dilation 0", BAD, () -> window(0, 102, 0, 1));
    expect("padding -1", BAD, () -> window(0, 105, -1, 0));
    expect("one padding", BAD, () -> window(0, 105, 1));
  }

  private MemorySegment convolution(
      MemorySegment x, MemorySegment w, MemorySegment y, int omitted) {
    MemorySegment o = c.create(CONVOLUTION_OP);
    MemorySegment[] parts = {window(0, 0), w, x, y};
    for (int i = 0; i < parts.length; i++) {
      if (702 + i != omitted) {
        c.parts(o, 702 + i, parts[i]);
      }
    }
    for (int attribute : new int[] {700, 701}) {
      if (attribute != omitted) {
        c.real(o, attribute, attribute == 700 ? 1 : 0);
      }
    }
    return c.finalise(o);
  }

  private void operations() {
    MemorySegment x = nhwc(1, HALF, false, 2, 8, 5, 6);
    MemorySegment w = nhwc(2, HALF, false, 16, 8, 3, 3);
    MemorySegment y = nhwc(3, HALF, false, 2, 16, 5, 6);
    expect("convolution", OK, () -> convolution(x, w, y, 0));
    for (int attribute = 702; attribute <= 705; attribute++) {
      int omitted = attribute;
      expect("convolution without " + omitted, BAD, () -> convolution(x, w, y, omitted));
    }
    expect("convolution without alpha", OK, BAD, () -> convolution(x, w, y, 700));
    expect("convolution without beta", OK, BAD, () -> convolution(x, w, y, 701));
    expect("channels", BAD, () -> convolution(nhwc(1, HALF, false, 2, 9, 5, 6), w, y, 0));
    expect("filters", BAD, () -> convolution(x, w, nhwc(3, HALF, false, 2, 17, 5, 6), 0));
    expect("batch", BAD, () -> convolution(x, w, nhwc(3, HALF, false, 1, 16, 5, 6), 0));
    expect("output size", BAD, () -> convolution(x, w, nhwc(3, HALF, false, 2, 16, 5, 5), 0));
    MemorySegment line = tensor(1, HALF, 16, new long[] {2, 8, 5}, new long[] {40, 1, 8});
    expect("rank", BAD, () -> convolution(line, w, y, 0));
    expect("not finalised", BAD, () -> convolution(c.create(TENSOR), w, y, 0));
  }

  private MemorySegment pointwise(
      int mode, MemorySegment x, MemorySegment b, MemorySegment y, int omitted) {
    MemorySegment f = c.create(POINTWISE);
    if (omitted != 0) {
      c.code(f, 0, POINTWISE_MODE, mode);
    }
    c.code(f, 1, DATA_TYPE, FLOAT32);
    c.finalise(f);
    MemorySegment o = c.create(POINTWISE_OP);
    c.parts(o, 750, f);
    if (omitted != 751) {
      c.parts(o, 751, x);
    }
    if (b != null) {
      c.parts(o, 752, b);
    }
    if (omitted != 753) {
      c.parts(o, 753, y);
    }
    return c.finalise(o);
  }

  private void pointwise() {
    MemorySegment v = nhwc(10, FLOAT32, true, 2, 16, 5, 6);
    MemorySegment y = nhwc(3, HALF, false, 2, 16, 5, 6);
    MemorySegment b = nhwc(4, FLOAT32, false, 1, 16, 1, 1);
    expect("add", OK, () -> pointwise(ADD, v, b, y, -1));
    expect("add without x", BAD, () -> pointwise(ADD, v, b, y, 751));
    expect("add without y", BAD, () -> pointwise(ADD, v, b, y, 753));
    expect("add without b", BAD, () -> pointwise(ADD, v, null, y, -1));
    expect("no mode", OK, BAD, () -> pointwise(ADD, v, b, y, 0));
    expect("swish of two", OK, BAD, () -> pointwise(SWISH, v, b, y, -1));
    MemorySegment other = nhwc(4, FLOAT32, false, 1, 15, 1, 1);
    expect("broadcast", OK, BAD, () -> pointwise(ADD, v, other, y, -1));
    MemorySegment wide = nhwc(3, HALF, false, 2, 16, 5, 7);
    expect("result", OK, BAD, () -> pointwise(ADD, v, b, wide, -1));
    MemorySegment line = tensor(4, FLOAT32, 16, new long[] {1, 16, 1}, new long[] {16, 1, 16});
    expect("rank of b", BAD, () -> pointwise(ADD, v, line, y, -1));
  }

  private MemorySegment graph(MemorySegment... operations) {
    MemorySegment g = c.create(GRAPH);
    c.parts(g, 801, operations);
    return c.finalise(g);
  }

  private void graphs() {
    MemorySegment x = nhwc(1, HALF, false, 2, 8, 5, 6);
    MemorySegment w = nhwc(2, HALF, false, 16, 8, 3, 3);
    MemorySegment y = nhwc(3, HALF, false, 2, 16, 5, 6);
    MemorySegment v = nhwc(10, FLOAT32, true, 2, 16, 5, 6);
    MemorySegment b = nhwc(4, FLOAT32, false, 1, 16, 1, 1);
    expect("graph", OK, () -> graph(convolution(x, w, y, 0)));
    expect("no operations", BAD, () -> c.finalise(c.create(GRAPH)));
    expect("operation not finalised", 2004, () -> graph(c.create(CONVOLUTION_OP)));
    MemorySegment twice = convolution(x, w, y, 0);
    expect("written twice", BAD, () -> graph(twice, convolution(x, w, y, 0)));
    MemorySegment same = nhwc(1, FLOAT32, false, 1, 16, 1, 1);
    expect(
        "two of one id",
        OK,
        BAD,
        () -> graph(convolution(x, w, v, 0), pointwise(ADD, v, same, y, -1)));
    expect("never read", OK, BAD, () -> graph(convolution(x, w, v, 0)));
    expect("never written", OK, BAD, () -> graph(pointwise(ADD, v, b, y, -1)));
  }

  private MemorySegment device(DevicePropertiesJson device) {
    MemorySegment d = c.create(DEVICE);
    c.text(d, 2702, device.json());
    return c.finalise(d);
  }

  private MemorySegment configuration(MemorySegment graph, MemorySegment device) {
    MemorySegment h = c.create(HEURISTICS);
    c.parts(h, 201, graph);
    c.code(h, 200, HEURISTICS_MODE, 3);
    c.parts(h, 204, device);
    c.finalise(h);
    MemorySegment out = Arena.global().allocate(ValueLayout.ADDRESS);
    out.set(ValueLayout.ADDRESS, 0, c.create(CONFIG));
    if (c.get(h, 202, DESCRIPTOR, 1, out) == 0) {
      throw new Refused(3000);
    }
    return out.get(ValueLayout.ADDRESS, 0);
  }

  private MemorySegment reload(String json, MemorySegment device) {
    MemorySegment p = c.create(PLAN);
    c.text(p, 405, json);
    c.parts(p, 407, device);
    return c.finalise(p);
  }

  private void plans() {
    MemorySegment x = nhwc(1, HALF, false, 2, 16, 5, 6);
    MemorySegment w = nhwc(2, HALF, false, 16, 16, 3, 3);
    MemorySegment y = nhwc(3, HALF, false, 2, 16, 5, 6);
    MemorySegment v = nhwc(10, FLOAT32, true, 2, 16, 5, 6);
    MemorySegment b = nhwc(4, FLOAT32, false, 1, 16, 1, 1);
    MemorySegment fused = graph(convolution(x, w, v, 0), pointwise(ADD, v, b, y, -1));
    MemorySegment h200 = device(DevicePropertiesJson.H200);
    MemorySegment p = c.create(PLAN);
    c.parts(p, 401, configuration(fused, h200));
    c.parts(p, 407, h200);
    expect("plan", OK, () -> c.finalise(p));
    long size = c.get(p, 405, CHAR, 0, MemorySegment.NULL);
    MemorySegment text = Arena.global().allocate(size + 1);
    c.get(p, 405, CHAR, size, text);
    byte[] bytes = text.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE);
    String json = new String(bytes, StandardCharsets.UTF_8);
    expect("reload", OK, () -> reload(json, h200));
    expect("for another chip", 3007, () -> reload(json, device(DevicePropertiesJson.A100)));
    expect("cut", BAD, () -> reload(json.substring(0, json.length() / 2), h200));
    expect("another object", BAD, () -> reload("{\"a\":1}", h200));
    expect("text", BAD, () -> reload("hello", h200));
    expect("channels first, fused", 3000, () -> configuration(channelsFirst(true), h200));
    expect("channels first, plain", OK, () -> configuration(channelsFirst(false), h200));
    expect("no graph", BAD, () -> c.finalise(c.create(HEURISTICS)));
    MemorySegment d = c.create(DEVICE);
    c.text(d, 2702, "{}");
    expect("empty properties", BAD, () -> c.finalise(d));
    expect("no device", 1001, () -> c.finalise(c.create(DEVICE)));
    expect("more ids than pointers", BAD, () -> pack(new long[] {1, 2}, 1));
    expect("pack", OK, () -> pack(new long[] {1, 2}, 2));
    expect("one id twice", OK, BAD, () -> pack(new long[] {2, 2}, 2));
  }

  private MemorySegment channelsFirst(boolean withBias) {
    long[] image = {2, 16, 5, 6};
    long[] strides = {480, 30, 6, 1};
    MemorySegment x = tensor(1, HALF, 16, image, strides);
    MemorySegment w = tensor(2, HALF, 16, new long[] {16, 16, 3, 3}, new long[] {144, 9, 3, 1});
    MemorySegment y = tensor(3, HALF, 16, image, strides);
    if (!withBias) {
      return graph(convolution(x, w, y, 0));
    }
    MemorySegment v = c.create(TENSOR);
    c.longs(v, 906, 10);
    c.code(v, 901, DATA_TYPE, FLOAT32);
    c.longs(v, 900, 16);
    c.longs(v, 902, image);
    c.longs(v, 903, strides);
    c.yes(v, 907);
    c.finalise(v);
    MemorySegment b = tensor(4, FLOAT32, 16, new long[] {1, 16, 1, 1}, new long[] {16, 1, 1, 1});
    return graph(convolution(x, w, v, 0), pointwise(ADD, v, b, y, -1));
  }

  private void pack(long[] ids, int pointers) {
    MemorySegment pack = c.create(PACK);
    c.longs(pack, 1000, ids);
    MemorySegment[] addresses = new MemorySegment[pointers];
    for (int i = 0; i < pointers; i++) {
      addresses[i] = MemorySegment.ofAddress(4096L * (i + 1));
    }
    c.pointers(pack, 1001, POINTER, addresses);
    c.pointers(pack, 1003, POINTER, MemorySegment.NULL);
    c.finalise(pack);
  }
}
