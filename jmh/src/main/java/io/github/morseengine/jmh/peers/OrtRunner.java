package io.github.morseengine.jmh.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.engine.tensor.Tensor;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * ONNX Runtime with its own defaults (all graph optimisations, CPU provider), as many threads as
 * the engine has, and its output written into memory that is allocated once.
 */
final class OrtRunner implements Runner {

  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final String output;
  private final Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
  private OnnxTensor pinned;

  OrtRunner(String file, int threads) {
    try (OrtSession.SessionOptions options = options(threads)) {
      session = environment.createSession(file, options);
      output = session.getOutputNames().iterator().next();
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  OrtRunner(byte[] model, int threads) {
    try (OrtSession.SessionOptions options = options(threads)) {
      session = environment.createSession(model, options);
      output = session.getOutputNames().iterator().next();
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  private static OrtSession.SessionOptions options(int threads) throws OrtException {
    OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    options.setIntraOpNumThreads(threads);
    options.setInterOpNumThreads(1);
    options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
    options.addConfigEntry("session.intra_op.allow_spinning", "1");
    // Its threads spin while a run lasts and sleep as soon as it ends, so they never take a core
    // from the engine's turn.
    options.addConfigEntry("session.force_spinning_stop", "1");
    return options;
  }

  @Override
  public void bind(Map<String, Tensor> values) {
    try {
      for (Map.Entry<String, Tensor> e : values.entrySet()) {
        inputs.put(e.getKey(), tensor(e.getValue()));
      }
      // The first run tells the output's shape; the others write into that memory.
      try (OrtSession.Result result = session.run(inputs, Set.of(output))) {
        OnnxTensor first = (OnnxTensor) result.get(0);
        FloatBuffer direct =
            java.nio.ByteBuffer.allocateDirect(4 * first.getFloatBuffer().remaining())
                .order(ByteOrder.nativeOrder())
                .asFloatBuffer();
        pinned = OnnxTensor.createTensor(environment, direct, first.getInfo().getShape());
      }
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  private OnnxTensor tensor(Tensor t) throws OrtException {
    var bytes = t.data().asByteBuffer().order(ByteOrder.nativeOrder());
    if (t.dtype() == DType.FLOAT32) {
      return OnnxTensor.createTensor(environment, bytes.asFloatBuffer(), t.shape());
    }
    if (t.dtype() == DType.INT64) {
      return OnnxTensor.createTensor(environment, bytes.asLongBuffer(), t.shape());
    }
    throw new IllegalArgumentException("no input of type " + t.dtype() + " is compared");
  }

  @Override
  public void run() {
    try {
      session.run(inputs, Set.of(), Map.of(output, pinned)).close();
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  @Override
  public float[] output() {
    FloatBuffer buffer = pinned.getFloatBuffer();
    float[] out = new float[buffer.remaining()];
    buffer.get(out);
    return out;
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      throw failed(e);
    } finally {
      inputs.values().forEach(OnnxTensor::close);
      if (pinned != null) {
        pinned.close();
      }
    }
  }

  private static IllegalStateException failed(OrtException e) {
    return new IllegalStateException("ONNX Runtime: " + e.getMessage(), e);
  }
}
