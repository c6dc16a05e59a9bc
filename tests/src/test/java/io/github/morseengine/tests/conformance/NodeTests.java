package io.github.morseengine.tests.conformance;

import com.google.protobuf.InvalidProtocolBufferException;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;

/**
 * ONNX's own node tests, as {@code tests/fixtures/make_conformance.py} packed them.
 *
 * @param version of the onnx package
 * @param cases all tests, sorted by name
 */
record NodeTests(String version, List<Case> cases) {

  /**
   * One test.
   *
   * @param name its name in the onnx package
   * @param rtol relative tolerance
   * @param atol absolute tolerance
   * @param model the message
   * @param inputs one per graph input, null where absent; null as a whole where the test has no
   *     data here
   * @param outputs expected values, likewise
   */
  record Case(
      String name,
      double rtol,
      double atol,
      byte[] model,
      List<TensorProto> inputs,
      List<TensorProto> outputs) {}

  static NodeTests read() {
    try (InputStream raw = NodeTests.class.getResourceAsStream("/conformance.bin.gz");
        DataInputStream in =
            new DataInputStream(new BufferedInputStream(new GZIPInputStream(raw)))) {
      List<byte[]> blobs = new ArrayList<>();
      for (int n = in.readInt(); n > 0; n--) {
        blobs.add(in.readNBytes(in.readInt()));
      }
      String version = in.readUTF();
      List<Case> cases = new ArrayList<>();
      for (int n = in.readInt(); n > 0; n--) {
        String name = in.readUTF();
        double rtol = in.readDouble();
        double atol = in.readDouble();
        byte[] model = blobs.get(in.readInt());
        boolean data = in.readBoolean();
        List<TensorProto> inputs = data ? tensors(in, blobs) : null;
        cases.add(new Case(name, rtol, atol, model, inputs, data ? tensors(in, blobs) : null));
      }
      return new NodeTests(version, cases);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<TensorProto> tensors(DataInputStream in, List<byte[]> blobs)
      throws IOException {
    List<TensorProto> out = new ArrayList<>();
    for (int n = in.readInt(); n > 0; n--) {
      int at = in.readInt();
      out.add(at < 0 ? null : TensorProto.parseFrom(blobs.get(at)));
    }
    return out;
  }

  static ModelProto parse(byte[] model) {
    try {
      return ModelProto.parseFrom(model);
    } catch (InvalidProtocolBufferException e) {
      throw new UncheckedIOException(e);
    }
  }
}
