// Element types, vectors of them, warp and block sums: what every kernel starts from.
//
// MORSE_T names the element type of activations and weights: 0 float32, 1 float16, 2 bfloat16. The
// 16-bit types are plain structs here, so that no header of CUDA is needed; arithmetic is in float.
#pragma once

#include "ptx.cuh"

#ifndef MORSE_T
#define MORSE_T 0
#endif

struct half_t {
  unsigned short bits;
};

struct bfloat_t {
  unsigned short bits;
};

#if MORSE_T == 0
typedef float T;
#elif MORSE_T == 1
typedef half_t T;
#elif MORSE_T == 2
typedef bfloat_t T;
#else
#error "MORSE_T: 0 float32, 1 float16, 2 bfloat16"
#endif

__device__ __forceinline__ float to_float(float v) { return v; }
__device__ __forceinline__ float to_float(half_t v) { return ptx::half_to_float(v.bits); }
__device__ __forceinline__ float to_float(bfloat_t v) {
  return __uint_as_float((unsigned)v.bits << 16);
}

template <class E>
__device__ __forceinline__ E from_float(float v);
template <>
__device__ __forceinline__ float from_float<float>(float v) {
  return v;
}
template <>
__device__ __forceinline__ half_t from_float<half_t>(float v) {
  half_t h;
  h.bits = ptx::float_to_half(v);
  return h;
}
template <>
__device__ __forceinline__ bfloat_t from_float<bfloat_t>(float v) {
  bfloat_t h;
  h.bits = ptx::float_to_bfloat(v);
  return h;
}

// Two adjacent elements of a 16-bit type in one register, the first in the low half.
template <class E>
__device__ __forceinline__ unsigned pack(float low, float high);
template <>
__device__ __forceinline__ unsigned pack<half_t>(float low, float high) {
  return ptx::pack_half(low, high);
}
template <>
__device__ __forceinline__ unsigned pack<bfloat_t>(float low, float high) {
  return ptx::pack_bfloat(low, high);
}

template <class E>
__device__ __forceinline__ void unpack(unsigned bits, float& low, float& high);
template <>
__device__ __forceinline__ void unpack<half_t>(unsigned bits, float& low, float& high) {
  low = ptx::half_to_float((unsigned short)(bits & 0xffffu));
  high = ptx::half_to_float((unsigned short)(bits >> 16));
}
template <>
__device__ __forceinline__ void unpack<bfloat_t>(unsigned bits, float& low, float& high) {
  low = __uint_as_float(bits << 16);
  high = __uint_as_float(bits & 0xffff0000u);
}

// 16 bytes that move as one.
struct __align__(16) Quad {
  unsigned w[4];
};

// V adjacent elements as floats. V is 1, or what fills 16 bytes (then the address is aligned to it).
template <class E, int V>
struct Vector {
  static __device__ __forceinline__ void load(float (&out)[V], const E* from) {
    if constexpr (V == 1) {
      out[0] = to_float(*from);
    } else if constexpr (sizeof(E) == 4) {
      static_assert(V == 4, "16 bytes of float32");
      Quad q = *reinterpret_cast<const Quad*>(from);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        out[i] = __uint_as_float(q.w[i]);
      }
    } else {
      static_assert(V == 8, "16 bytes of a 16-bit type");
      Quad q = *reinterpret_cast<const Quad*>(from);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        unpack<E>(q.w[i], out[2 * i], out[2 * i + 1]);
      }
    }
  }

  static __device__ __forceinline__ void store(E* to, const float (&in)[V]) {
    if constexpr (V == 1) {
      *to = from_float<E>(in[0]);
    } else if constexpr (sizeof(E) == 4) {
      Quad q;
#pragma unroll
      for (int i = 0; i < 4; i++) {
        q.w[i] = __float_as_uint(in[i]);
      }
      *reinterpret_cast<Quad*>(to) = q;
    } else {
      Quad q;
#pragma unroll
      for (int i = 0; i < 4; i++) {
        q.w[i] = pack<E>(in[2 * i], in[2 * i + 1]);
      }
      *reinterpret_cast<Quad*>(to) = q;
    }
  }
};

__device__ __forceinline__ float warp_sum(float v) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) {
    v += __shfl_xor_sync(0xffffffffu, v, step);
  }
  return v;
}

__device__ __forceinline__ float warp_max(float v) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) {
    v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, step));
  }
  return v;
}

// Index of this thread over the whole grid, and the number of threads of the grid.
__device__ __forceinline__ long long global_thread() {
  return (long long)blockIdx.x * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ long long global_threads() {
  return (long long)gridDim.x * blockDim.x;
}
