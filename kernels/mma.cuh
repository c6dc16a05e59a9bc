// Tensor-core products by element type: D += A B with A 16 x k and B k x 8 (layouts in ptx.cuh).
#pragma once

#include "common.cuh"

template <class E>
__device__ __forceinline__ void mma_k16(
    float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1);
template <>
__device__ __forceinline__ void mma_k16<half_t>(
    float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  ptx::mma_half_k16(d, a, b0, b1);
}
template <>
__device__ __forceinline__ void mma_k16<bfloat_t>(
    float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  ptx::mma_bfloat_k16(d, a, b0, b1);
}

template <class E>
__device__ __forceinline__ void mma_k8(float (&d)[4], const unsigned (&a)[2], unsigned b0);
template <>
__device__ __forceinline__ void mma_k8<half_t>(
    float (&d)[4], const unsigned (&a)[2], unsigned b0) {
  ptx::mma_half_k8(d, a, b0);
}
template <>
__device__ __forceinline__ void mma_k8<bfloat_t>(
    float (&d)[4], const unsigned (&a)[2], unsigned b0) {
  ptx::mma_bfloat_k8(d, a, b0);
}
