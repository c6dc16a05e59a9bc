// y[o, i, e] = x[o, index[i], e] (gather) or x[o, index[o, i, e], e] (gather_elements).
//
// Layout:   x [outer, axis, inner], y [outer, count, inner], dense. Elements are moved as
//           MORSE_BYTES bytes (1, 2, 4, 8), whatever they mean; indices are int32 (MORSE_INDEX 3) or
//           int64 (4), and count from the end where negative.
// Strategy: a thread per element of y, along `inner`, so that rows of an embedding are read whole.
// Bytes:    each element of y once in and once out, and the indices. No FLOPs.
// Alone:    any table and indices; a wrong index writes 1 to `fault` and reads element 0.
#include "common.cuh"

#ifndef MORSE_BYTES
#define MORSE_BYTES 4
#endif
#ifndef MORSE_INDEX
#define MORSE_INDEX 4
#endif

#if MORSE_BYTES == 1
typedef unsigned char Item;
#elif MORSE_BYTES == 2
typedef unsigned short Item;
#elif MORSE_BYTES == 4
typedef unsigned Item;
#else
typedef unsigned long long Item;
#endif

#if MORSE_INDEX == 3
typedef int Index;
#else
typedef long long Index;
#endif

__device__ __forceinline__ long long checked(long long index, long long axis, int* fault) {
  if (index < 0) {
    index += axis;
  }
  if (index < 0 || index >= axis) {
    if (fault != nullptr) {
      *fault = 1;
    }
    return 0;
  }
  return index;
}

extern "C" __global__ void __launch_bounds__(256) gather(
    const Item* x, const Index* index, Item* y, int* fault, long long outer, long long axis,
    long long count, long long inner) {
  long long total = outer * count * inner;
  for (long long t = global_thread(); t < total; t += global_threads()) {
    long long e = t % inner;
    long long row = t / inner;
    long long from = checked(index[row % count], axis, fault);
    y[t] = x[(row / count * axis + from) * inner + e];
  }
}

extern "C" __global__ void __launch_bounds__(256) gather_elements(
    const Item* x, const Index* index, Item* y, int* fault, long long outer, long long axis,
    long long count, long long inner) {
  long long total = outer * count * inner;
  for (long long t = global_thread(); t < total; t += global_threads()) {
    long long e = t % inner;
    long long from = checked(index[t], axis, fault);
    y[t] = x[(t / inner / count * axis + from) * inner + e];
  }
}
