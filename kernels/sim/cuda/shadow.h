// What is known of every byte of a block's shared memory.
#pragma once
#include <vector>

#include "runtime.h"

namespace sim {

// Two accesses of which one writes are ordered when they are of the same thread, when a block barrier
// lies between, or when they are of one warp and a __syncwarp lies between.
class Shadow {
 public:
  enum Kind { kNone, kUndefined, kInFlight, kWritten, kRead };
  static constexpr u32 kMany = 0xffff;

  struct Conflict {
    Kind kind = kNone;
    u64 offset = 0;
    u32 thread = 0;
  };

  void start_block();
  Conflict access(const Thread& thread, u64 offset, u32 bytes, bool write, bool atomic);
  // An asynchronous copy to there was issued; it has landed.
  void issue(u64 offset, u32 bytes);
  void land(const Thread& thread, u64 offset, u32 bytes);

 private:
  // Stamps grow over all blocks, so that nothing has to be cleared between them.
  struct Byte {
    u32 written = 0, read = 0;              // stamp of the last access of each kind
    unsigned short writer = 0, reader = 0;  // kMany: several threads of one warp (reader) or block
    unsigned short writer_meeting = 0, reader_meeting = 0;  // __syncwarps that the warp had had
    unsigned short reader_warp = 0;         // kMany: of several warps
    bool in_flight = false, atomic = false;
  };

  u32 now(const Worker& worker) const { return first_ + worker.epoch; }

  std::vector<Byte> bytes_;
  u32 first_ = 1;  // stamp of the running block's first phase
  u32 last_ = 0;
};

Shadow& shadow();

}  // namespace sim
