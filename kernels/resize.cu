// y[n, p, q, c] from x by source rows and columns that the host computed.
//
//   resize_nearest: y = x[rows[p], cols[q]]
//   resize_taps:    y = sum_ij row_weights[p][i] col_weights[q][j] x[rows[p][i], cols[q][j]]
//
// Layout:   NHWC, pixels ldx and ldy elements apart. Tables, since ONNX has some forty combinations
//           of coordinate transformations and roundings; they are a few KB and stay in L1.
// Strategy: a thread per MORSE_VEC channels of an output pixel, channels fastest.
// Bytes:    x once (neighbours share it in L1/L2) and y once. FLOPs: taps: 2 taps^2 per output.
// Alone:    rows = {0, 0, 1, 1, ...} enlarges twice.
#include "common.cuh"

#ifndef MORSE_VEC
#define MORSE_VEC 1
#endif

extern "C" __global__ void __launch_bounds__(256) resize_nearest(
    const T* x, T* y, const int* rows, const int* cols, int n, int h, int w, int c, int p, int q,
    int ldx, int ldy) {
  int vectors = c / MORSE_VEC;
  long long t = global_thread();
  if (t >= (long long)n * p * q * vectors) {
    return;
  }
  int channel = (int)(t % vectors) * MORSE_VEC;
  long long pixel = t / vectors;
  int col = cols[pixel % q];
  int row = rows[pixel / q % p];
  long long image = pixel / q / p;
  float v[MORSE_VEC];
  Vector<T, MORSE_VEC>::load(v, x + ((image * h + row) * w + col) * ldx + channel);
  Vector<T, MORSE_VEC>::store(y + pixel * ldy + channel, v);
}

extern "C" __global__ void __launch_bounds__(256) resize_taps(
    const T* x, T* y, const int* rows, const float* row_weights, const int* cols,
    const float* col_weights, int taps, int n, int h, int w, int c, int p, int q, int ldx,
    int ldy) {
  long long t = global_thread();
  if (t >= (long long)n * p * q * c) {
    return;
  }
  int channel = (int)(t % c);
  long long pixel = t / c;
  int col = (int)(pixel % q) * taps;
  int row = (int)(pixel / q % p) * taps;
  const T* image = x + pixel / q / p * h * w * ldx + channel;
  float sum = 0.0f;
  for (int i = 0; i < taps; i++) {
    float line = 0.0f;
    for (int j = 0; j < taps; j++) {
      line = fmaf(
          col_weights[col + j],
          to_float(image[((long long)rows[row + i] * w + cols[col + j]) * ldx]), line);
    }
    sum = fmaf(row_weights[row + i], line, sum);
  }
  y[pixel * ldy + channel] = from_float<T>(sum);
}
