// y[i0, i1, i2] = reduction of x over three further indices; arg max and min; running sums.
//
// MORSE_OP:  0 sum, 1 mean, 2 max, 3 min, 4 product, 5 sum of squares, 6 L2 norm.
// Layout:   any strides of x, in elements; y dense. A reduction over more axes than three, or kept
//           axes beyond three, is laid out by the caller, who merges adjacent ones.
// Strategy: reduce_block: a block per output, threads stride over the reduced elements, then one
//           tree in shared memory, in an order that does not change from run to run.
//           reduce_thread: a thread per output, for short reductions or where neighbours in memory
//           belong to different outputs.
// Bytes:    each element of x once. FLOPs: 1 or 2 per element.
// Alone:    ABI.md has the parameters.
#include "common.cuh"

#ifndef MORSE_OP
#define MORSE_OP 0
#endif

__device__ __forceinline__ float neutral() {
  if constexpr (MORSE_OP == 2) {
    return -__int_as_float(0x7f800000);
  } else if constexpr (MORSE_OP == 3) {
    return __int_as_float(0x7f800000);
  } else {
    return MORSE_OP == 4 ? 1.0f : 0.0f;
  }
}

__device__ __forceinline__ float prepare(float v) {
  return MORSE_OP == 5 || MORSE_OP == 6 ? v * v : v;
}

__device__ __forceinline__ float combine(float a, float b) {
  if constexpr (MORSE_OP == 2) {
    return a != a || b != b ? a + b : fmaxf(a, b);
  } else if constexpr (MORSE_OP == 3) {
    return a != a || b != b ? a + b : fminf(a, b);
  } else if constexpr (MORSE_OP == 4) {
    return a * b;
  } else {
    return a + b;
  }
}

__device__ __forceinline__ float finish(float v, long long count) {
  if constexpr (MORSE_OP == 1) {
    return v / (float)count;
  } else if constexpr (MORSE_OP == 6) {
    return sqrtf(v);
  } else {
    return v;
  }
}

// Offset of a merged index of three dimensions (i0, i1 < n1, i2 < n2).
__device__ __forceinline__ long long offset(
    long long i, long long n1, long long n2, long long s0, long long s1, long long s2) {
  long long i2 = i % n2;
  long long rest = i / n2;
  return rest / n1 * s0 + rest % n1 * s1 + i2 * s2;
}

extern "C" __global__ void __launch_bounds__(256) reduce_block(
    const T* x, T* y, long long outputs, long long k1, long long k2, long long xk0,
    long long xk1, long long xk2, long long reduced, long long r1, long long r2, long long xr0,
    long long xr1, long long xr2) {
  __shared__ float part[256];
  long long out = blockIdx.x;
  const T* base = x + offset(out, k1, k2, xk0, xk1, xk2);
  float v = neutral();
  for (long long i = threadIdx.x; i < reduced; i += blockDim.x) {
    v = combine(v, prepare(to_float(base[offset(i, r1, r2, xr0, xr1, xr2)])));
  }
  part[threadIdx.x] = v;
  __syncthreads();
  for (int half = 128; half > 0; half >>= 1) {
    if (threadIdx.x < half) {
      part[threadIdx.x] = combine(part[threadIdx.x], part[threadIdx.x + half]);
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    y[out] = from_float<T>(finish(part[0], reduced));
  }
}

extern "C" __global__ void __launch_bounds__(256) reduce_thread(
    const T* x, T* y, long long outputs, long long k1, long long k2, long long xk0,
    long long xk1, long long xk2, long long reduced, long long r1, long long r2, long long xr0,
    long long xr1, long long xr2) {
  long long out = global_thread();
  if (out >= outputs) {
    return;
  }
  const T* base = x + offset(out, k1, k2, xk0, xk1, xk2);
  float v = neutral();
  for (long long i = 0; i < reduced; i++) {
    v = combine(v, prepare(to_float(base[offset(i, r1, r2, xr0, xr1, xr2)])));
  }
  y[out] = from_float<T>(finish(v, reduced));
}

// Index of the greatest (MORSE_OP 2) or least element along the middle axis; the first of equal
// ones, or the last.
extern "C" __global__ void __launch_bounds__(256) arg_reduce(
    const T* x, long long* y, long long outer, long long axis, long long inner, int last) {
  long long out = global_thread();
  if (out >= outer * inner) {
    return;
  }
  const T* base = x + out / inner * axis * inner + out % inner;
  long long best = 0;
  float value = to_float(base[0]);
  for (long long i = 1; i < axis; i++) {
    float v = to_float(base[i * inner]);
    bool better = MORSE_OP == 3 ? v < value : v > value;
    if (better || (last != 0 && v == value)) {
      best = i;
      value = v;
    }
  }
  y[out] = best;
}

extern "C" __global__ void __launch_bounds__(256) cumsum(
    const T* x, T* y, long long outer, long long axis, long long inner, int exclusive,
    int reverse) {
  long long out = global_thread();
  if (out >= outer * inner) {
    return;
  }
  long long base = out / inner * axis * inner + out % inner;
  float sum = 0.0f;
  for (long long k = 0; k < axis; k++) {
    long long at = base + (reverse != 0 ? axis - 1 - k : k) * inner;
    float v = to_float(x[at]);
    y[at] = from_float<T>(exclusive != 0 ? sum : sum + v);
    sum += v;
  }
}
