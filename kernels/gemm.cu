// C = act(alpha * A B + bias + R), batched; MORSE_GEGLU 1: C = (A B_1 + b_1) * gelu(A B_2 + b_2).
//
// Layout:   A [m, k] rows of lda; B [k, n] rows of ldb (MORSE_BT 0, as ONNX has linear weights) or
//           [n, k] (MORSE_BT 1); C and R rows of ldc and ldr; bias float32. 16-bit elements, float32
//           accumulation.
// Strategy: tensor_tile.cuh: blocks of MORSE_BM x MORSE_BN, 32 deep, 4 stages of cp.async, ldmatrix
//           (transposing for B [k, n]), mma.sync m16n8k16. With GEGLU a block's columns are taken in
//           eights from the first and the second half by turns, so that a thread holds both factors
//           of a result and the wide product never reaches memory.
// Bytes:    A ceil(n / BN) times and B ceil(m / BM) times, mostly from L2; C once. FLOPs: 2 m n k.
// Alone:    m = 8192, n = k = 320: the projections of SD 1.5's first level.
#include "activation.cuh"
#include "tensor_tile.cuh"

#ifndef MORSE_BM
#define MORSE_BM 128
#endif
#ifndef MORSE_BN
#define MORSE_BN 128
#endif
#ifndef MORSE_BT
#define MORSE_BT 0
#endif
#ifndef MORSE_ACT
#define MORSE_ACT 0
#endif
#ifndef MORSE_GEGLU
#define MORSE_GEGLU 0
#endif

typedef TensorTile<MORSE_BM, MORSE_BN, MORSE_BT == 0> Tile;

// Copies tiles of A and B; what lies outside of the matrices is zero.
struct Source {
  const T* a;
  const T* b;
  int m, n, k, lda, ldb, m0, n0;

  // Column of B at which the block's chunk of eight columns starts, or -1 outside.
  __device__ __forceinline__ int column(int chunk) const {
    if constexpr (MORSE_GEGLU != 0) {
      int col = n0 + chunk / 2 * 8;
      return col < n ? col + (chunk & 1) * n : -1;
    } else {
      int col = n0 + chunk * 8;
      return col < n ? col : -1;
    }
  }

  __device__ __forceinline__ void copy(int tile, unsigned char* sa, unsigned char* sb) const {
    int k0 = tile * Tile::BK;
#pragma unroll
    for (int i = 0; i < Tile::A_COPIES; i++) {
      int t = threadIdx.x + i * Tile::THREADS;
      int row = t >> 2;
      int depth = k0 + (t & 3) * 8;
      bool valid = m0 + row < m && depth < k;
      ptx::copy_16(
          sa + Tile::a_place(row, t & 3), valid ? a + (long long)(m0 + row) * lda + depth : a,
          valid);
    }
#pragma unroll
    for (int i = 0; i < Tile::B_COPIES; i++) {
      int t = threadIdx.x + i * Tile::THREADS;
      int row = t / Tile::B_CHUNKS;
      int chunk = t % Tile::B_CHUNKS;
      if constexpr (MORSE_BT == 0) {
        int col = column(chunk);
        bool valid = k0 + row < k && col >= 0;
        ptx::copy_16(
            sb + Tile::b_place(row, chunk), valid ? b + (long long)(k0 + row) * ldb + col : b,
            valid);
      } else {
        int depth = k0 + chunk * 8;
        bool valid = n0 + row < n && depth < k;
        ptx::copy_16(
            sb + Tile::b_place(row, chunk), valid ? b + (long long)(n0 + row) * ldb + depth : b,
            valid);
      }
    }
  }
};

extern "C" __global__ void __launch_bounds__(Tile::THREADS, 512 / Tile::THREADS) gemm(
    const T* a, const T* b, const float* bias, const T* residual, T* c, int m, int n, int k,
    int lda, int ldb, int ldr, int ldc, int inner, long long a_outer, long long a_inner,
    long long b_outer, long long b_inner, long long r_outer, long long r_inner,
    long long c_outer, long long c_inner, float alpha) {
  MORSE_DYNAMIC_SHARED(memory);
  long long outer_index = blockIdx.z / inner;
  long long inner_index = blockIdx.z % inner;
  c += outer_index * c_outer + inner_index * c_inner;
  Source source;
  source.a = a + outer_index * a_outer + inner_index * a_inner;
  source.b = b + outer_index * b_outer + inner_index * b_inner;
  source.m = m;
  source.n = n;
  source.k = k;
  source.lda = lda;
  source.ldb = ldb;
  source.m0 = blockIdx.x * Tile::BM;
  source.n0 = blockIdx.y * (MORSE_GEGLU != 0 ? Tile::BN / 2 : Tile::BN);
  Tile tile;
  tile.clear();
  run_stages(tile, source, memory, (k + Tile::BK - 1) / Tile::BK);

  int lane = threadIdx.x & 31;
  int row0 = source.m0 + Tile::warp_row() + (lane >> 2);
  if constexpr (MORSE_GEGLU != 0) {
    int col0 = source.n0 + Tile::warp_col() / 2 + (lane & 3) * 2;
#pragma unroll
    for (int j = 0; j < Tile::NI / 2; j++) {
      int col = col0 + j * 8;
      if (col >= n) {
        continue;
      }
      float first[2];
      float second[2];
#pragma unroll
      for (int e = 0; e < 2; e++) {
        first[e] = bias != nullptr ? bias[col + e] : 0.0f;
        second[e] = bias != nullptr ? bias[n + col + e] : 0.0f;
      }
#pragma unroll
      for (int i = 0; i < Tile::MI * 2; i++) {
        int row = row0 + i * 8;
        if (row < m) {
          float v[2];
#pragma unroll
          for (int e = 0; e < 2; e++) {
            float factor = alpha * tile.acc[i / 2][2 * j][i % 2 * 2 + e] + first[e];
            float gate = alpha * tile.acc[i / 2][2 * j + 1][i % 2 * 2 + e] + second[e];
            v[e] = factor * activate<MORSE_ACT>(gate);
          }
          *reinterpret_cast<unsigned*>(c + (long long)row * ldc + col) = pack<T>(v[0], v[1]);
        }
      }
    }
  } else {
    if (residual != nullptr) {
      residual += outer_index * r_outer + inner_index * r_inner;
    }
    int col0 = source.n0 + Tile::warp_col() + (lane & 3) * 2;
#pragma unroll
    for (int j = 0; j < Tile::NI; j++) {
      int col = col0 + j * 8;
      if (col >= n) {
        continue;
      }
      float shift0 = bias != nullptr ? bias[col] : 0.0f;
      float shift1 = bias != nullptr ? bias[col + 1] : 0.0f;
#pragma unroll
      for (int i = 0; i < Tile::MI * 2; i++) {
        int row = row0 + i * 8;
        if (row < m) {
          float v0 = alpha * tile.acc[i / 2][j][i % 2 * 2] + shift0;
          float v1 = alpha * tile.acc[i / 2][j][i % 2 * 2 + 1] + shift1;
          if (residual != nullptr) {
            float r0;
            float r1;
            unpack<T>(
                *reinterpret_cast<const unsigned*>(residual + (long long)row * ldr + col), r0, r1);
            v0 += r0;
            v1 += r1;
          }
          *reinterpret_cast<unsigned*>(c + (long long)row * ldc + col) =
              pack<T>(activate<MORSE_ACT>(v0), activate<MORSE_ACT>(v1));
        }
      }
    }
  }
}
