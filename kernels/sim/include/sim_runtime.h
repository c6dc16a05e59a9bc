// The contract between compiled kernels (modules) and the simulated driver: what a kernel may ask of
// the thread that runs it. Both sides include this file; a module refuses to load when it differs.
#pragma once

namespace sim {

using u32 = unsigned int;
using u64 = unsigned long long;

// A device thread's stack is aligned to its size, so the thread finds itself from its stack pointer.
constexpr u64 kStackBytes = 256 * 1024;
constexpr u32 kWarp = 32;

struct Index3 {
  u32 x, y, z;
};

enum class Shuffle { kIndex, kUp, kDown, kXor };
enum class Vote { kBallot, kAny, kAll };
// Tensor-core shapes: m16n8 by k, inputs of 16 bits, sums in float32.
enum class Mma { kHalf16, kBfloat16, kHalf8, kBfloat8 };

// What a kernel reads of itself; the scheduler's own state follows it in memory.
struct ThreadView {
  Index3 thread, block, block_dim, grid_dim;
  u32 lane, warp;
  unsigned char* dynamic_shared;
};

struct Runtime {
  u64 version;
  // Block-wide barrier; `file` and `line` say which, so that divergence is seen. The value is the
  // number of threads whose predicate was true.
  int (*barrier)(const char* file, int line, int predicate);
  void (*sync_warp)(u32 mask);
  u32 (*active_mask)();
  // Values of up to 8 bytes; `width` as in __shfl_sync.
  u64 (*shuffle)(Shuffle kind, u32 mask, u64 value, int operand, int width);
  u32 (*vote)(Vote kind, u32 mask, bool predicate);
  // ldmatrix of `count` matrices, `row` as the lane names it; mma with the lane's registers.
  void (*ldmatrix)(u32* registers, const void* row, u32 count, bool transposed);
  void (*mma)(Mma kind, float* d, const u32* a, u32 b0, u32 b1);
  void (*copy_async)(void* shared, const void* global, u32 bytes, u32 valid);
  void (*copy_async_commit)();
  void (*copy_async_wait)(u32 groups_in_flight);
  void (*atomic)(const void* address, u32 bytes);
  void (*trap)(const char* message);
  // Instrumented accesses (only in modules that were compiled with checks). `aligned` where the code
  // would be one load or store of a device, which wants its own alignment.
  void (*read)(const void* address, u32 bytes, bool aligned, const void* where);
  void (*write)(const void* address, u32 bytes, bool aligned, const void* where);
};

// One row per kernel of a module.
struct Kernel {
  const char* name;
  void (*entry)(void** parameters);
  u32 parameter_count;
  const u32* parameter_bytes;
  u32 max_threads;  // of __launch_bounds__, or 0
};

struct Module {
  u64 version;
  u32 architecture;  // 90 for sm_90
  u32 checked;       // compiled with instrumented accesses
  u32 kernel_count;
  const Kernel* kernels;
  const Runtime** runtime;  // where the driver writes its table
  void* (*marker)();        // 16 bytes in the thread-local block that holds the shared variables
  const char* macros;       // that it was compiled with, "A=1 B=2"
};

// Changes whenever anything above does.
constexpr u64 kVersion = 0x4d4f525345000002ull;

}  // namespace sim
