// Activations of epilogues, in float. Codes (MORSE_ACT): 0 none, 1 SiLU, 2 GELU by erf, 3 by tanh.
#pragma once

__device__ __forceinline__ float silu(float v) { return v / (1.0f + expf(-v)); }

__device__ __forceinline__ float gelu_erf(float v) {
  return 0.5f * v * (1.0f + erff(v * 0.70710678f));
}

// 0.5 v (1 + tanh(sqrt(2/pi) (v + 0.044715 v^3))), which is v * sigmoid of twice the argument.
__device__ __forceinline__ float gelu_tanh(float v) {
  return v / (1.0f + expf(-1.5957691f * (v + 0.044715f * v * v * v)));
}

template <int CODE>
__device__ __forceinline__ float activate(float v) {
  static_assert(CODE >= 0 && CODE <= 3, "unknown activation");
  if constexpr (CODE == 1) {
    return silu(v);
  } else if constexpr (CODE == 2) {
    return gelu_erf(v);
  } else if constexpr (CODE == 3) {
    return gelu_tanh(v);
  } else {
    return v;
  }
}
