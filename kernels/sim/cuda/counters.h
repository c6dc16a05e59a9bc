// Bank conflicts of shared memory and 32-byte sectors of global memory, per warp and instruction.
// Counted with checks and MORSE_SIM_COUNTERS=file, over a sample of the blocks of each launch.
#pragma once
#include "check.h"

namespace sim {

void count_block_start(Worker& worker);
void count_block_end(Worker& worker);
void count_shared(Thread& thread, const Access& access, u64 offset);
void count_global(Thread& thread, const Access& access);
// Once per launch, before its blocks.
void count_launch(const Launch& launch);
void write_counters();

}  // namespace sim
