package io.github.morseengine.engine.graph.onnx;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnsafeByteOperations;
import io.github.morseengine.engine.backend.reference.ReferenceOps;
import io.github.morseengine.engine.error.InvalidInputException;
import io.github.morseengine.engine.error.ModelFormatException;
import io.github.morseengine.engine.error.UnsupportedOpException;
import io.github.morseengine.engine.graph.contrib.ContribOps;
import io.github.morseengine.engine.ir.Dim;
import io.github.morseengine.engine.ir.Graph;
import io.github.morseengine.engine.tensor.DType;
import io.github.morseengine.onnx.Onnx.AttributeProto;
import io.github.morseengine.onnx.Onnx.FunctionProto;
import io.github.morseengine.onnx.Onnx.GraphProto;
import io.github.morseengine.onnx.Onnx.ModelProto;
import io.github.morseengine.onnx.Onnx.NodeProto;
import io.github.morseengine.onnx.Onnx.TensorProto;
import io.github.morseengine.onnx.Onnx.ValueInfoProto;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * An opened ONNX file. Weights stay in the mapped files and are valid until close; nothing of them
 * is copied to the heap. Safe for use by several threads; closing while a graph of it is being
 * compiled is not.
 */
public final class OnnxModel implements AutoCloseable {

  private static final int OLDEST_OPSET = 7;
  private static final int NEWEST_OPSET = 28;
  private static final int MAX_NESTING = 64;

  /** Operators that are gone when shapes are bound. */
  private static final Set<String> RESOLVED = Set.of("Constant", "CastLike");

  /**
   * An input or output as declared.
   *
   * @param name its name
   * @param dtype element type; null if it is not a tensor of a type we run
   * @param dims dimensions; null where the file declares none
   */
  public record Port(String name, DType dtype, List<Dim> dims) {}

  /**
   * A node that the engine does not run.
   *
   * @param node its name
   * @param operator domain and operator
   * @param reason why
   */
  public record Unsupported(String node, String operator, String reason) {}

  private final String name;
  private final ModelProto proto;
  private final Path folder;
  private final Path realFolder;
  private final Arena arena;
  private boolean closed;

  private OnnxModel(String name, ModelProto proto, Path folder, Path realFolder, Arena arena) {
    this.name = name;
    this.proto = proto;
    this.folder = folder;
    this.realFolder = realFolder;
    this.arena = arena;
  }

  /**
   * Opens a file.
   *
   * @param file the .onnx file
   * @return the model
   * @throws InvalidInputException if there is no such file
   * @throws ModelFormatException if it is not an ONNX model
   */
  public static OnnxModel open(Path file) {
    if (!Files.exists(file)) {
      throw new InvalidInputException("there is no model file '" + file + "'");
    }
    if (!Files.isRegularFile(file)) {
      throw new InvalidInputException("'" + file + "' is not a file: give the .onnx file itself");
    }
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size == 0) {
        throw new ModelFormatException("'" + file + "' is empty, not an ONNX model");
      }
      if (size > Integer.MAX_VALUE) {
        throw new ModelFormatException(
            "'"
                + file
                + "' has "
                + size
                + " bytes, but messages end at 2 GiB: export with external data");
      }
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      Path absolute = file.toAbsolutePath();
      ModelProto parsed = parse(bytes, file.toString(), file);
      return new OnnxModel(
          file.toString(), parsed, absolute.getParent(), absolute.toRealPath().getParent(), arena);
    } catch (IOException e) {
      arena.close();
      throw new ModelFormatException("cannot read '" + file + "': " + e.getMessage(), e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Opens a model held in memory.
   *
   * @param bytes the message; must stay valid until close
   * @param base folder of external data; null where there is none
   * @param name for messages
   * @return the model
   */
  public static OnnxModel open(byte[] bytes, Path base, String name) {
    ModelProto parsed = parse(MemorySegment.ofArray(bytes), name, null);
    try {
      Path real = base == null ? null : base.toRealPath();
      return new OnnxModel(name, parsed, base, real, Arena.ofShared());
    } catch (IOException e) {
      throw new ModelFormatException(name + ": cannot read the folder '" + base + "'", e);
    }
  }

  private static ModelProto parse(MemorySegment bytes, String name, Path file) {
    ModelProto proto;
    try {
      // Wrapping an immutable buffer with aliasing on keeps raw tensor data a view of the mapping.
      ByteBuffer buffer = bytes.asByteBuffer().asReadOnlyBuffer();
      CodedInputStream in = UnsafeByteOperations.unsafeWrap(buffer).newCodedInput();
      in.enableAliasing(true);
      in.setSizeLimit(Integer.MAX_VALUE);
      in.setRecursionLimit(MAX_NESTING);
      proto = ModelProto.parseFrom(in);
    } catch (InvalidProtocolBufferException e) {
      throw notOnnx(name, file, e);
    } catch (IOException e) {
      throw new ModelFormatException("cannot read '" + name + "': " + e.getMessage(), e);
    }
    if (!proto.hasGraph() || proto.getOpsetImportCount() == 0) {
      throw notOnnx(name, file, null);
    }
    return proto;
  }

  private static ModelFormatException notOnnx(String name, Path file, Exception cause) {
    String kind = file == null ? null : FileKinds.describe(file);
    String why = kind == null ? "it is cut, damaged or another kind of file" : kind;
    return new ModelFormatException("'" + name + "' is not an ONNX model: " + why, cause);
  }

  /** {@return the file, for messages} */
  public String name() {
    return name;
  }

  /** {@return the declared inputs, initializers left out} */
  public List<Port> inputs() {
    Set<String> initializers = new HashSet<>();
    for (TensorProto t : proto.getGraph().getInitializerList()) {
      initializers.add(t.getName());
    }
    List<Port> out = new ArrayList<>();
    for (ValueInfoProto v : proto.getGraph().getInputList()) {
      if (!initializers.contains(v.getName())) {
        out.add(port(v));
      }
    }
    return out;
  }

  /** {@return the declared outputs} */
  public List<Port> outputs() {
    List<Port> out = new ArrayList<>();
    for (ValueInfoProto v : proto.getGraph().getOutputList()) {
      out.add(port(v));
    }
    return out;
  }

  private static Port port(ValueInfoProto v) {
    DType dtype = DType.ofOnnx(v.getType().getTensorType().getElemType());
    return new Port(v.getName(), dtype, GraphReader.dims(v));
  }

  /**
   * The same file with an input of another name.
   *
   * @param from an input
   * @param to its new name
   * @return the model to use and close instead of this one
   */
  public OnnxModel withInput(String from, String to) {
    return new OnnxModel(name, PortEdits.rename(proto, from, to), folder, realFolder, arena);
  }

  /**
   * The same file with an output of fewer channels; as it is where the file's operators are too old
   * for that.
   *
   * @param output an output [N, C, ...]
   * @param channels how many of its first channels are kept
   * @return the model to use and close instead of this one
   */
  public OnnxModel withChannels(String output, long channels) {
    int opset = GraphReader.opsets(proto.getOpsetImportList()).getOrDefault("", 0);
    if (opset < PortEdits.SLICE_WITH_INPUTS) {
      return this;
    }
    ModelProto cut = PortEdits.cut(proto, output, channels);
    return new OnnxModel(name, cut, folder, realFolder, arena);
  }

  /** {@return the number of weights in initializers} */
  public long parameters() {
    long sum = 0;
    for (TensorProto t : proto.getGraph().getInitializerList()) {
      long product = 1;
      for (long d : t.getDimsList()) {
        product *= d;
      }
      DType dtype = DType.ofOnnx(t.getDataType());
      sum += dtype != null && dtype.isFloat() ? product : 0;
    }
    return sum;
  }

  /** {@return how often each operator occurs in the file, names with their domain if not ONNX's} */
  public Map<String, Integer> operators() {
    Map<String, Integer> counts = new TreeMap<>();
    count(proto.getGraph(), counts);
    return counts;
  }

  private static void count(GraphProto graph, Map<String, Integer> counts) {
    for (NodeProto n : graph.getNodeList()) {
      counts.merge(operator(n), 1, Integer::sum);
      n.getAttributeList().stream()
          .filter(AttributeProto::hasG)
          .forEach(a -> count(a.getG(), counts));
    }
  }

  private static String operator(NodeProto n) {
    String domain = GraphReader.domain(n.getDomain());
    return domain.isEmpty() ? n.getOpType() : domain + "::" + n.getOpType();
  }

  /**
   * {@return every node that the engine does not run, those inside functions and branches included}
   */
  public List<Unsupported> unsupported() {
    List<Unsupported> found = new ArrayList<>();
    Map<String, Integer> opsets = GraphReader.opsets(proto.getOpsetImportList());
    Set<String> functions = new HashSet<>();
    for (FunctionProto f : proto.getFunctionsList()) {
      functions.add(GraphReader.key(f.getDomain(), f.getName(), f.getOverload()));
    }
    collect(proto.getGraph().getNodeList(), opsets, functions, "", found);
    for (FunctionProto f : proto.getFunctionsList()) {
      Map<String, Integer> own = GraphReader.opsets(f.getOpsetImportList());
      collect(f.getNodeList(), own, functions, f.getName() + "/", found);
    }
    return found;
  }

  private static void collect(
      List<NodeProto> nodes,
      Map<String, Integer> opsets,
      Set<String> functions,
      String prefix,
      List<Unsupported> found) {
    for (NodeProto n : nodes) {
      String domain = GraphReader.domain(n.getDomain());
      if (functions.contains(GraphReader.key(domain, n.getOpType(), n.getOverload()))) {
        continue;
      }
      int opset = opsets.getOrDefault(domain, -1);
      String reason = null;
      if (domain.isEmpty() && n.getOpType().equals("If")) {
        // Which branch is taken is not known yet.
        String inside = GraphReader.nodeName(n, prefix) + "/";
        for (AttributeProto a : n.getAttributeList()) {
          collect(a.getG().getNodeList(), opsets, functions, inside + a.getName() + "/", found);
        }
      } else if (AttributeReader.hasSubgraph(n.getAttributeList())) {
        reason = "control flow is not supported";
      } else if (domain.isEmpty() && (opset < OLDEST_OPSET || opset > NEWEST_OPSET)) {
        reason =
            "opset "
                + opset
                + " is outside "
                + OLDEST_OPSET
                + " to "
                + NEWEST_OPSET
                + "; re-export";
      } else if (!ReferenceOps.supports(domain, n.getOpType())
          && !ContribOps.supports(domain, n.getOpType())
          && !(domain.isEmpty() && RESOLVED.contains(n.getOpType()))) {
        boolean known = domain.isEmpty() || domain.equals(ContribOps.DOMAIN);
        reason = known ? "the operator is unknown" : "the domain is unknown";
      }
      if (reason != null) {
        found.add(new Unsupported(GraphReader.nodeName(n, prefix), operator(n), reason));
      }
    }
  }

  /**
   * Builds a graph whose shapes are still open.
   *
   * @return a new graph each time
   * @throws UnsupportedOpException that lists all nodes which the engine does not run
   * @throws ModelFormatException if the file contradicts itself
   */
  public Graph newGraph() {
    if (closed) {
      throw new IllegalStateException("model '" + name + "' is closed");
    }
    List<Unsupported> missing = unsupported();
    if (!missing.isEmpty()) {
      StringBuilder text = new StringBuilder(name).append(": unsupported:");
      for (Unsupported u : missing) {
        text.append(" node '").append(u.node()).append("' (").append(u.operator()).append(": ");
        text.append(u.reason()).append(");");
      }
      throw new UnsupportedOpException(text.substring(0, text.length() - 1));
    }
    if (proto.getGraph().getSparseInitializerCount() > 0) {
      throw new UnsupportedOpException(name + ": sparse initializers are not supported");
    }
    ExternalData external = new ExternalData(name, folder, realFolder, arena);
    TensorReader tensors = new TensorReader(name, external);
    return new GraphReader(name, proto, tensors).read(proto.getGraph());
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      arena.close();
    }
  }
}
