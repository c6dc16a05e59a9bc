// y[n, p, q, c] = average or maximum over a window of x.
//
// MORSE_OP:  1 average, 2 max.
// Layout:   NHWC, pixels ldx and ldy elements apart.
// Strategy: a thread per output element, channels fastest, so that a warp reads whole pixels.
// Bytes:    x once (windows overlap in L1/L2) and y once. FLOPs: r * s per output.
// Alone:    ABI.md has the parameters.
#include "common.cuh"

#ifndef MORSE_OP
#define MORSE_OP 1
#endif

extern "C" __global__ void __launch_bounds__(256) pool(
    const T* x, T* y, int n, int h, int w, int c, int ldx, int ldy, int r, int s, int p, int q,
    int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w,
    int count_pad, int end_h, int end_w) {
  long long i = global_thread();
  if (i >= (long long)n * p * q * c) {
    return;
  }
  int channel = (int)(i % c);
  long long pixel = i / c;
  int col = (int)(pixel % q) * stride_w - pad_w;
  int row = (int)(pixel / q % p) * stride_h - pad_h;
  long long image = pixel / q / p * h;
  float v = MORSE_OP == 2 ? -__int_as_float(0x7f800000) : 0.0f;
  int inside = 0;
  int padded = 0;
  for (int a = 0; a < r; a++) {
    int y_in = row + a * dilation_h;
    for (int b = 0; b < s; b++) {
      int x_in = col + b * dilation_w;
      padded += y_in + pad_h < end_h && x_in + pad_w < end_w ? 1 : 0;
      if (y_in >= 0 && y_in < h && x_in >= 0 && x_in < w) {
        float e = to_float(x[((image + y_in) * w + x_in) * ldx + channel]);
        if constexpr (MORSE_OP == 2) {
          v = e > v || e != e ? e : v;
        } else {
          v += e;
        }
        inside++;
      }
    }
  }
  if constexpr (MORSE_OP == 1) {
    v /= (float)(count_pad == 1 ? r * s : count_pad == 2 ? padded : inside);
  }
  y[pixel * ldy + channel] = from_float<T>(v);
}
