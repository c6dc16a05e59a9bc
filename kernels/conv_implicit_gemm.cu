// Y = act(conv(X, W) + bias + R) as a product of gathered pixels by filters.
//
// Layout:   x NHWC (pixels ldx apart; read as enlarged twice per side with upsample 2), w
//           [K][R][S][C / groups], y and residual [N, P, Q, K] (ldy, ldr). 16-bit elements, float32
//           accumulation.
// Strategy: rows are output pixels, columns filters, depth (tap, channel) with channels innermost, so
//           that 8 channels of one tap are one 16-byte cp.async, or zeros where the tap lies outside.
//           A thread keeps its pixels and walks its chunk of the depth without a division.
//           tensor_tile.cuh does the rest: MORSE_BM x MORSE_BN, 32 deep, 4 stages.
// Bytes:    x once from DRAM (its r * s * ceil(K / BN) readings come from L1 and L2), w ceil(N P Q / BM)
//           times, y once. FLOPs: 2 N P Q K R S C / groups.
// Alone:    n = 2, h = w = 64, c = k = 320, r = s = 3, pad 1: SD 1.5's first level.
#include "activation.cuh"
#include "tensor_tile.cuh"

#ifndef MORSE_BM
#define MORSE_BM 128
#endif
#ifndef MORSE_BN
#define MORSE_BN 128
#endif
#ifndef MORSE_ACT
#define MORSE_ACT 0
#endif

typedef TensorTile<MORSE_BM, MORSE_BN, false> Tile;

struct Source {
  const T* x;
  const T* w;
  int high, wide;    // of x as it is read, after enlarging
  int shift;         // 1 where x is enlarged
  int line;          // elements between two rows of x
  int ldx;
  int channels;      // of the group
  int taps_r, taps_s;
  int dilation_h, dilation_w;
  int depth;         // taps_r * taps_s * channels
  int filters, n0;
  // This thread's chunk of the depth: channel and tap of the next stage.
  int channel, r, s;
  // This thread's pixels: offset of the image, first row and column; no pixel: image -1.
  int image[Tile::A_COPIES];
  int row[Tile::A_COPIES];
  int col[Tile::A_COPIES];

  __device__ __forceinline__ void advance(int by) {
    channel += by;
    while (channel >= channels) {
      channel -= channels;
      if (++s == taps_s) {
        s = 0;
        r++;
      }
    }
  }

  __device__ __forceinline__ void copy(int tile, unsigned char* sa, unsigned char* sb) {
    int chunk = threadIdx.x & 3;
#pragma unroll
    for (int i = 0; i < Tile::A_COPIES; i++) {
      int y = row[i] + r * dilation_h;
      int z = col[i] + s * dilation_w;
      bool valid = image[i] >= 0 && r < taps_r && (unsigned)y < (unsigned)high &&
                   (unsigned)z < (unsigned)wide;
      int at = image[i] + (y >> shift) * line + (z >> shift) * ldx + channel;
      ptx::copy_16(
          sa + Tile::a_place((threadIdx.x + i * Tile::THREADS) >> 2, chunk), x + (valid ? at : 0),
          valid);
    }
    int at = tile * Tile::BK + chunk * 8;
#pragma unroll
    for (int i = 0; i < Tile::B_COPIES; i++) {
      int filter = (threadIdx.x + i * Tile::THREADS) >> 2;
      bool valid = n0 + filter < filters && at < depth;
      ptx::copy_16(
          sb + Tile::b_place(filter, chunk),
          valid ? w + (long long)(n0 + filter) * depth + at : w, valid);
    }
    advance(Tile::BK);
  }
};

extern "C" __global__ void __launch_bounds__(Tile::THREADS, 512 / Tile::THREADS)
    conv_implicit_gemm(
        const T* x, const T* w, const float* bias, const T* residual, T* y, int n, int h,
        int width, int c, int ldx, int k, int ldr, int ldy, int r, int s, int p, int q,
        int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w,
        int groups, int upsample) {
  MORSE_DYNAMIC_SHARED(memory);
  int group = blockIdx.z;
  int pixels = n * p * q;
  int m0 = blockIdx.x * Tile::BM;
  Source source;
  source.channels = c / groups;
  source.filters = k / groups;
  source.depth = r * s * source.channels;
  source.x = x + group * source.channels;
  source.w = w + (long long)group * source.filters * source.depth;
  source.high = h * upsample;
  source.wide = width * upsample;
  source.shift = upsample == 2 ? 1 : 0;
  source.line = width * ldx;
  source.ldx = ldx;
  source.taps_r = r;
  source.taps_s = s;
  source.dilation_h = dilation_h;
  source.dilation_w = dilation_w;
  source.n0 = blockIdx.y * Tile::BN;
  source.channel = 0;
  source.r = 0;
  source.s = 0;
  source.advance((threadIdx.x & 3) * 8);
#pragma unroll
  for (int i = 0; i < Tile::A_COPIES; i++) {
    int pixel = m0 + ((threadIdx.x + i * Tile::THREADS) >> 2);
    int across = pixel % q;
    int rest = pixel / q;
    int down = rest % p;
    source.image[i] = pixel < pixels ? rest / p * h * source.line : -1;
    source.row[i] = down * stride_h - pad_h;
    source.col[i] = across * stride_w - pad_w;
  }
  Tile tile;
  tile.clear();
  run_stages(tile, source, memory, (source.depth + Tile::BK - 1) / Tile::BK);

  int lane = threadIdx.x & 31;
  int row0 = m0 + Tile::warp_row() + (lane >> 2);
  int col0 = source.n0 + Tile::warp_col() + (lane & 3) * 2;
#pragma unroll
  for (int j = 0; j < Tile::NI; j++) {
    int col = col0 + j * 8;
    if (col >= source.filters) {
      continue;
    }
    int filter = group * source.filters + col;
    float shift0 = bias != nullptr ? bias[filter] : 0.0f;
    float shift1 = bias != nullptr ? bias[filter + 1] : 0.0f;
#pragma unroll
    for (int i = 0; i < Tile::MI * 2; i++) {
      int row = row0 + i * 8;
      if (row < pixels) {
        float v0 = tile.acc[i / 2][j][i % 2 * 2] + shift0;
        float v1 = tile.acc[i / 2][j][i % 2 * 2 + 1] + shift1;
        if (residual != nullptr) {
          float r0;
          float r1;
          unpack<T>(
              *reinterpret_cast<const unsigned*>(residual + (long long)row * ldr + filter), r0,
              r1);
          v0 += r0;
          v1 += r1;
        }
        *reinterpret_cast<unsigned*>(y + (long long)row * ldy + filter) =
            pack<T>(activate<MORSE_ACT>(v0), activate<MORSE_ACT>(v1));
      }
    }
  }
}
