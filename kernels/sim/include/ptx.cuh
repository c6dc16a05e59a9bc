// The functions of kernels/ptx.cuh for the simulated device: the same names and meaning, in C++.
#pragma once

#define MORSE_DYNAMIC_SHARED(name) unsigned char* const name = ::sim::view().dynamic_shared

namespace ptx {

#if defined(__aarch64__)
using half_bits = __fp16;
#else
using half_bits = _Float16;
#endif

__device__ __forceinline__ float half_to_float(unsigned short bits) {
  half_bits value;
  __builtin_memcpy(&value, &bits, 2);
  return float(value);
}

__device__ __forceinline__ unsigned short float_to_half(float value) {
  half_bits half = half_bits(value);
  unsigned short bits;
  __builtin_memcpy(&bits, &half, 2);
  return value != value ? 0x7fff : bits;
}

__device__ __forceinline__ unsigned short float_to_bfloat(float value) {
  unsigned bits = __float_as_uint(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return (unsigned short)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

__device__ __forceinline__ unsigned pack_half(float low, float high) {
  return float_to_half(low) | (unsigned)float_to_half(high) << 16;
}

__device__ __forceinline__ unsigned pack_bfloat(float low, float high) {
  return float_to_bfloat(low) | (unsigned)float_to_bfloat(high) << 16;
}

// Both flush results and arguments below the normal numbers to zero, as .ftz says.
__device__ __forceinline__ float flush(float x) {
  return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0.0f, x) : x;
}

__device__ __forceinline__ float exp2(float x) { return flush(exp2f(flush(x))); }

__device__ __forceinline__ float reciprocal(float x) { return flush(1.0f / flush(x)); }

#if __CUDA_ARCH__ >= 800

__device__ __forceinline__ void load(unsigned* r, const void* smem, int count, bool transposed) {
  ::sim::forget_memory();
  ::sim::runtime->ldmatrix(r, smem, count, transposed);
  ::sim::forget_memory();
}

__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], const void* smem) {
  load(r, smem, 4, false);
}

__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&r)[4], const void* smem) {
  load(r, smem, 4, true);
}

__device__ __forceinline__ void ldmatrix_x2(unsigned (&r)[2], const void* smem) {
  load(r, smem, 2, false);
}

__device__ __forceinline__ void ldmatrix_x2_trans(unsigned (&r)[2], const void* smem) {
  load(r, smem, 2, true);
}

__device__ __forceinline__ void mma_half_k16(float (&d)[4], const unsigned (&a)[4], unsigned b0,
                                             unsigned b1) {
  ::sim::runtime->mma(::sim::Mma::kHalf16, d, a, b0, b1);
}

__device__ __forceinline__ void mma_bfloat_k16(float (&d)[4], const unsigned (&a)[4], unsigned b0,
                                               unsigned b1) {
  ::sim::runtime->mma(::sim::Mma::kBfloat16, d, a, b0, b1);
}

__device__ __forceinline__ void mma_half_k8(float (&d)[4], const unsigned (&a)[2], unsigned b0) {
  ::sim::runtime->mma(::sim::Mma::kHalf8, d, a, b0, 0);
}

__device__ __forceinline__ void mma_bfloat_k8(float (&d)[4], const unsigned (&a)[2], unsigned b0) {
  ::sim::runtime->mma(::sim::Mma::kBfloat8, d, a, b0, 0);
}

__device__ __forceinline__ void copy_16(void* smem, const void* global, bool valid) {
  ::sim::forget_memory();
  ::sim::runtime->copy_async(smem, global, 16, valid ? 16 : 0);
}

__device__ __forceinline__ void copy_commit() { ::sim::runtime->copy_async_commit(); }

template <int N>
__device__ __forceinline__ void copy_wait() {
  ::sim::forget_memory();
  ::sim::runtime->copy_async_wait(N);
  ::sim::forget_memory();
}

#endif

}  // namespace ptx
