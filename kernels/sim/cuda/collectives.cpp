// Shuffles, votes, ldmatrix and mma. The lane layouts are those of the PTX ISA, "Warp-level matrix
// instructions": lane = 4 g + t holds, of a 16x16 A by 16x8 B product,
//   a[0] = A[g][2t, 2t+1]  a[1] = A[g+8][2t, 2t+1]  a[2] = A[g][2t+8, 2t+9]  a[3] = A[g+8][2t+8, 2t+9]
//   b0 = B[2t, 2t+1][g]    b1 = B[2t+8, 2t+9][g]    d[0, 1] = D[g][2t, 2t+1]  d[2, 3] = D[g+8][2t, 2t+1]
#include "collectives.h"

#include <cstdio>
#include <cstring>

#include "check.h"
#include "device.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace sim {
namespace {

struct Exchange {
  u64 value;
  int operand, width;
};

int source_lane(Shuffle kind, int lane, int operand, int width) {
  int first = lane & ~(width - 1), last = first + width - 1, from;
  switch (kind) {
    case Shuffle::kIndex: return first + (operand & (width - 1));
    case Shuffle::kUp: return (from = lane - operand) < first ? lane : from;
    case Shuffle::kDown: return (from = lane + operand) > last ? lane : from;
    default: return (from = lane ^ operand) > last ? lane : from;
  }
}

template <Shuffle kKind>
void exchange(void* const lanes[kWarp], u32 mask) {
  u64 values[kWarp];
  for (u32 i = 0; i < kWarp; i++) {
    if (mask >> i & 1) values[i] = static_cast<Exchange*>(lanes[i])->value;
  }
  for (u32 i = 0; i < kWarp; i++) {
    if (!(mask >> i & 1)) continue;
    auto* mine = static_cast<Exchange*>(lanes[i]);
    int from = source_lane(kKind, int(i), mine->operand, mine->width);
    // What a lane outside the mask would give is undefined; a pattern that shows.
    mine->value = mask >> from & 1 ? values[from] : 0xfffefffefffefffeull;
  }
}

struct Ballot {
  u32 result;
  bool predicate;
};

template <Vote kKind>
void count_votes(void* const lanes[kWarp], u32 mask) {
  u32 set = 0;
  for (u32 i = 0; i < kWarp; i++) {
    if (mask >> i & 1 && static_cast<Ballot*>(lanes[i])->predicate) set |= 1u << i;
  }
  u32 result = kKind == Vote::kBallot ? set : kKind == Vote::kAny ? set != 0 : set == mask;
  for (u32 i = 0; i < kWarp; i++) {
    if (mask >> i & 1) static_cast<Ballot*>(lanes[i])->result = result;
  }
}

struct Load {
  u32* registers;
  const char* row;
};

// Lane 8 i + j names row j of matrix i; register i of lane 4 g + t receives elements 2t, 2t+1 of row
// g, or with transposition elements [2t][g] and [2t+1][g].
template <u32 kCount, bool kTransposed>
void load_matrices(void* const lanes[kWarp], u32) {
  for (u32 i = 0; i < kCount; i++) {
    unsigned short rows[8][8];
    for (u32 j = 0; j < 8; j++) {
      std::memcpy(rows[j], static_cast<Load*>(lanes[8 * i + j])->row, 16);
    }
    for (u32 lane = 0; lane < kWarp; lane++) {
      u32 g = lane / 4, t = lane % 4;
      u32 low = kTransposed ? rows[2 * t][g] : rows[g][2 * t];
      u32 high = kTransposed ? rows[2 * t + 1][g] : rows[g][2 * t + 1];
      static_cast<Load*>(lanes[lane])->registers[i] = low | high << 16;
    }
  }
}

typedef float Row8 __attribute__((vector_size(32)));

#if !defined(__F16C__)
float half_value(unsigned short bits) {
  u32 sign = u32(bits & 0x8000) << 16, rest = bits & 0x7fff;
  float value;
  if (rest >= 0x7c00) {
    u32 wide = sign | 0x7f800000 | (rest & 0x3ff) << 13;
    std::memcpy(&value, &wide, 4);
  } else if (rest >= 0x400) {
    u32 wide = sign | ((rest << 13) + (112u << 23));
    std::memcpy(&value, &wide, 4);
  } else {
    value = float(rest) * 0x1p-24f;
    if (sign) value = -value;
  }
  return value;
}
#endif

// Eight 16-bit numbers as floats.
template <bool kBfloat>
Row8 widen(const unsigned short* numbers) {
  Row8 out;
  if constexpr (kBfloat) {
    for (int i = 0; i < 8; i++) {
      u32 bits = u32(numbers[i]) << 16;
      std::memcpy(reinterpret_cast<char*>(&out) + 4 * i, &bits, 4);
    }
  } else {
#if defined(__F16C__)
    __m128i bits;
    std::memcpy(&bits, numbers, 16);
    out = Row8(_mm256_cvtph_ps(bits));
#else
    for (int i = 0; i < 8; i++) out[i] = half_value(numbers[i]);
#endif
  }
  return out;
}

// d += a b, in the warp's operands.
template <bool kBfloat, int kHalves>
void multiply(void* const lanes[kWarp], u32 mask) {
  auto& o = *static_cast<MmaOperands*>(lanes[__builtin_ctz(mask)]);
  Row8 b[8 * kHalves];
  for (int pair = 0; pair < 4 * kHalves; pair++) {
    unsigned short even[8], odd[8];
    for (int n = 0; n < 8; n++) {
      even[n] = static_cast<unsigned short>(o.b[pair][n]);
      odd[n] = static_cast<unsigned short>(o.b[pair][n] >> 16);
    }
    b[2 * pair] = widen<kBfloat>(even);
    b[2 * pair + 1] = widen<kBfloat>(odd);
  }
  for (u32 m = 0; m < 16; m++) {
    unsigned short numbers[8 * kHalves];
    std::memcpy(numbers, o.a[m], sizeof numbers);
    alignas(32) float a[8 * kHalves];
    for (int h = 0; h < kHalves; h++) {
      Row8 part = widen<kBfloat>(numbers + 8 * h);
      std::memcpy(a + 8 * h, &part, sizeof part);
    }
    Row8 d;
    std::memcpy(&d, o.d[m], sizeof d);
#pragma GCC unroll 16
    for (int k = 0; k < 8 * kHalves; k++) d += a[k] * b[k];
    std::memcpy(o.d[m], &d, sizeof d);
  }
}

}  // namespace

u64 shuffle(Shuffle kind, u32 mask, u64 value, int operand, int width) {
  Exchange mine{value, operand, width};
  switch (kind) {
    case Shuffle::kIndex:
      collective(exchange<Shuffle::kIndex>, mask, Width::kAny, &mine, "__shfl_sync");
      break;
    case Shuffle::kUp:
      collective(exchange<Shuffle::kUp>, mask, Width::kAny, &mine, "__shfl_up_sync");
      break;
    case Shuffle::kDown:
      collective(exchange<Shuffle::kDown>, mask, Width::kAny, &mine, "__shfl_down_sync");
      break;
    case Shuffle::kXor:
      collective(exchange<Shuffle::kXor>, mask, Width::kAny, &mine, "__shfl_xor_sync");
      break;
  }
  return mine.value;
}

u32 vote(Vote kind, u32 mask, bool predicate) {
  Ballot mine{0, predicate};
  switch (kind) {
    case Vote::kBallot:
      collective(count_votes<Vote::kBallot>, mask, Width::kAny, &mine, "__ballot_sync");
      break;
    case Vote::kAny:
      collective(count_votes<Vote::kAny>, mask, Width::kAny, &mine, "__any_sync");
      break;
    case Vote::kAll:
      collective(count_votes<Vote::kAll>, mask, Width::kAny, &mine, "__all_sync");
      break;
  }
  return mine.result;
}

void ldmatrix(u32* registers, const void* row, u32 count, bool transposed) {
  Thread& t = self();
  if (t.lane < 8 * count) {
    if (u64(row) % 16) {
      char text[80];
      std::snprintf(text, sizeof text, "ldmatrix of the row at %p: not a multiple of 16", row);
      fail(t, CUDA_ERROR_MISALIGNED_ADDRESS, text);
    }
    if (settings().check) check_access(t, {u64(row), 16, false, true, __builtin_return_address(0)});
  }
  Load mine{registers, static_cast<const char*>(row)};
  static constexpr Collective kLoads[3][2] = {
      {load_matrices<1, false>, load_matrices<1, true>},
      {load_matrices<2, false>, load_matrices<2, true>},
      {load_matrices<4, false>, load_matrices<4, true>}};
  collective(kLoads[count == 4 ? 2 : count - 1][transposed], ~0u, Width::kAligned, &mine, "ldmatrix");
}

// The lanes put their registers where they stand in the matrices and take their results from there.
void mma(Mma kind, float* d, const u32* a, u32 b0, u32 b1) {
  Thread& thread = self();
  MmaOperands& o = thread.worker->warps[thread.warp].mma;
  u32 g = thread.lane / 4, t = thread.lane % 4;
  bool deep = kind == Mma::kHalf16 || kind == Mma::kBfloat16;
  o.a[g][t] = a[0];
  o.a[g + 8][t] = a[1];
  o.b[t][g] = b0;
  if (deep) {
    o.a[g][t + 4] = a[2];
    o.a[g + 8][t + 4] = a[3];
    o.b[t + 4][g] = b1;
  }
  std::memcpy(&o.d[g][2 * t], d, 8);
  std::memcpy(&o.d[g + 8][2 * t], d + 2, 8);
  static constexpr Collective kProducts[] = {multiply<false, 2>, multiply<true, 2>,
                                             multiply<false, 1>, multiply<true, 1>};
  collective(kProducts[int(kind)], ~0u, Width::kAligned, &o, "mma");
  std::memcpy(d, &o.d[g][2 * t], 8);
  std::memcpy(d + 2, &o.d[g + 8][2 * t], 8);
}

}  // namespace sim
