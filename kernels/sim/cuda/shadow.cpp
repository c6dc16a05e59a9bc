// Stamps: the number of barriers since the process began; the shadow of one block at a time.
#include "shadow.h"

namespace sim {

Shadow& shadow() {
  static auto* s = new Shadow;
  return *s;
}

void Shadow::start_block() {
  // Above every stamp of the blocks before. A block of 2^32 phases in sum is not reached.
  first_ = last_ + 1;
}

Shadow::Conflict Shadow::access(const Thread& t, u64 offset, u32 bytes, bool write, bool atomic) {
  if (bytes_.size() < offset + bytes) bytes_.resize(offset + bytes + 4096);
  u32 stamp = last_ = now(*t.worker);
  u32 meeting = t.worker->warps[t.warp].epoch;
  for (u64 i = offset; i < offset + bytes; i++) {
    Byte& b = bytes_[i];
    if (b.in_flight && b.written >= first_) return {kInFlight, i, b.writer};
    bool reads = !write || atomic;
    if (reads && b.written < first_) return {kUndefined, i, 0};
    bool same_warp = b.writer / kWarp == t.warp;
    if (b.written == stamp && b.writer != t.index && !(same_warp && b.writer_meeting < meeting) &&
        !(atomic && b.atomic)) {
      return {kWritten, i, b.writer};
    }
    if (write && b.read == stamp) {
      bool mine = b.reader == t.index;
      bool met = b.reader_warp == t.warp && b.reader_meeting < meeting;
      if (!mine && !met) return {kRead, i, b.reader};
    }
    if (!write) {
      if (b.read != stamp) {
        b.reader = static_cast<unsigned short>(t.index);
        b.reader_warp = static_cast<unsigned short>(t.warp);
      } else {
        if (b.reader != t.index) b.reader = kMany;
        if (b.reader_warp != t.warp) b.reader_warp = kMany;
      }
      b.read = stamp;
      b.reader_meeting = static_cast<unsigned short>(meeting);
    }
    if (write) {
      b.written = stamp;
      b.writer = static_cast<unsigned short>(t.index);
      b.writer_meeting = static_cast<unsigned short>(meeting);
      b.atomic = atomic;
    }
  }
  return {};
}

void Shadow::issue(u64 offset, u32 bytes) {
  for (u64 i = offset; i < offset + bytes; i++) bytes_[i].in_flight = true;
}

void Shadow::land(const Thread& t, u64 offset, u32 bytes) {
  u32 stamp = last_ = now(*t.worker);
  for (u64 i = offset; i < offset + bytes; i++) {
    Byte& b = bytes_[i];
    b.in_flight = false;
    b.written = stamp;
    b.writer = static_cast<unsigned short>(t.index);
    b.writer_meeting = static_cast<unsigned short>(t.worker->warps[t.warp].epoch);
    b.atomic = false;
  }
}

}  // namespace sim
