// O = softmax(scale * Q K^T + mask) V for one wide head (256, 512), as decoders of autoencoders have.
//
// Layout:   as attention.cu; head size MORSE_D.
// Strategy: as attention.cu, but an output row of 512 floats per query does not fit a warp's
//           registers. 8 warps lie 4 x 2: a warp has 16 of the 64 queries and, of each tile of 32
//           keys, 16 for the scores and half the columns of the output. Maxima and packed
//           probabilities pass between the two warps of a row through shared memory. Keys and values
//           have one stage each: keys of the next tile arrive during the second product, values
//           during the first.
// Bytes:    q and o once, k and v once per 64 queries (from L2). FLOPs: 4 L S d per head.
// Alone:    l = s = 4096, one head of 512: the middle block of SD 1.5's autoencoder.
#include "mma.cuh"

#ifndef MORSE_D
#define MORSE_D 512
#endif
#ifndef MORSE_MASK
#define MORSE_MASK 0
#endif

constexpr int D = MORSE_D;
constexpr int BM = 64;
constexpr int BN = 32;
constexpr int THREADS = 256;
constexpr int CHUNKS = D / 8;
constexpr int LD = (CHUNKS + 1) * 16;    // an odd number of chunks, see attention.cu
constexpr int P_LD = (BN / 8 + 1) * 16;  // row of probabilities
constexpr int COLUMNS = D / 2 / 8;       // tiles of 8 output columns per warp
static_assert(D % 64 == 0 && D <= 512, "registers for the output");

__device__ __forceinline__ void copy_rows(
    unsigned char* to, const T* from, int first, int count, int end, int ld) {
  for (int t = threadIdx.x; t < count * CHUNKS; t += THREADS) {
    int row = t / CHUNKS;
    int chunk = t % CHUNKS;
    bool valid = first + row < end;
    ptx::copy_16(
        to + row * LD + chunk * 16, valid ? from + (long long)(first + row) * ld + chunk * 8 : from,
        valid);
  }
}

extern "C" __global__ void __launch_bounds__(THREADS) attention_wide(
    const T* q, const T* k, const T* v, const T* mask, T* o, int l, int s, long long q_batch,
    int q_row, int q_head, long long k_batch, int k_row, int k_head, long long v_batch, int v_row,
    int v_head, long long o_batch, int o_row, int o_head, long long mask_batch,
    long long mask_head, long long mask_row, long long mask_col, float scale) {
  MORSE_DYNAMIC_SHARED(memory);
  __shared__ float tops[2][BM];
  const float infinity = __int_as_float(0x7f800000);
  long long head = blockIdx.y;
  long long batch = blockIdx.z;
  q += batch * q_batch + head * q_head;
  k += batch * k_batch + head * k_head;
  v += batch * v_batch + head * v_head;
  o += batch * o_batch + head * o_head;
  unsigned char* queries = memory;
  unsigned char* keys = queries + BM * LD;
  unsigned char* values = keys + BN * LD;
  unsigned char* shares = values + BN * LD;
  int first = blockIdx.x * BM;
  int lane = threadIdx.x & 31;
  int warp = threadIdx.x >> 5;
  int strip = (warp >> 1) * 16;  // first of this warp's queries in the block
  int side = warp & 1;           // its half of the keys and of the columns
  int row0 = first + strip + (lane >> 2);
  copy_rows(queries, q, first, BM, l, q_row);
  copy_rows(keys, k, 0, BN, s, k_row);
  ptx::copy_commit();

  float out[COLUMNS][4];
#pragma unroll
  for (int c = 0; c < COLUMNS; c++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      out[c][e] = 0.0f;
    }
  }
  float top[2] = {-infinity, -infinity};
  float sum[2] = {0.0f, 0.0f};
  float factor = scale * 1.44269504f;
  for (int key = 0; key < s; key += BN) {
    ptx::copy_wait<0>();
    // The keys are there for all, and nobody reads the values of the tile before any more.
    __syncthreads();
    copy_rows(values, v, key, BN, s, v_row);
    ptx::copy_commit();
    float p[2][4] = {};
    const unsigned char* a_row = queries + (strip + (lane & 15)) * LD + (lane >> 4) * 16;
    const unsigned char* b_row =
        keys + (side * 16 + (lane & 7) + (lane >> 4) * 8) * LD + (lane >> 3 & 1) * 16;
#pragma unroll 4
    for (int c = 0; c < D / 16; c++) {
      unsigned a[4];
      unsigned b[4];
      ptx::ldmatrix_x4(a, a_row + c * 32);
      ptx::ldmatrix_x4(b, b_row + c * 32);
      mma_k16<T>(p[0], a, b[0], b[1]);
      mma_k16<T>(p[1], a, b[2], b[3]);
    }
#pragma unroll
    for (int j = 0; j < 2; j++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        int col = key + side * 16 + j * 8 + (lane & 3) * 2 + (e & 1);
        p[j][e] *= factor;
        if constexpr (MORSE_MASK != 0) {
          int row = row0 + (e >> 1) * 8;
          if (row < l && col < s) {
            p[j][e] += 1.44269504f * to_float(mask[batch * mask_batch + head * mask_head +
                                                   row * mask_row + col * mask_col]);
          }
        }
        if (col >= s) {
          p[j][e] = -infinity;
        }
      }
    }
    float mine[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float t = fmaxf(
          fmaxf(p[0][2 * half], p[0][2 * half + 1]), fmaxf(p[1][2 * half], p[1][2 * half + 1]));
      t = fmaxf(t, __shfl_xor_sync(0xffffffffu, t, 1));
      mine[half] = fmaxf(t, __shfl_xor_sync(0xffffffffu, t, 2));
      if ((lane & 3) == 0) {
        tops[side][strip + half * 8 + (lane >> 2)] = mine[half];
      }
    }
    __syncthreads();
    if (key + BN < s) {
      copy_rows(keys, k, key + BN, BN, s, k_row);
    }
    ptx::copy_commit();
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int row = strip + half * 8 + (lane >> 2);
      float now = fmaxf(top[half], fmaxf(mine[half], tops[1 - side][row]));
      float base = now == -infinity ? 0.0f : now;
      float keep = ptx::exp2(top[half] - base);
      top[half] = now;
      sum[half] *= keep;
#pragma unroll
      for (int j = 0; j < 2; j++) {
        float p0 = ptx::exp2(p[j][2 * half] - base);
        float p1 = ptx::exp2(p[j][2 * half + 1] - base);
        sum[half] += p0 + p1;
        *reinterpret_cast<unsigned*>(
            shares + row * P_LD + (side * 2 + j) * 16 + (lane & 3) * 4) = pack<T>(p0, p1);
      }
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) {
        out[c][2 * half] *= keep;
        out[c][2 * half + 1] *= keep;
      }
    }
    ptx::copy_wait<1>();
    // Values and probabilities are there for all.
    __syncthreads();
#pragma unroll
    for (int j = 0; j < BN / 16; j++) {
      unsigned a[4];
      ptx::ldmatrix_x4(a, shares + (strip + (lane & 15)) * P_LD + (j * 2 + (lane >> 4)) * 16);
      const unsigned char* row =
          values + (j * 16 + (lane & 15)) * LD + (side * COLUMNS + (lane >> 4)) * 16;
#pragma unroll
      for (int c = 0; c < COLUMNS / 2; c++) {
        unsigned b[4];
        ptx::ldmatrix_x4_trans(b, row + c * 32);
        mma_k16<T>(out[2 * c], a, b[0], b[1]);
        mma_k16<T>(out[2 * c + 1], a, b[2], b[3]);
      }
    }
  }
  __syncthreads();
#pragma unroll
  for (int half = 0; half < 2; half++) {
    sum[half] += __shfl_xor_sync(0xffffffffu, sum[half], 1);
    sum[half] += __shfl_xor_sync(0xffffffffu, sum[half], 2);
    if ((lane & 3) == 0) {
      tops[side][strip + half * 8 + (lane >> 2)] = sum[half];
    }
  }
  __syncthreads();
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float all = sum[half] + tops[1 - side][strip + half * 8 + (lane >> 2)];
    float share = all == 0.0f ? 0.0f : 1.0f / all;
    int row = row0 + half * 8;
    if (row < l) {
      T* to = o + (long long)row * o_row + side * (D / 2) + (lane & 3) * 2;
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) {
        *reinterpret_cast<unsigned*>(to + c * 8) =
            pack<T>(out[c][2 * half] * share, out[c][2 * half + 1] * share);
      }
    }
  }
}
