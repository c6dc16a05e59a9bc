package io.github.morseengine.engine.ffi.cublaslt;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The arguments of one product in the form in which the library takes them. Immutable. */
public final class MatmulCall {

  final LtHandle.Layouts product;
  final MemorySegment alpha;
  final MemorySegment beta;
  final MemorySegment a;
  final MemorySegment b;
  final MemorySegment c;
  final MemorySegment d;
  final MemorySegment algorithm;
  final MemorySegment workspace;
  final long workspaceBytes;

  /**
   * Encodes a call.
   *
   * @param product descriptors, which outlive this
   * @param algorithm how
   * @param alpha factor of the product
   * @param beta factor of C
   * @param addresses device addresses of A, B, C and D; C and D may be the same
   * @param workspace device address of the algorithm's workspace, 0 where it needs none
   */
  public MatmulCall(
      LtHandle.Layouts product,
      LtHandle.Algorithm algorithm,
      float alpha,
      float beta,
      long[] addresses,
      long workspace) {
    Arena arena = Arena.ofAuto();
    this.product = product;
    this.alpha = arena.allocateFrom(ValueLayout.JAVA_FLOAT, alpha);
    this.beta = arena.allocateFrom(ValueLayout.JAVA_FLOAT, beta);
    this.algorithm = arena.allocateFrom(ValueLayout.JAVA_BYTE, algorithm.code());
    a = MemorySegment.ofAddress(addresses[0]);
    b = MemorySegment.ofAddress(addresses[1]);
    c = MemorySegment.ofAddress(addresses[2]);
    d = MemorySegment.ofAddress(addresses[3]);
    this.workspace = MemorySegment.ofAddress(workspace);
    workspaceBytes = algorithm.workspaceBytes();
  }
}
