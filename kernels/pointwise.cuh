// Functions for islands of element-wise operators that are generated from a graph: named and
// defined as in the plain reference (Unary, Binary), but in float. Elements come and go through
// load and store of convert.cuh.
#pragma once

#include "activation.cuh"
#include "convert.cuh"

__device__ __forceinline__ float f_abs(float x) { return fabsf(x); }
__device__ __forceinline__ float f_neg(float x) { return -x; }
__device__ __forceinline__ float f_ceil(float x) { return ceilf(x); }
__device__ __forceinline__ float f_floor(float x) { return floorf(x); }
__device__ __forceinline__ float f_round(float x) { return rintf(x); }
__device__ __forceinline__ float f_sqrt(float x) { return sqrtf(x); }
__device__ __forceinline__ float f_reciprocal(float x) { return 1.0f / x; }
__device__ __forceinline__ float f_exp(float x) { return expf(x); }
__device__ __forceinline__ float f_log(float x) { return logf(x); }
__device__ __forceinline__ float f_sin(float x) { return sinf(x); }
__device__ __forceinline__ float f_cos(float x) { return cosf(x); }
__device__ __forceinline__ float f_tan(float x) { return tanf(x); }
__device__ __forceinline__ float f_tanh(float x) { return tanhf(x); }
__device__ __forceinline__ float f_erf(float x) { return erff(x); }
__device__ __forceinline__ float f_gelu(float x) { return gelu_erf(x); }
__device__ __forceinline__ float f_gelu_tanh(float x) { return gelu_tanh(x); }
__device__ __forceinline__ float f_silu(float x) { return silu(x); }
__device__ __forceinline__ float f_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
__device__ __forceinline__ float f_swish(float x, float alpha) {
  return x / (1.0f + expf(-alpha * x));
}

// log(1 + e^x) without overflow.
__device__ __forceinline__ float f_softplus(float x) {
  return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}
__device__ __forceinline__ float f_mish(float x) { return x * tanhf(f_softplus(x)); }
__device__ __forceinline__ float f_elu(float x, float alpha) {
  return x < 0.0f ? alpha * expm1f(x) : x;
}
__device__ __forceinline__ float f_leaky_relu(float x, float alpha) {
  return x < 0.0f ? alpha * x : x;
}
__device__ __forceinline__ float f_relu(float x) { return x < 0.0f ? 0.0f : x; }
__device__ __forceinline__ float f_sign(float x) {
  return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
}
__device__ __forceinline__ float f_pow(float a, float b) { return powf(a, b); }

// Maximum and minimum in which NaN wins.
__device__ __forceinline__ float f_max(float a, float b) {
  return a != a || b != b ? a + b : fmaxf(a, b);
}
__device__ __forceinline__ float f_min(float a, float b) {
  return a != a || b != b ? a + b : fminf(a, b);
}
__device__ __forceinline__ float f_clip(float x, float low, float high) {
  return f_min(high, f_max(low, x));
}
__device__ __forceinline__ float f_hard_sigmoid(float x, float alpha, float beta) {
  return f_max(0.0f, f_min(1.0f, alpha * x + beta));
}
__device__ __forceinline__ float f_hard_swish(float x) {
  return x * f_hard_sigmoid(x, 1.0f / 6.0f, 0.5f);
}

// Remainders: of the sign of b (ONNX Mod), and of the sign of a (fmod = 1).
__device__ __forceinline__ float f_mod(float a, float b) { return a - b * floorf(a / b); }
__device__ __forceinline__ float f_fmod(float a, float b) { return fmodf(a, b); }

// Integers. A kernel cannot refuse a division by zero: it gives 0.
__device__ __forceinline__ long long i_div(long long a, long long b) {
  return b == 0 ? 0 : b == -1 ? (long long)(0ull - (unsigned long long)a) : a / b;
}
__device__ __forceinline__ long long i_fmod(long long a, long long b) {
  return b == 0 || b == -1 ? 0 : a % b;
}
__device__ __forceinline__ long long i_mod(long long a, long long b) {
  long long m = i_fmod(a, b);
  return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}
__device__ __forceinline__ long long i_min(long long a, long long b) { return a < b ? a : b; }
__device__ __forceinline__ long long i_max(long long a, long long b) { return a > b ? a : b; }
__device__ __forceinline__ long long i_abs(long long a) { return a < 0 ? -a : a; }
__device__ __forceinline__ long long i_sign(long long a) { return a > 0 ? 1 : a < 0 ? -1 : 0; }
__device__ __forceinline__ long long i_pow(long long a, long long b) {
  return to_integer(pow((double)a, (double)b));
}
