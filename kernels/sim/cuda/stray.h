// Accesses that no check looked at: without MORSE_SIM_CHECK a kernel may touch unmapped memory.
#pragma once
#include "runtime.h"

namespace sim {

// Makes such an access of the device thread that this host thread runs end the block with
// CUDA_ERROR_ILLEGAL_ADDRESS, where it would end the process. Only while
// the guard lives.
class StrayGuard {
 public:
  explicit StrayGuard(Worker& worker);
  ~StrayGuard();
};

}  // namespace sim
