// Moving and converting: strided copies of up to six dimensions, batched transpositions, fills.
//
// Layout:   any; strides in elements. Types by MORSE_FROM and MORSE_TO (convert.cuh).
// Strategy: strided_copy: a grid-stride loop over the output's elements in the order of the
//           dimensions given, so that the last one should be the output's contiguous one.
//           transpose_2d: tiles of 32 x 32 through shared memory, padded by one column, so that both
//           sides are read and written along their rows.
// Bytes:    each element once in and once out; the floor is their sum over the bandwidth. No FLOPs.
// Alone:    strided_copy with rank 1 is a conversion; ABI.md has the parameters.
#include "convert.cuh"

#ifndef MORSE_FROM
#define MORSE_FROM 0
#endif
#ifndef MORSE_TO
#define MORSE_TO MORSE_FROM
#endif

extern "C" __global__ void __launch_bounds__(256) strided_copy(
    const void* x, void* y, int rank, long long d0, long long d1, long long d2, long long d3,
    long long d4, long long d5, long long x0, long long x1, long long x2, long long x3,
    long long x4, long long x5, long long y0, long long y1, long long y2, long long y3,
    long long y4, long long y5) {
  long long dims[6] = {d0, d1, d2, d3, d4, d5};
  long long from[6] = {x0, x1, x2, x3, x4, x5};
  long long to[6] = {y0, y1, y2, y3, y4, y5};
  long long count = 1;
#pragma unroll
  for (int d = 0; d < 6; d++) {
    count *= d < rank ? dims[d] : 1;
  }
  for (long long i = global_thread(); i < count; i += global_threads()) {
    long long rest = i;
    long long a = 0;
    long long b = 0;
#pragma unroll
    for (int d = 5; d >= 0; d--) {
      if (d < rank) {
        long long at;
        // 64-bit division costs several times a 32-bit one.
        if ((rest | dims[d]) >> 32 == 0) {
          unsigned quotient = (unsigned)rest / (unsigned)dims[d];
          at = (unsigned)rest - quotient * (unsigned)dims[d];
          rest = quotient;
        } else {
          at = rest % dims[d];
          rest /= dims[d];
        }
        a += at * from[d];
        b += at * to[d];
      }
    }
    convert<MORSE_FROM, MORSE_TO>(x, a, y, b);
  }
}

extern "C" __global__ void __launch_bounds__(256) transpose_2d(
    const void* x, void* y, int rows, int cols, int ldx, int ldy, long long x_batch,
    long long y_batch) {
  typedef Element<MORSE_FROM>::Stored Stored;
  __shared__ Stored tile[32][33];
  int lane = threadIdx.x & 31;
  int line = threadIdx.x >> 5;
  long long batch = blockIdx.z;
  int col = blockIdx.x * 32 + lane;
#pragma unroll
  for (int i = 0; i < 32; i += 8) {
    int row = blockIdx.y * 32 + line + i;
    if (row < rows && col < cols) {
      tile[line + i][lane] =
          static_cast<const Stored*>(x)[batch * x_batch + (long long)row * ldx + col];
    }
  }
  __syncthreads();
  int row = blockIdx.y * 32 + lane;
#pragma unroll
  for (int i = 0; i < 32; i += 8) {
    int out = blockIdx.x * 32 + line + i;
    if (row < rows && out < cols) {
      convert<MORSE_FROM, MORSE_TO>(
          &tile[lane][line + i], 0, y, batch * y_batch + (long long)out * ldy + row);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) fill(void* y, long long count, float value) {
  for (long long i = global_thread(); i < count; i += global_threads()) {
    store<MORSE_TO>(y, i, value);
  }
}
