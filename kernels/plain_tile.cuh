// The inner part of the plain products: 64 x 64 results per block of 256 threads, 16 deep, in
// float32 without tensor cores. A thread has rows 4 ty .. 4 ty + 3 and columns tx + 16 j.
#pragma once

struct PlainTile {
  static constexpr int SIZE = 64;
  static constexpr int DEPTH = 16;
  // One column more than needed, so that storing along the depth meets no bank twice in a row.
  float a[DEPTH][SIZE + 1];
  float b[DEPTH][SIZE + 1];
};

__device__ __forceinline__ int tile_row() { return (threadIdx.x >> 4) * 4; }
__device__ __forceinline__ int tile_col() { return threadIdx.x & 15; }

// acc += a^T b of the tile.
__device__ __forceinline__ void multiply(float (&acc)[4][4], const PlainTile& tile) {
  int row = tile_row();
  int col = tile_col();
#pragma unroll
  for (int k = 0; k < PlainTile::DEPTH; k++) {
    float a[4];
    float b[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      a[i] = tile.a[k][row + i];
      b[i] = tile.b[k][col + 16 * i];
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        acc[i][j] = fmaf(a[i], b[j], acc[i][j]);
      }
    }
  }
}
