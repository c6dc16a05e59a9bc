// Runs of float32 beside vectors of the element type: factors and summands per channel.
#pragma once

#include "common.cuh"

// V adjacent floats, by 16 bytes where V is a multiple of 4 (then the address is aligned to that): a
// warp that reads them one by one, 4 V bytes apart, would meet each bank V / 4 times as often.
template <int V>
__device__ __forceinline__ void load_floats(float (&out)[V], const float* from) {
  if constexpr (V % 4 == 0) {
#pragma unroll
    for (int i = 0; i < V / 4; i++) {
      Quad q = reinterpret_cast<const Quad*>(from)[i];
#pragma unroll
      for (int k = 0; k < 4; k++) {
        out[4 * i + k] = __uint_as_float(q.w[k]);
      }
    }
  } else {
#pragma unroll
    for (int k = 0; k < V; k++) {
      out[k] = from[k];
    }
  }
}
