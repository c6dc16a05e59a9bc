// y = (x - mean) / sqrt(var + epsilon) * gamma + beta per row; MORSE_RMS 1: y = x / sqrt(mean(x^2) +
// epsilon) * gamma.
//
// Layout:   rows of `width` elements, ldx and ldy apart; gamma and beta float32 [width] or absent.
// Strategy: a warp per row, four rows per block, 16-byte loads. Three passes over the row: mean,
//           squares of the differences, result; only the first comes from DRAM, since a row of 1280
//           halves is 2.5 KB and stays in L1. Two passes for the variance, because one loses digits
//           where the mean is large.
// Bytes:    each element once in and once out. FLOPs: about 8 per element.
// Alone:    rows 8192, width 320: SD 1.5's first level at batch 2.
#include "common.cuh"
#include "floats.cuh"

#ifndef MORSE_RMS
#define MORSE_RMS 0
#endif
#ifndef MORSE_VEC
#define MORSE_VEC 1
#endif

extern "C" __global__ void __launch_bounds__(128, 12) layer_norm(
    const T* x, const float* gamma, const float* beta, T* y, int rows, int width, int ldx, int ldy,
    float epsilon) {
  int lane = threadIdx.x & 31;
  long long row = (long long)blockIdx.x * 4 + (threadIdx.x >> 5);
  if (row >= rows) {
    return;
  }
  const T* in = x + row * ldx;
  T* out = y + row * ldy;
  float mean = 0.0f;
  if constexpr (MORSE_RMS == 0) {
    float sum = 0.0f;
    for (int i = lane * MORSE_VEC; i < width; i += 32 * MORSE_VEC) {
      float v[MORSE_VEC];
      Vector<T, MORSE_VEC>::load(v, in + i);
#pragma unroll
      for (int k = 0; k < MORSE_VEC; k++) {
        sum += v[k];
      }
    }
    mean = warp_sum(sum) / (float)width;
  }
  float squares = 0.0f;
  for (int i = lane * MORSE_VEC; i < width; i += 32 * MORSE_VEC) {
    float v[MORSE_VEC];
    Vector<T, MORSE_VEC>::load(v, in + i);
#pragma unroll
    for (int k = 0; k < MORSE_VEC; k++) {
      squares += (v[k] - mean) * (v[k] - mean);
    }
  }
  float scale = 1.0f / sqrtf(warp_sum(squares) / (float)width + epsilon);
  for (int i = lane * MORSE_VEC; i < width; i += 32 * MORSE_VEC) {
    float v[MORSE_VEC];
    Vector<T, MORSE_VEC>::load(v, in + i);
#pragma unroll
    for (int k = 0; k < MORSE_VEC; k++) {
      v[k] = (v[k] - mean) * scale;
    }
    float f[MORSE_VEC];
    if (gamma != nullptr) {
      load_floats<MORSE_VEC>(f, gamma + i);
#pragma unroll
      for (int k = 0; k < MORSE_VEC; k++) {
        v[k] *= f[k];
      }
    }
    if (beta != nullptr) {
      load_floats<MORSE_VEC>(f, beta + i);
#pragma unroll
      for (int k = 0; k < MORSE_VEC; k++) {
        v[k] += f[k];
      }
    }
    Vector<T, MORSE_VEC>::store(out + i, v);
  }
}
