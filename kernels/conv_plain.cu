// Y = act(conv(X, W) + bias + R): the plain path of conv_implicit_gemm.cu, for every type and shape.
//
// Layout:   x NHWC, w [K][R][S][C / groups], y and residual [N, P, Q, K]; pixels ldx, ldy, ldr apart.
// Strategy: the product of pixels by filters, 64 x 64 x 16 per step, with the rows of the left side
//           gathered from x while they go to shared memory. Float32 arithmetic.
// Bytes:    x r * s * ceil(K / 64) times (mostly from L1 and L2), w ceil(N P Q / 64) times, y once.
//           FLOPs: 2 N P Q K R S C / groups.
// Alone:    n = 1, h = w = 64, c = 4, k = 320, r = s = 3: SD 1.5's first layer.
#include "activation.cuh"
#include "common.cuh"
#include "plain_tile.cuh"

#ifndef MORSE_ACT
#define MORSE_ACT 0
#endif

extern "C" __global__ void __launch_bounds__(256) conv_plain(
    const T* x, const T* w, const float* bias, const T* residual, T* y, int n, int h, int width,
    int c, int ldx, int k, int ldr, int ldy, int r, int s, int p, int q, int stride_h,
    int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, int groups, int upsample) {
  __shared__ PlainTile tile;
  int group = blockIdx.z;
  int channels = c / groups;
  int filters = k / groups;
  int pixels = n * p * q;
  int depth = r * s * channels;
  int m0 = blockIdx.x * PlainTile::SIZE;
  int n0 = blockIdx.y * PlainTile::SIZE;
  int high = h * upsample;
  int wide = width * upsample;
  float acc[4][4] = {};
  for (int k0 = 0; k0 < depth; k0 += PlainTile::DEPTH) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int t = threadIdx.x + 256 * i;
      int d = t & 15;
      int line = t >> 4;
      int e = k0 + d;
      int channel = e % channels;
      int tap = e / channels;
      int pixel = m0 + line;
      int row = pixel / q % p * stride_h - pad_h + tap / s * dilation_h;
      int col = pixel % q * stride_w - pad_w + tap % s * dilation_w;
      bool inside =
          e < depth && pixel < pixels && row >= 0 && row < high && col >= 0 && col < wide;
      long long from = ((long long)pixel / q / p * h + row / upsample) * width + col / upsample;
      tile.a[d][line] = inside ? to_float(x[from * ldx + group * channels + channel]) : 0.0f;
      int filter = n0 + line;
      tile.b[d][line] =
          filter < filters && e < depth
              ? to_float(w[(long long)(group * filters + filter) * depth + e])
              : 0.0f;
    }
    __syncthreads();
    multiply(acc, tile);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    long long row = m0 + tile_row() + i;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int col = n0 + tile_col() + 16 * j;
      if (row < pixels && col < filters) {
        int filter = group * filters + col;
        float v = acc[i][j];
        v += bias != nullptr ? bias[filter] : 0.0f;
        v += residual != nullptr ? to_float(residual[row * ldr + filter]) : 0.0f;
        y[row * ldy + filter] = from_float<T>(activate<MORSE_ACT>(v));
      }
    }
  }
}
