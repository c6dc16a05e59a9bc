package io.github.morseengine.tests.cuda;

import static io.github.morseengine.tests.support.Faults.fails;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import io.github.morseengine.engine.CompileOptions;
import io.github.morseengine.engine.CompiledModel;
import io.github.morseengine.engine.Engine;
import io.github.morseengine.engine.Session;
import io.github.morseengine.engine.backend.Precision;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.morse.GenerateRequest;
import io.github.morseengine.engine.morse.latent.DiffusersFolder;
import io.github.morseengine.engine.morse.latent.TextPipeline;
import io.github.morseengine.engine.morse.latent.TextRequest;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.tests.support.Fixtures;
import io.github.morseengine.tests.support.ModelBuilder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Networks whose activations grow beyond 65,504, on a device that computes in fp16: SDXL's VAE and
 * T5 are such, and are computed in a wider type.
 */
class HalfRangeTest {

  private static final float BEYOND = 1e6f;

  @TempDir Path folder;

  /** x through a million times and back. */
  private Path thereAndBack() {
    ModelBuilder b = new ModelBuilder().input("x", DType.FLOAT32, 2, 8).output("y", 2, 8);
    b.floats("large", diagonal(BEYOND), 8, 8).floats("small", diagonal(1 / 128f), 8, 8);
    b.node("MatMul", "h", "x", "large");
    b.node("Relu", "r", "h");
    b.node("MatMul", "y", "r", "small");
    return b.write(folder.resolve("model.onnx"));
  }

  private static float[] diagonal(float value) {
    float[] out = new float[64];
    for (int i = 0; i < 8; i++) {
      out[9 * i] = value;
    }
    return out;
  }

  @ParameterizedTest
  @CsvSource({"FP16, 1e30", "BF16, 0.02", "TF32, 0.002", "FP32, 1e-6"})
  void aModelMayBeComputedInAWiderType(Precision instead, double most) {
    Tensor x = Tensor.allocate(DType.FLOAT32, 2, 8);
    for (int i = 0; i < 16; i++) {
      x.setDouble(i, 1 + i / 16.0);
    }
    CompileOptions options =
        CompileOptions.builder().input("x", 2, 8).insteadOfFp16(instead).build();
    try (Engine engine = CudaEngines.ownKernels(Precision.FP16);
        CompiledModel model = engine.compile(thereAndBack(), options);
        Session session = model.newSession()) {
      session.input("x").copyFrom(x);
      session.run();
      Tensor y = session.output("y");
      for (int i = 0; i < 16; i++) {
        double want = x.getDouble(i) * BEYOND / 128;
        double error = Math.abs(y.getDouble(i) - want) / want;
        assertEquals(instead != Precision.FP16, error <= most, i + ": " + error);
      }
      assertEquals(Precision.FP16, engine.precision());
    }
  }

  @Test
  void whatIsTakenInsteadIsAPrecision() {
    assertThrows(
        InvalidInputException.class, () -> CompileOptions.builder().insteadOfFp16(Precision.AUTO));
  }

  /**
   * Multiplies a weight by a million: the residual stream grows so, the norm behind it does not.
   */
  private static void enlarge(Path file, String weight) throws IOException {
    ModelProto.Builder model = ModelProto.parseFrom(Files.readAllBytes(file)).toBuilder();
    boolean found = false;
    for (TensorProto.Builder t : model.getGraphBuilder().getInitializerBuilderList()) {
      if (t.getName().equals(weight)) {
        ByteBuffer from = t.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer to = ByteBuffer.allocate(from.remaining()).order(ByteOrder.LITTLE_ENDIAN);
        while (from.hasRemaining()) {
          to.putFloat(from.getFloat() * BEYOND);
        }
        t.setRawData(ByteString.copyFrom(to.flip()));
        found = true;
      }
    }
    assertTrue(found, file + " holds no " + weight);
    Files.write(file, model.build().toByteArray());
  }

  private static Tensor draw(Path model, String sampler) {
    GenerateRequest sampling =
        GenerateRequest.builder()
            .count(1)
            .sampler(sampler)
            .dash(1)
            .dot(0)
            .seed(5)
            .checkFinite(true)
            .build();
    TextRequest request = new TextRequest(sampling, List.of("a cat"), null, 16, 16, null, 1, null);
    try (Engine engine = CudaEngines.ownKernels(Precision.FP16);
        TextPipeline pipeline = TextPipeline.open(engine, DiffusersFolder.open(model))) {
      return pipeline.generate(request, (done, total) -> {}).pictures();
    }
  }

  @Test
  void theVaeOfSdxlIsComputedInFloat32UnlessItWasMended() throws IOException {
    Path model = Fixtures.unpack("pipelines.zip", folder).resolve("sdxl");
    enlarge(model.resolve("vae_decoder/model.onnx"), "owner.decoder.conv_in.weight");
    Tensor picture = draw(model, "ddim");
    assertFalse(picture.getDouble(0) == picture.getDouble(100), "one colour");
    Path config = model.resolve("vae_decoder/config.json");
    Files.writeString(
        config,
        Files.readString(config).replace("\"force_upcast\": true", "\"force_upcast\": false"));
    fails(
        InvalidInputException.class,
        () -> draw(model, "ddim"),
        "vae_decoder/model.onnx",
        "NaN or infinity in fp16");
  }

  @Test
  void t5IsComputedInBfloat16() throws IOException {
    Path model = Fixtures.unpack("t5.zip", folder).resolve("sd3_t5");
    enlarge(model.resolve("text_encoder_3/model.onnx"), "owner.shared.weight");
    draw(model, "euler");
  }
}
