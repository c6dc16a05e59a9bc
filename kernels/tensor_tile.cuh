// The inner part of the tensor-core products: BM x BN results per block, 32 deep per stage, STAGES
// stages of cp.async in flight.
//
// Shared memory holds 16-byte chunks (8 elements) whose place within a row is exchanged by the row's
// number, so that the eight rows of an ldmatrix lie in eight different groups of four banks:
//   rows of 4 chunks (A, B as [n][k], and as [k][n] where BN is 32):
//                                              chunk ^ (row / 2 & 3)   two rows fill the 32 banks
//   rows of BN / 8 chunks (B as [k][n]):       chunk ^ (row & 7)
// A warp computes WM x 32; 8 warps lie 2 x 4 over 128 x 128, 4 warps 2 x 2 over 64 x 64, 2 warps
// 2 x 1 over 32 x 32.
#pragma once

#include "mma.cuh"

template <int BM_, int BN_, bool B_ROWS_ARE_K>
struct TensorTile {
  static constexpr int BM = BM_;
  static constexpr int BN = BN_;
  static constexpr int BK = 32;
  static constexpr int STAGES = 4;
  static constexpr int WARPS_M = 2;
  static constexpr int WARPS_N = BN / 32;
  static constexpr int THREADS = WARPS_M * WARPS_N * 32;
  static constexpr int WM = BM / WARPS_M;
  static constexpr int WN = BN / WARPS_N;
  static constexpr int MI = WM / 16;
  static constexpr int NI = WN / 8;
  static constexpr int A_BYTES = BM * BK * 2;
  static constexpr int B_BYTES = BN * BK * 2;
  static constexpr int STAGE_BYTES = A_BYTES + B_BYTES;
  // Chunks that each thread copies per stage.
  static constexpr int A_COPIES = BM * BK / 8 / THREADS;
  static constexpr int B_COPIES = BN * BK / 8 / THREADS;
  static constexpr int B_CHUNKS = B_ROWS_ARE_K ? BN / 8 : BK / 8;  // per row of B
  static_assert(WN == 32 && WM % 16 == 0, "a warp computes WM x 32");
  static_assert(A_COPIES * THREADS * 8 == BM * BK && B_COPIES * THREADS * 8 == BN * BK, "even");

  float acc[MI][NI][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < MI; i++) {
#pragma unroll
      for (int j = 0; j < NI; j++) {
#pragma unroll
        for (int k = 0; k < 4; k++) {
          acc[i][j][k] = 0.0f;
        }
      }
    }
  }

  // First row and column of this warp's results within the block's.
  static __device__ __forceinline__ int warp_row() {
    return (threadIdx.x >> 5) / WARPS_N * WM;
  }
  static __device__ __forceinline__ int warp_col() {
    return (threadIdx.x >> 5) % WARPS_N * WN;
  }

  static __device__ __forceinline__ int a_place(int row, int chunk) {
    return (row * 4 + (chunk ^ (row >> 1 & 3))) * 16;
  }
  static __device__ __forceinline__ int b_place(int row, int chunk) {
    if constexpr (B_CHUNKS >= 8) {
      return (row * B_CHUNKS + (chunk ^ (row & 7))) * 16;
    } else {
      return a_place(row, chunk);
    }
  }

  // acc += A B of one stage.
  __device__ __forceinline__ void multiply(const unsigned char* a, const unsigned char* b) {
    int lane = threadIdx.x & 31;
#pragma unroll
    for (int step = 0; step < BK / 16; step++) {
      unsigned fa[MI][4];
      unsigned fb[NI / 2][4];
#pragma unroll
      for (int i = 0; i < MI; i++) {
        ptx::ldmatrix_x4(
            fa[i], a + a_place(warp_row() + i * 16 + (lane & 15), step * 2 + (lane >> 4)));
      }
#pragma unroll
      for (int j = 0; j < NI / 2; j++) {
        if constexpr (B_ROWS_ARE_K) {
          ptx::ldmatrix_x4_trans(
              fb[j],
              b + b_place(step * 16 + (lane & 15), (warp_col() >> 3) + j * 2 + (lane >> 4)));
        } else {
          int row = warp_col() + j * 16 + (lane & 7) + (lane >> 4) * 8;
          ptx::ldmatrix_x4(fb[j], b + b_place(row, step * 2 + (lane >> 3 & 1)));
        }
      }
#pragma unroll
      for (int i = 0; i < MI; i++) {
#pragma unroll
        for (int j = 0; j < NI; j++) {
          mma_k16<T>(acc[i][j], fa[i], fb[j / 2][j % 2 * 2], fb[j / 2][j % 2 * 2 + 1]);
        }
      }
    }
  }
};

// Runs all stages. `source.copy(tile index, a, b)` starts this thread's copies of one stage and is
// called once per index in ascending order, for indices below `tiles`.
template <class Tile, class Source>
__device__ __forceinline__ void run_stages(
    Tile& tile, Source& source, unsigned char* memory, int tiles) {
#pragma unroll
  for (int i = 0; i < Tile::STAGES - 1; i++) {
    if (i < tiles) {
      unsigned char* stage = memory + i * Tile::STAGE_BYTES;
      source.copy(i, stage, stage + Tile::A_BYTES);
    }
    ptx::copy_commit();
  }
  int slot = 0;
  for (int i = 0; i < tiles; i++) {
    ptx::copy_wait<Tile::STAGES - 2>();
    // Stage i has arrived for all, and nobody reads stage i - 1 any more, whose place is refilled.
    __syncthreads();
    int next = i + Tile::STAGES - 1;
    if (next < tiles) {
      int free = slot == 0 ? Tile::STAGES - 1 : slot - 1;
      unsigned char* stage = memory + free * Tile::STAGE_BYTES;
      source.copy(next, stage, stage + Tile::A_BYTES);
    }
    ptx::copy_commit();
    unsigned char* stage = memory + slot * Tile::STAGE_BYTES;
    tile.multiply(stage, stage + Tile::A_BYTES);
    slot = slot == Tile::STAGES - 1 ? 0 : slot + 1;
  }
}
