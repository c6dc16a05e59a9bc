// C = act(alpha * A B + bias + R), batched: the plain path of gemm.cu, for every type and shape.
//
// Layout:   A [m, k] and B [k, n] by two strides each (so either may be transposed), C and R rows of
//           ldc and ldr. Batches (outer, inner) by strides.
// Strategy: tiles of 64 x 64 x 16 through shared memory, 16 results per thread, float32. Elements are
//           loaded along whichever dimension is contiguous.
// Bytes:    A ceil(n / 64) times, B ceil(m / 64) times (mostly from L2), C once. FLOPs: 2 m n k.
// Alone:    m = n = k = 1000.
#include "activation.cuh"
#include "common.cuh"
#include "plain_tile.cuh"

#ifndef MORSE_ACT
#define MORSE_ACT 0
#endif

// 64 x 16 elements of a matrix by strides into to[depth][row]; zero outside.
__device__ __forceinline__ void load_tile(
    float (&to)[PlainTile::DEPTH][PlainTile::SIZE + 1], const T* from, int first, int rows, int k0,
    int depth, long long row_stride, long long depth_stride) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int t = threadIdx.x + 256 * i;
    int r = depth_stride == 1 ? t >> 4 : t & 63;
    int d = depth_stride == 1 ? t & 15 : t >> 6;
    bool inside = first + r < rows && k0 + d < depth;
    to[d][r] = inside ? to_float(from[(first + r) * row_stride + (k0 + d) * depth_stride]) : 0.0f;
  }
}

extern "C" __global__ void __launch_bounds__(256) gemm_plain(
    const T* a, const T* b, const float* bias, const T* residual, T* c, int m, int n, int k,
    long long a_row, long long a_col, long long b_row, long long b_col, int ldr, int ldc,
    int inner, long long a_outer, long long a_inner, long long b_outer, long long b_inner,
    long long r_outer, long long r_inner, long long c_outer, long long c_inner, float alpha) {
  __shared__ PlainTile tile;
  long long outer_index = blockIdx.z / inner;
  long long inner_index = blockIdx.z % inner;
  a += outer_index * a_outer + inner_index * a_inner;
  b += outer_index * b_outer + inner_index * b_inner;
  c += outer_index * c_outer + inner_index * c_inner;
  int m0 = blockIdx.x * PlainTile::SIZE;
  int n0 = blockIdx.y * PlainTile::SIZE;
  float acc[4][4] = {};
  for (int k0 = 0; k0 < k; k0 += PlainTile::DEPTH) {
    load_tile(tile.a, a, m0, m, k0, k, a_row, a_col);
    load_tile(tile.b, b, n0, n, k0, k, b_col, b_row);
    __syncthreads();
    multiply(acc, tile);
    __syncthreads();
  }
  if (residual != nullptr) {
    residual += outer_index * r_outer + inner_index * r_inner;
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int row = m0 + tile_row() + i;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int col = n0 + tile_col() + 16 * j;
      if (row < m && col < n) {
        float v = alpha * acc[i][j];
        v += bias != nullptr ? bias[col] : 0.0f;
        v += residual != nullptr ? to_float(residual[(long long)row * ldr + col]) : 0.0f;
        c[(long long)row * ldc + col] = from_float<T>(activate<MORSE_ACT>(v));
      }
    }
  }
}
