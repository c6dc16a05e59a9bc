// Checks of memory accesses in instrumented kernels (MORSE_SIM_CHECK=1), and what is counted on the way.
#pragma once
#include "runtime.h"

namespace sim {

void check_block_start(Worker& worker);
void check_block_end(Worker& worker);
// One access of a thread; `where` is the place in the code, null for accesses of collectives.
void check_access(Thread& thread, uint64_t address, u32 bytes, bool write, const void* where);
void check_atomic(Thread& thread, uint64_t address, u32 bytes);
// An asynchronous copy is issued; later it lands, when its group is waited for.
void check_copy_issue(Thread& thread, void* shared, const void* global, u32 bytes, u32 valid);
void check_copy_landing(Thread& thread, const AsyncCopy& copy);

}  // namespace sim
