// Checks of memory accesses in instrumented kernels (MORSE_SIM_CHECK=1).
#pragma once
#include "runtime.h"

namespace sim {

struct Access {
  u64 address;
  u32 bytes;
  bool write;
  bool aligned;       // is one instruction on a device, which wants the address to be a multiple of bytes
  const void* where;  // in the kernel's code
};

void check_block_start(Worker& worker);
void check_block_end(Worker& worker);
// Ends the block where the access is wrong.
void check_access(Thread& thread, const Access& access);
void check_atomic(Thread& thread, const Access& access);
// An asynchronous copy is issued; later it has landed, when its group was waited for.
void check_copy_issue(Thread& thread, const AsyncCopy& copy, const void* where);
void check_copy_landed(Thread& thread, const AsyncCopy& copy);

}  // namespace sim
