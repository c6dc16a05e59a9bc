// Warp-wide operations with their documented lane layouts.
#pragma once
#include "runtime.h"

namespace sim {

u64 shuffle(Shuffle kind, u32 mask, u64 value, int operand, int width);
u32 vote(Vote kind, u32 mask, bool predicate);
void ldmatrix(u32* registers, const void* row, u32 count, bool transposed);
void mma(Mma kind, float* d, const u32* a, u32 b0, u32 b1);

}  // namespace sim
