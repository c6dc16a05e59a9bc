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

struct Product {
  float* d;
  const u32* a;
  u32 b0, b1;
};

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

// Eight 16-bit numbers that lie one behind the other.
template <bool kBfloat>
Row8 widen(const u32 (&words)[4]) {
  Row8 out;
  if constexpr (kBfloat) {
    for (int i = 0; i < 4; i++) {
      u32 low = words[i] << 16, high = words[i] & 0xffff0000u;
      std::memcpy(reinterpret_cast<char*>(&out) + 8 * i, &low, 4);
      std::memcpy(reinterpret_cast<char*>(&out) + 8 * i + 4, &high, 4);
    }
  } else {
#if defined(__F16C__)
    __m128i bits;
    std::memcpy(&bits, words, 16);
    out = Row8(_mm256_cvtph_ps(bits));
#else
    for (int i = 0; i < 4; i++) {
      out[2 * i] = half_value(static_cast<unsigned short>(words[i]));
      out[2 * i + 1] = half_value(static_cast<unsigned short>(words[i] >> 16));
    }
#endif
  }
  return out;
}

template <bool kBfloat, int kHalves>
void multiply(void* const lanes[kWarp], u32) {
  auto at = [&](u32 lane) { return static_cast<Product*>(lanes[lane]); };
  // b[k][n], and rows of A at a time: the four lanes of a group hold eight neighbours of one row.
  Row8 b[8 * kHalves];
  for (u32 n = 0; n < 8; n++) {
    for (int h = 0; h < kHalves; h++) {
      u32 words[4];
      for (u32 t = 0; t < 4; t++) words[t] = h ? at(4 * n + t)->b1 : at(4 * n + t)->b0;
      Row8 column = widen<kBfloat>(words);
      for (int k = 0; k < 8; k++) b[8 * h + k][n] = column[k];
    }
  }
  for (u32 m = 0; m < 16; m++) {
    u32 g = m % 8, upper = m / 8;
    Row8 d;
    for (u32 t = 0; t < 4; t++) {
      d[2 * t] = at(4 * g + t)->d[2 * upper];
      d[2 * t + 1] = at(4 * g + t)->d[2 * upper + 1];
    }
    for (int h = 0; h < kHalves; h++) {
      u32 words[4];
      for (u32 t = 0; t < 4; t++) words[t] = at(4 * g + t)->a[2 * u32(h) + upper];
      Row8 a = widen<kBfloat>(words);
      for (int k = 0; k < 8; k++) d += a[k] * b[8 * h + k];
    }
    for (u32 t = 0; t < 4; t++) {
      at(4 * g + t)->d[2 * upper] = d[2 * t];
      at(4 * g + t)->d[2 * upper + 1] = d[2 * t + 1];
    }
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

void mma(Mma kind, float* d, const u32* a, u32 b0, u32 b1) {
  Product mine{d, a, b0, b1};
  static constexpr Collective kProducts[] = {multiply<false, 2>, multiply<true, 2>,
                                             multiply<false, 1>, multiply<true, 1>};
  collective(kProducts[int(kind)], ~0u, Width::kAligned, &mine, "mma");
}

}  // namespace sim
