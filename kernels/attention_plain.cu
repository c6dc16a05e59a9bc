// O = softmax(scale * Q K^T + mask) V: the plain path of attention.cu, for every type and head size.
//
// Layout:   element (n, l, h, e) at n * batch + l * row + h * head + e; the mask by four strides.
// Strategy: four queries per warp in turn, four warps per block. A lane holds a key of a tile of 32,
//           and then MORSE_D / 32 columns of the output; maximum and sum are kept online. Keys and
//           values come from L1 and L2, one tile after the other for all queries of the block.
// Bytes:    q and o once; k and v once per 16 queries. FLOPs: 2 l s (d + e) per head, in float32.
// Alone:    l = 64, s = 77, d = e = 40.
#include "common.cuh"

#ifndef MORSE_D
#define MORSE_D 160
#endif
#ifndef MORSE_MASK
#define MORSE_MASK 0
#endif

extern "C" __global__ void __launch_bounds__(128) attention_plain(
    const T* q, const T* k, const T* v, const T* mask, T* o, int l, int s, int d, int e,
    long long q_batch, int q_row, int q_head, long long k_batch, int k_row, int k_head,
    long long v_batch, int v_row, int v_head, long long o_batch, int o_row, int o_head,
    long long mask_batch, long long mask_head, long long mask_row, long long mask_col,
    float scale) {
  constexpr int COLUMNS = (MORSE_D + 31) / 32;
  __shared__ float queries[4][MORSE_D];
  const float infinity = __int_as_float(0x7f800000);
  int lane = threadIdx.x & 31;
  int warp = threadIdx.x >> 5;
  long long head = blockIdx.y;
  long long batch = blockIdx.z;
  k += batch * k_batch + head * k_head;
  v += batch * v_batch + head * v_head;
  for (int turn = 0; turn < 4; turn++) {
    int row = blockIdx.x * 16 + turn * 4 + warp;
    if (row >= l) {
      return;
    }
    const T* query = q + batch * q_batch + (long long)row * q_row + head * q_head;
    for (int i = lane; i < d; i += 32) {
      queries[warp][i] = to_float(query[i]);
    }
    __syncwarp();
    float out[COLUMNS] = {};
    float top = -infinity;
    float sum = 0.0f;
    for (int first = 0; first < s; first += 32) {
      int key = first + lane;
      float score = -infinity;
      if (key < s) {
        score = 0.0f;
        for (int i = 0; i < d; i++) {
          score = fmaf(queries[warp][i], to_float(k[(long long)key * k_row + i]), score);
        }
        score *= scale;
        if constexpr (MORSE_MASK != 0) {
          score += to_float(
              mask[batch * mask_batch + head * mask_head + row * mask_row + key * mask_col]);
        }
      }
      float above = fmaxf(top, warp_max(score));
      // All keys so far at -infinity: nothing to add, and no difference of infinities.
      float base = above == -infinity ? 0.0f : above;
      float weight = expf(score - base);
      float keep = expf(top - base);
      sum = sum * keep + warp_sum(weight);
      top = above;
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) {
        out[c] *= keep;
      }
      int keys = min(32, s - first);
      for (int j = 0; j < keys; j++) {
        float w = __shfl_sync(0xffffffffu, weight, j);
        const T* value = v + (long long)(first + j) * v_row;
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
          if (c * 32 + lane < e) {
            out[c] = fmaf(w, to_float(value[c * 32 + lane]), out[c]);
          }
        }
      }
    }
    float share = sum > 0.0f ? 1.0f / sum : sum;
    T* to = o + batch * o_batch + (long long)row * o_row + head * o_head;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
      if (c * 32 + lane < e) {
        to[c * 32 + lane] = from_float<T>(out[c] * share);
      }
    }
    __syncwarp();
  }
}
