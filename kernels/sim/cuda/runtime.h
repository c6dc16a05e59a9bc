// The block that a host thread runs: device threads on stacks of their own, warps, barriers.
#pragma once
#include <string>
#include <vector>

#include "../include/sim_runtime.h"
#include "driver_types.h"
#include "module.h"

namespace sim {

struct Worker;

// Room for dynamic shared memory; launches may use less than that.
constexpr size_t kDynamicShared = 256 * 1024;

struct AsyncCopy {
  void* shared;
  const void* global;
  u32 bytes, valid, group;
};

// Lies at the low end of the thread's stack (see runtime.cpp for where exactly).
struct Thread : ThreadView {
  void* stack_pointer;
  Worker* worker;
  u32 index;
  u32 groups;  // committed groups of asynchronous copies
  std::vector<AsyncCopy>* copies;
  u64 guard;  // overwritten first when the stack overflows
};

// Runs once per complete warp collective, when the last lane has arrived: `lanes[i]` is what lane i
// handed in, for the lanes of the mask.
using Collective = void (*)(void* const lanes[kWarp], u32 mask);
enum class Width { kAny, kAligned };

// A collective that waits for lanes.
struct Pending {
  Collective operation;
  u32 mask, need, arrived;
  bool aligned;
  const char* name;
};

// Matrices of an mma: rows of A in pairs of columns, B as b[k / 2][n] in pairs of rows, D.
struct alignas(64) MmaOperands {
  u32 a[16][8], b[8][8];
  float d[16][8];
};

struct Warp {
  u32 exists, ready, done, at_barrier;  // masks of lanes
  u32 pending_count;
  Pending pending[kWarp];
  void* data[kWarp];
  u32 epoch;  // counts __syncwarp, for the race detector
  MmaOperands mma;
};

struct Worker {
  char* stacks = nullptr;
  unsigned char* dynamic_shared = nullptr;
  unsigned char* static_shared = nullptr;  // of the module that runs
  void* scheduler = nullptr;               // stack pointer of the host thread
  const Launch* launch = nullptr;
  u32 threads = 0, warp_count = 0;
  u32 live = 0, arrived = 0;  // threads that have not ended; those at the barrier
  int predicates = 0, barrier_result = 0;
  const char* barrier_file = nullptr;
  int barrier_line = 0;
  u32 epoch = 0;  // counts block barriers
  CUresult fault = CUDA_SUCCESS;
  std::string message;
  Warp warps[kWarp];
};

const Runtime* runtime();

// Prepares a worker for a launch, runs one block, says how it went.
void prepare(Worker& worker, const Launch& launch);
CUresult run_block(Worker& worker, Index3 block);

Thread& thread_at(Worker& worker, u32 index);
// Waits until the lanes of `mask` (with kAligned: all lanes of the warp) have come to the same
// operation, and runs it.
void collective(Collective operation, u32 mask, Width width, void* data, const char* name);

// The running device thread. Only to be called on a device thread's stack.
Thread& self();
// Ends the block with the fault. `place` is an address in the kernel's code, for the message.
[[noreturn]] void fail(Thread& thread, CUresult code, const std::string& what,
                       const void* place = nullptr);

}  // namespace sim
