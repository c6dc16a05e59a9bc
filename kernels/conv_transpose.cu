// Y = act(conv_transpose(X, W) + bias): each input pixel adds its filter to the output.
//
// Layout:   x and y NHWC, pixels ldx and ldy apart; w [R][S][C][K / groups] (channels of all groups in
//           the order of x), so that neighbours in k are neighbours in memory.
// Strategy: a thread per output element gathers from the input pixels that reach it; plain, since
//           diffusion models rarely have this operator.
// Bytes:    y once; x and w from L1 and L2. FLOPs: 2 N H W C R S K / groups.
// Alone:    ABI.md has the parameters; h = w = 8, c = k = 16, r = s = 4, stride 2, pad 1.
#include "activation.cuh"
#include "common.cuh"

#ifndef MORSE_ACT
#define MORSE_ACT 0
#endif

extern "C" __global__ void __launch_bounds__(256) conv_transpose(
    const T* x, const T* w, const float* bias, T* y, int n, int h, int width, int c, int ldx,
    int k, int ldy, int r, int s, int p, int q, int stride_h, int stride_w, int pad_h, int pad_w,
    int dilation_h, int dilation_w, int groups) {
  long long t = global_thread();
  if (t >= (long long)n * p * q * k) {
    return;
  }
  int filter = (int)(t % k);
  long long pixel = t / k;
  int col = (int)(pixel % q);
  int row = (int)(pixel / q % p);
  long long image = pixel / q / p;
  int channels = c / groups;
  int filters = k / groups;
  int group = filter / filters;
  float sum = bias != nullptr ? bias[filter] : 0.0f;
  for (int a = 0; a < r; a++) {
    int up = row + pad_h - a * dilation_h;
    if (up < 0 || up % stride_h != 0 || up / stride_h >= h) {
      continue;
    }
    for (int b = 0; b < s; b++) {
      int left = col + pad_w - b * dilation_w;
      if (left < 0 || left % stride_w != 0 || left / stride_w >= width) {
        continue;
      }
      const T* in =
          x + ((image * h + up / stride_h) * width + left / stride_w) * ldx + group * channels;
      const T* weight = w + ((long long)(a * s + b) * c + group * channels) * filters +
                        (filter - group * filters);
      for (int i = 0; i < channels; i++) {
        sum = fmaf(to_float(in[i]), to_float(weight[(long long)i * filters]), sum);
      }
    }
  }
  y[pixel * ldy + filter] = from_float<T>(activate<MORSE_ACT>(sum));
}
