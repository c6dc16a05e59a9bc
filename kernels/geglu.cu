// y[r, i] = x[r, i] * gelu(x[r, width + i]).
//
// Layout:   rows of 2 width elements, ldx apart; rows of width, ldy apart. MORSE_ACT: 2 GELU by erf,
//           3 by tanh.
// Strategy: a thread per MORSE_VEC outputs; two loads and one store of 16 bytes. Where the product
//           before it is ours, gemm.cu does this in its epilogue and the wide tensor never exists.
// Bytes:    3 elements per output. FLOPs: about 25 per output.
// Alone:    rows 4096, width 1280: SD 1.5's first level.
#include "activation.cuh"
#include "common.cuh"

#ifndef MORSE_ACT
#define MORSE_ACT 2
#endif
#ifndef MORSE_VEC
#define MORSE_VEC 1
#endif

extern "C" __global__ void __launch_bounds__(256)
    geglu(const T* x, T* y, int rows, int width, int ldx, int ldy) {
  int vectors = width / MORSE_VEC;
  long long t = global_thread();
  if (t >= (long long)rows * vectors) {
    return;
  }
  long long row = t / vectors;
  int at = (int)(t % vectors) * MORSE_VEC;
  float a[MORSE_VEC];
  float gate[MORSE_VEC];
  Vector<T, MORSE_VEC>::load(a, x + row * ldx + at);
  Vector<T, MORSE_VEC>::load(gate, x + row * ldx + width + at);
#pragma unroll
  for (int i = 0; i < MORSE_VEC; i++) {
    a[i] *= activate<MORSE_ACT>(gate[i]);
  }
  Vector<T, MORSE_VEC>::store(y + row * ldy + at, a);
}
