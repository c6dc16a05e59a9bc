// y[i] = normal number i of a picture's stream (Noise.fill on the device).
//
// Layout:   y float32, dense.
// Strategy: a thread per Philox block of four words, hence four numbers.
// Bytes:    4 per element, written once. FLOPs: about 200 per element, half of them in double.
// Alone:    grid ceil(count, 1024) of 256 threads.
#include "common.cuh"
#include "philox.cuh"

extern "C" __global__ void __launch_bounds__(256)
    philox_normals(float* y, long long count, long long seed, int picture, int draw) {
  long long block = global_thread();
  long long first = 4 * block;
  if (first >= count) {
    return;
  }
  float n[4];
  normals_of_block(
      n, (unsigned)block, (unsigned)draw, (unsigned)picture, (unsigned long long)seed);
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (first + j < count) {
      y[first + j] = n[j];
    }
  }
}
