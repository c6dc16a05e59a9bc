// depth_to_space: channels become block x block pixels; space_to_depth: the inverse.
//
// Layout:   NHWC, pixels ldx and ldy elements apart. The narrow side has block^2 times the channels:
//           channel (i * block + j) * C + k of ONNX's DCR order (mode 0), or k * block^2 + i * block
//           + j of CRD (mode 1), belongs to channel k of pixel (i, j) of the block.
// Strategy: a thread per element of x, channels fastest. In DCR both sides move runs of C elements.
// Bytes:    each element once in and once out. No FLOPs.
// Alone:    ABI.md has the parameters.
#include "common.cuh"

// Where a channel of the narrow side lies within its block of pixels.
__device__ __forceinline__ void split(
    int channel, int channels, int block, int mode, int& i, int& j, int& k) {
  int cell;
  if (mode == 0) {
    cell = channel / channels;
    k = channel % channels;
  } else {
    cell = channel % (block * block);
    k = channel / (block * block);
  }
  i = cell / block;
  j = cell % block;
}

extern "C" __global__ void __launch_bounds__(256) depth_to_space(
    const T* x, T* y, int n, int h, int w, int c, int block, int mode, int ldx, int ldy) {
  long long t = global_thread();
  if (t >= (long long)n * h * w * c) {
    return;
  }
  long long pixel = t / c;
  int channel = (int)(t % c);
  int i;
  int j;
  int k;
  split(channel, c / (block * block), block, mode, i, j, k);
  long long row = pixel / w * block + i;
  long long col = pixel % w * block + j;
  y[(row * w * block + col) * ldy + k] = x[pixel * ldx + channel];
}

extern "C" __global__ void __launch_bounds__(256) space_to_depth(
    const T* x, T* y, int n, int h, int w, int c, int block, int mode, int ldx, int ldy) {
  long long t = global_thread();
  if (t >= (long long)n * h * w * c) {
    return;
  }
  int channels = c * block * block;
  long long out = t / channels;
  int channel = (int)(t % channels);
  int i;
  int j;
  int k;
  split(channel, c, block, mode, i, j, k);
  long long row = out / (w / block) * block + i;
  long long col = out % (w / block) * block + j;
  y[out * ldy + channel] = x[(row * w + col) * ldx + k];
}
