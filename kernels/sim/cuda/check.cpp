#include "check.h"

namespace sim {
void check_block_start(Worker&) {}
void check_block_end(Worker&) {}
void check_access(Thread&, uint64_t, u32, bool, const void*) {}
void check_atomic(Thread&, uint64_t, u32) {}
void check_copy_issue(Thread&, void*, const void*, u32, u32) {}
void check_copy_landing(Thread&, const AsyncCopy&) {}
}
