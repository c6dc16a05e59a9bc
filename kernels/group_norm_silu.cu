// y = act((gn(x + A) * gamma + beta) * M + S): group normalisation with the time embedding's shift
// before it (A), its scale and shift after it (M, S), and SiLU (MORSE_ACT 1).
//
// Layout:   x and y NHWC, pixels ldx and ldy elements apart; A, M, S T [N or 1, C] or absent; gamma and
//           beta float32 [C]. A group is channels / groups adjacent channels over all positions.
// Strategy: sums are kept per channel, so that 16-byte loads may straddle groups; a thread stays on
//           its MORSE_VEC channels and walks over positions. Sums are taken relative to the channel's
//           first element and merged as (mean, sum of squared differences) by Chan's formula, since
//           sum(x^2) - n mean^2 loses all digits where the mean is large. All orders are fixed.
//           group_norm_fused: one pass; a block keeps whole groups of one sample in shared memory.
//           group_norm_stats + group_norm_apply: two passes, where the groups outgrow it; the second
//           pass finds x in L2 up to its 40-50 MB.
// Bytes:    fused: x once in, y once out. Two passes: x twice. FLOPs: about 5 per element, 15 with SiLU.
// Alone:    positions 4096, channels 320, groups 32, chunk 64, rows 16: SD 1.5's first level.
#include "activation.cuh"
#include "common.cuh"
#include "floats.cuh"

#ifndef MORSE_ACT
#define MORSE_ACT 0
#endif
#ifndef MORSE_VEC
#define MORSE_VEC 1
#endif

constexpr int V = MORSE_VEC;
constexpr int THREADS = 256;

// A thread's place in a pass over vectors [first, first + width) of every row.
struct Lane {
  int width;   // vectors per row in this pass
  int vector;  // of V channels
  int line;    // first row
  int lines;   // rows that the block takes at once
  bool active;
};

__device__ __forceinline__ Lane lane_of(int first, int vectors) {
  Lane l;
  l.width = min(THREADS, vectors - first);
  l.lines = THREADS / l.width;
  l.line = threadIdx.x / l.width;
  l.vector = first + threadIdx.x % l.width;
  l.active = l.line < l.lines;
  return l;
}

__device__ __forceinline__ void load_shift(float (&shift)[V], const T* a, int channel) {
#pragma unroll
  for (int k = 0; k < V; k++) {
    shift[k] = a != nullptr ? to_float(a[channel + k]) : 0.0f;
  }
}

// Mean and sum of squared differences of each channel over `rows` rows: means[c], squares[c] in
// shared memory. `slab`, if not null, receives the rows, packed. A barrier stands at the end.
__device__ void channel_moments(
    const T* x, int rows, int channels, int ldx, const T* a, T* slab, float* means,
    float* squares) {
  __shared__ float sums[2][V][THREADS];
  int vectors = channels / V;
  for (int first = 0; first < vectors; first += THREADS) {
    Lane l = lane_of(first, vectors);
    float origin[V];
    float sum[V];
    float square[V];
    float shift[V];
    if (l.active) {
      load_shift(shift, a, l.vector * V);
      Vector<T, V>::load(origin, x + l.vector * V);
#pragma unroll
      for (int k = 0; k < V; k++) {
        sum[k] = 0.0f;
        square[k] = 0.0f;
      }
      for (int row = l.line; row < rows; row += l.lines) {
        float v[V];
        Vector<T, V>::load(v, x + (long long)row * ldx + l.vector * V);
        if (slab != nullptr) {
          Vector<T, V>::store(slab + (long long)row * channels + l.vector * V, v);
        }
#pragma unroll
        for (int k = 0; k < V; k++) {
          float difference = v[k] - origin[k];
          sum[k] += difference;
          square[k] += difference * difference;
        }
      }
#pragma unroll
      for (int k = 0; k < V; k++) {
        sums[0][k][threadIdx.x] = sum[k];
        sums[1][k][threadIdx.x] = square[k];
      }
    }
    __syncthreads();
    // A tree over the lines, always of the same shape.
    for (int lines = l.lines; lines > 1;) {
      int half = (lines + 1) / 2;
      if (l.line < lines - half) {
#pragma unroll
        for (int k = 0; k < V; k++) {
          sums[0][k][threadIdx.x] += sums[0][k][threadIdx.x + half * l.width];
          sums[1][k][threadIdx.x] += sums[1][k][threadIdx.x + half * l.width];
        }
      }
      lines = half;
      __syncthreads();
    }
    if (threadIdx.x < l.width) {
#pragma unroll
      for (int k = 0; k < V; k++) {
        float s = sums[0][k][threadIdx.x];
        float q = sums[1][k][threadIdx.x];
        int channel = l.vector * V + k;
        means[channel] = origin[k] + shift[k] + s / (float)rows;
        squares[channel] = fmaxf(q - s * s / (float)rows, 0.0f);
      }
    }
    __syncthreads();
  }
}

// Merges `count` parts of equal or nearly equal weight within a warp; every lane gets the result.
__device__ __forceinline__ void merge(
    const float* means, const float* squares, int stride, int count, float weight,
    float last_weight, float& mean, float& square) {
  int lane = threadIdx.x & 31;
  float total = weight * (float)(count - 1) + last_weight;
  float s = 0.0f;
  for (int i = lane; i < count; i += 32) {
    s += means[i * stride] * (i == count - 1 ? last_weight : weight);
  }
  mean = warp_sum(s) / total;
  float q = 0.0f;
  for (int i = lane; i < count; i += 32) {
    float difference = means[i * stride] - mean;
    q += squares[i * stride] + difference * difference * (i == count - 1 ? last_weight : weight);
  }
  square = warp_sum(q);
}

// Factor and summand of a channel: y = act(x * factor + summand).
__device__ __forceinline__ void channel_affine(
    int channel, float mean, float scale, const T* a, const float* gamma, const float* beta,
    const T* m, const T* s, float& factor, float& summand) {
  float multiplier = m != nullptr ? to_float(m[channel]) : 1.0f;
  float before = a != nullptr ? to_float(a[channel]) : 0.0f;
  factor = scale * gamma[channel];
  summand = ((before - mean) * factor + beta[channel]) * multiplier;
  summand += s != nullptr ? to_float(s[channel]) : 0.0f;
  factor *= multiplier;
}

// y = act(x * factor + summand) over rows that lie `ldx` apart.
__device__ void apply_affine(
    const T* x, T* y, int rows, int channels, int ldx, int ldy, const float* factors,
    const float* summands) {
  int vectors = channels / V;
  for (int first = 0; first < vectors; first += THREADS) {
    Lane l = lane_of(first, vectors);
    if (l.active) {
      float factor[V];
      float summand[V];
      load_floats<V>(factor, factors + l.vector * V);
      load_floats<V>(summand, summands + l.vector * V);
      for (int row = l.line; row < rows; row += l.lines) {
        float v[V];
        Vector<T, V>::load(v, x + (long long)row * ldx + l.vector * V);
#pragma unroll
        for (int k = 0; k < V; k++) {
          v[k] = activate<MORSE_ACT>(fmaf(v[k], factor[k], summand[k]));
        }
        Vector<T, V>::store(y + (long long)row * ldy + l.vector * V, v);
      }
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS) group_norm_fused(
    const T* x, const T* a, const float* gamma, const float* beta, const T* m, const T* s, T* y,
    int positions, int channels, int groups, int bundle, int ldx, int ldy, int a_batch,
    int m_batch, int s_batch, float epsilon) {
  MORSE_DYNAMIC_SHARED(memory);
  int size = channels / groups;
  int local = bundle * size;
  int c0 = blockIdx.x * local;
  long long n = blockIdx.y;
  T* slab = reinterpret_cast<T*>(memory);
  long long slab_bytes = ((long long)positions * local * sizeof(T) + 15) / 16 * 16;
  float* means = reinterpret_cast<float*>(memory + slab_bytes);
  float* squares = means + local;
  float* factors = squares + local;
  float* summands = factors + local;
  float* group = summands + local;
  x += n * positions * ldx + c0;
  y += n * positions * ldy + c0;
  a = a != nullptr ? a + n * a_batch + c0 : nullptr;
  m = m != nullptr ? m + n * m_batch + c0 : nullptr;
  s = s != nullptr ? s + n * s_batch + c0 : nullptr;
  channel_moments(x, positions, local, ldx, a, slab, means, squares);
  for (int g = threadIdx.x >> 5; g < bundle; g += THREADS / 32) {
    float mean;
    float square;
    float weight = (float)positions;
    merge(means + g * size, squares + g * size, 1, size, weight, weight, mean, square);
    if ((threadIdx.x & 31) == 0) {
      group[2 * g] = mean;
      group[2 * g + 1] = 1.0f / sqrtf(square / (weight * (float)size) + epsilon);
    }
  }
  __syncthreads();
  for (int c = threadIdx.x; c < local; c += THREADS) {
    int g = c / size;
    channel_affine(
        c, group[2 * g], group[2 * g + 1], a, gamma + c0, beta + c0, m, s, factors[c],
        summands[c]);
  }
  __syncthreads();
  apply_affine(slab, y, positions, local, local, ldy, factors, summands);
}

// partial[n][block][g] = mean and sum of squared differences of a group over a block's positions.
extern "C" __global__ void __launch_bounds__(THREADS) group_norm_stats(
    const T* x, const T* a, float* partial, int positions, int channels, int groups, int ldx,
    int a_batch, int chunk) {
  MORSE_DYNAMIC_SHARED(memory);
  float* means = reinterpret_cast<float*>(memory);
  float* squares = means + channels;
  long long n = blockIdx.y;
  int first = blockIdx.x * chunk;
  int rows = min(chunk, positions - first);
  a = a != nullptr ? a + n * a_batch : nullptr;
  channel_moments(
      x + (n * positions + first) * ldx, rows, channels, ldx, a, nullptr, means, squares);
  int size = channels / groups;
  float* out = partial + (n * gridDim.x + blockIdx.x) * groups * 2;
  for (int g = threadIdx.x >> 5; g < groups; g += THREADS / 32) {
    float mean;
    float square;
    float weight = (float)rows;
    merge(means + g * size, squares + g * size, 1, size, weight, weight, mean, square);
    if ((threadIdx.x & 31) == 0) {
      out[2 * g] = mean;
      out[2 * g + 1] = square;
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS) group_norm_apply(
    const T* x, const T* a, const float* gamma, const float* beta, const T* m, const T* s,
    const float* partial, T* y, int positions, int channels, int groups, int ldx, int ldy,
    int a_batch, int m_batch, int s_batch, int chunk, int rows, float epsilon) {
  MORSE_DYNAMIC_SHARED(memory);
  float* factors = reinterpret_cast<float*>(memory);
  float* summands = factors + channels;
  float* group = summands + channels;
  long long n = blockIdx.y;
  int size = channels / groups;
  int chunks = (positions + chunk - 1) / chunk;
  const float* parts = partial + n * chunks * groups * 2;
  float weight = (float)chunk * (float)size;
  float last = (float)(positions - (chunks - 1) * chunk) * (float)size;
  for (int g = threadIdx.x >> 5; g < groups; g += THREADS / 32) {
    float mean;
    float square;
    merge(parts + 2 * g, parts + 2 * g + 1, 2 * groups, chunks, weight, last, mean, square);
    if ((threadIdx.x & 31) == 0) {
      group[2 * g] = mean;
      group[2 * g + 1] = 1.0f / sqrtf(square / ((float)positions * (float)size) + epsilon);
    }
  }
  __syncthreads();
  a = a != nullptr ? a + n * a_batch : nullptr;
  m = m != nullptr ? m + n * m_batch : nullptr;
  s = s != nullptr ? s + n * s_batch : nullptr;
  for (int c = threadIdx.x; c < channels; c += THREADS) {
    int g = c / size;
    channel_affine(
        c, group[2 * g], group[2 * g + 1], a, gamma, beta, m, s, factors[c], summands[c]);
  }
  __syncthreads();
  int first = blockIdx.x * rows;
  apply_affine(
      x + (n * positions + first) * ldx, y + (n * positions + first) * ldy,
      min(rows, positions - first), channels, ldx, ldy, factors, summands);
}
