// O = softmax(scale * Q K^T + mask) V per batch and head, without the scores ever in memory.
//
// Layout:   Q, K, V, O 16-bit, element (n, l, h, e) at n * batch + l * row + h * head + e, so that they
//           may be parts of one tensor [N, L, 3 H d]; head size MORSE_D, a multiple of 8 up to 160. The
//           mask, if any (MORSE_MASK 1), is added and has four strides.
// Strategy: FlashAttention-2 (Dao 2023). A block has MORSE_BM queries of one head, 4 warps with
//           MORSE_BM / 4 of them each; Q stays in registers; tiles of MORSE_BN keys and values arrive
//           by cp.async in two stages; scores and output are mma.sync m16n8k16 with float32
//           accumulators (and one m16n8k8 where 16 does not divide the head size, which saves a sixth
//           of the work at 40); the scores' accumulators are, packed, the left operand of the second
//           product. Softmax is kept online in base 2. The last tile skips keys by sixteens, so that
//           77 keys cost 80.
//           Rows of shared memory hold an odd number of 16-byte chunks: the eight rows of an ldmatrix
//           then lie in eight different groups of four banks at every head size.
// Bytes:    q and o once, k and v once per block of queries (from L2 after the first). FLOPs: 4 L S d
//           per head; the exponentials are L S and weigh as much as the products at head size 40.
// Alone:    l = s = 4096, 8 heads of 40, batch 2: SD 1.5's first level.
#include "mma.cuh"

#ifndef MORSE_D
#define MORSE_D 40
#endif
#ifndef MORSE_BM
#define MORSE_BM 128
#endif
#ifndef MORSE_BN
#define MORSE_BN 64
#endif
#ifndef MORSE_MASK
#define MORSE_MASK 0
#endif

constexpr int D = MORSE_D;
constexpr int BM = MORSE_BM;
constexpr int BN = MORSE_BN;
constexpr int THREADS = 128;
constexpr int MI = BM / 64;         // tiles of 16 queries per warp
constexpr int CHUNKS = D / 8;       // of 16 bytes per row
constexpr int LD = (CHUNKS | 1) * 16;
constexpr int K16 = D / 16;
constexpr bool K8 = D % 16 == 8;
constexpr int STAGE_BYTES = 2 * BN * LD;
static_assert(D % 8 == 0 && D >= 8 && D <= 160, "attention_wide.cu has larger heads");
static_assert(BM % 64 == 0 && BN % 16 == 0, "whole tiles of 16");

// ptxas aims at a number of blocks of its own choice; at 32 that costs spills for nothing.
#if MORSE_D == 32
#define BOUNDS __launch_bounds__(THREADS, BM == 128 ? 2 : 4)
#else
#define BOUNDS __launch_bounds__(THREADS)
#endif

// Starts the copies of `count` rows from `first` on; rows from `end` on become zero.
__device__ __forceinline__ void copy_rows(
    unsigned char* to, const T* from, int first, int count, int end, int ld) {
  for (int t = threadIdx.x; t < count * CHUNKS; t += THREADS) {
    int row = t / CHUNKS;
    int chunk = t % CHUNKS;
    bool valid = first + row < end;
    ptx::copy_16(
        to + row * LD + chunk * 16, valid ? from + (long long)(first + row) * ld + chunk * 8 : from,
        valid);
  }
}

struct Queries {
  unsigned k16[MI][K16 > 0 ? K16 : 1][4];
  unsigned k8[MI][2];

  __device__ __forceinline__ void load(const unsigned char* rows) {
    int lane = threadIdx.x & 31;
    int first = (threadIdx.x >> 5) * MI * 16;
#pragma unroll
    for (int i = 0; i < MI; i++) {
      const unsigned char* row = rows + (first + i * 16 + (lane & 15)) * LD;
#pragma unroll
      for (int k = 0; k < K16; k++) {
        ptx::ldmatrix_x4(k16[i][k], row + (k * 2 + (lane >> 4)) * 16);
      }
      if constexpr (K8) {
        ptx::ldmatrix_x2(k8[i], row + K16 * 32);
      }
    }
  }
};

// Where the mask of this thread's first row and column starts, and its strides.
struct Mask {
  const T* at;
  long long row;
  long long col;
  int rows;  // queries from the first row on
};

// What a warp knows of its queries so far: output, maximum of the scores (scaled, base 2), sum.
struct State {
  float out[MI][CHUNKS][4];
  float top[MI][2];
  float sum[MI][2];
};

// One tile of keys and values; TAIL: only `keys` of them are there.
template <bool TAIL>
__device__ __forceinline__ void attend(
    State& state, const Queries& q, const unsigned char* k, const unsigned char* v, int keys,
    const Mask& mask, float scale) {
  const float infinity = __int_as_float(0x7f800000);
  int lane = threadIdx.x & 31;
  float s[MI][BN / 8][4];
#pragma unroll
  for (int j = 0; j < BN / 16; j++) {
#pragma unroll
    for (int i = 0; i < MI; i++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        s[i][2 * j][e] = 0.0f;
        s[i][2 * j + 1][e] = 0.0f;
      }
    }
    if (!TAIL || j * 16 < keys) {
      const unsigned char* row = k + (j * 16 + (lane & 7) + (lane >> 4) * 8) * LD;
#pragma unroll
      for (int c = 0; c < K16; c++) {
        unsigned b[4];
        ptx::ldmatrix_x4(b, row + (c * 2 + (lane >> 3 & 1)) * 16);
#pragma unroll
        for (int i = 0; i < MI; i++) {
          mma_k16<T>(s[i][2 * j], q.k16[i][c], b[0], b[1]);
          mma_k16<T>(s[i][2 * j + 1], q.k16[i][c], b[2], b[3]);
        }
      }
      if constexpr (K8) {
        unsigned b[2];
        ptx::ldmatrix_x2(b, k + (j * 16 + (lane & 15)) * LD + K16 * 32);
#pragma unroll
        for (int i = 0; i < MI; i++) {
          mma_k8<T>(s[i][2 * j], q.k8[i], b[0]);
          mma_k8<T>(s[i][2 * j + 1], q.k8[i], b[1]);
        }
      }
    }
  }
  float factor = scale * 1.44269504f;
#pragma unroll
  for (int i = 0; i < MI; i++) {
    if constexpr (MORSE_MASK != 0) {
#pragma unroll
      for (int j = 0; j < BN / 8; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          int row = i * 16 + (e >> 1) * 8;
          int col = j * 8 + (e & 1);
          bool inside = row < mask.rows && (!TAIL || col + (lane & 3) * 2 < keys);
          float m = inside ? to_float(mask.at[row * mask.row + col * mask.col]) : 0.0f;
          s[i][j][e] = s[i][j][e] * factor + m * 1.44269504f;
        }
      }
    }
    if constexpr (TAIL) {
#pragma unroll
      for (int j = 0; j < BN / 8; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          if (j * 8 + (lane & 3) * 2 + (e & 1) >= keys) {
            s[i][j][e] = -infinity;
          }
        }
      }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float top = s[i][0][2 * half];
#pragma unroll
      for (int j = 0; j < BN / 8; j++) {
        top = fmaxf(top, fmaxf(s[i][j][2 * half], s[i][j][2 * half + 1]));
      }
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
      if constexpr (MORSE_MASK == 0) {
        top *= factor;
      }
      top = fmaxf(top, state.top[i][half]);
      // With a mask all keys so far may be at -infinity: no difference of infinities then.
      float base = MORSE_MASK != 0 && top == -infinity ? 0.0f : top;
      float keep = ptx::exp2(state.top[i][half] - base);
      state.top[i][half] = top;
      float sum = 0.0f;
#pragma unroll
      for (int j = 0; j < BN / 8; j++) {
#pragma unroll
        for (int e = 2 * half; e < 2 * half + 2; e++) {
          float p = MORSE_MASK != 0 ? s[i][j][e] - base : fmaf(s[i][j][e], factor, -base);
          s[i][j][e] = ptx::exp2(p);
          sum += s[i][j][e];
        }
      }
      state.sum[i][half] = state.sum[i][half] * keep + sum;
#pragma unroll
      for (int c = 0; c < CHUNKS; c++) {
        state.out[i][c][2 * half] *= keep;
        state.out[i][c][2 * half + 1] *= keep;
      }
    }
  }
#pragma unroll
  for (int j = 0; j < BN / 16; j++) {
    if (!TAIL || j * 16 < keys) {
      unsigned p[MI][4];
#pragma unroll
      for (int i = 0; i < MI; i++) {
        p[i][0] = pack<T>(s[i][2 * j][0], s[i][2 * j][1]);
        p[i][1] = pack<T>(s[i][2 * j][2], s[i][2 * j][3]);
        p[i][2] = pack<T>(s[i][2 * j + 1][0], s[i][2 * j + 1][1]);
        p[i][3] = pack<T>(s[i][2 * j + 1][2], s[i][2 * j + 1][3]);
      }
      const unsigned char* row = v + (j * 16 + (lane & 15)) * LD;
#pragma unroll
      for (int c = 0; c < CHUNKS / 2; c++) {
        unsigned b[4];
        ptx::ldmatrix_x4_trans(b, row + (c * 2 + (lane >> 4)) * 16);
#pragma unroll
        for (int i = 0; i < MI; i++) {
          mma_k16<T>(state.out[i][2 * c], p[i], b[0], b[1]);
          mma_k16<T>(state.out[i][2 * c + 1], p[i], b[2], b[3]);
        }
      }
      if constexpr (CHUNKS % 2 == 1) {
        unsigned b[2];
        ptx::ldmatrix_x2_trans(b, row + (CHUNKS - 1) * 16);
#pragma unroll
        for (int i = 0; i < MI; i++) {
          mma_k16<T>(state.out[i][CHUNKS - 1], p[i], b[0], b[1]);
        }
      }
    }
  }
}

extern "C" __global__ void BOUNDS attention(
    const T* q, const T* k, const T* v, const T* mask, T* o, int l, int s, long long q_batch,
    int q_row, int q_head, long long k_batch, int k_row, int k_head, long long v_batch, int v_row,
    int v_head, long long o_batch, int o_row, int o_head, long long mask_batch,
    long long mask_head, long long mask_row, long long mask_col, float scale) {
  MORSE_DYNAMIC_SHARED(memory);
  long long head = blockIdx.y;
  long long batch = blockIdx.z;
  q += batch * q_batch + head * q_head;
  k += batch * k_batch + head * k_head;
  v += batch * v_batch + head * v_head;
  o += batch * o_batch + head * o_head;
  int first = blockIdx.x * BM;
  unsigned char* stages = memory + BM * LD;
  copy_rows(memory, q, first, BM, l, q_row);
  copy_rows(stages, k, 0, BN, s, k_row);
  copy_rows(stages + BN * LD, v, 0, BN, s, v_row);
  ptx::copy_commit();

  int lane = threadIdx.x & 31;
  int row0 = first + (threadIdx.x >> 5) * MI * 16 + (lane >> 2);
  Mask m;
  m.at = nullptr;
  m.row = mask_row;
  m.col = mask_col;
  m.rows = l - row0;
  if constexpr (MORSE_MASK != 0) {
    m.at = mask + batch * mask_batch + head * mask_head + row0 * mask_row +
           (lane & 3) * 2 * mask_col;
  }
  State state;
#pragma unroll
  for (int i = 0; i < MI; i++) {
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        state.out[i][c][e] = 0.0f;
      }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      state.top[i][half] = -__int_as_float(0x7f800000);
      state.sum[i][half] = 0.0f;
    }
  }
  Queries queries;
  ptx::copy_wait<0>();
  __syncthreads();
  queries.load(memory);
  int slot = 0;
  for (int key = 0; key < s; key += BN) {
    unsigned char* stage = stages + slot * STAGE_BYTES;
    unsigned char* other = stages + (1 - slot) * STAGE_BYTES;
    if (key + BN < s) {
      copy_rows(other, k, key + BN, BN, s, k_row);
      copy_rows(other + BN * LD, v, key + BN, BN, s, v_row);
      ptx::copy_commit();
    }
    if (key + BN <= s) {
      attend<false>(state, queries, stage, stage + BN * LD, BN, m, scale);
    } else {
      attend<true>(state, queries, stage, stage + BN * LD, s - key, m, scale);
    }
    if constexpr (MORSE_MASK != 0) {
      m.at += BN * mask_col;
    }
    slot = 1 - slot;
    // The next tile has arrived for all, and nobody reads the place that the one after it takes.
    ptx::copy_wait<0>();
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < MI; i++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float sum = state.sum[i][half];
      sum += __shfl_xor_sync(0xffffffffu, sum, 1);
      sum += __shfl_xor_sync(0xffffffffu, sum, 2);
      // 0 where every key was masked; NaN stays.
      float share = sum == 0.0f ? 0.0f : 1.0f / sum;
      int row = row0 + i * 16 + half * 8;
      if (row < l) {
        T* to = o + (long long)row * o_row + (lane & 3) * 2;
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
          *reinterpret_cast<unsigned*>(to + c * 8) = pack<T>(
              state.out[i][c][2 * half] * share, state.out[i][c][2 * half + 1] * share);
        }
      }
    }
  }
}
