// Where an access goes decides what is checked: bounds and alignment everywhere, undefined bytes in
// global and shared memory, races in shared memory.
#include "check.h"

#include <cstdio>

#include "counters.h"
#include "memory.h"
#include "shadow.h"

namespace sim {
namespace {

std::string plain(const char* format, unsigned long long a, unsigned long long b = 0) {
  char text[200];
  std::snprintf(text, sizeof text, format, a, b);
  return text;
}

const char* verb(const Access& a) { return a.write ? "writes" : "reads"; }

std::string subject(const Access& a) { return verb(a) + plain(" %llu bytes at ", a.bytes); }

// The launch's own copies of the arguments, the code and constants of the module, and the table of
// functions that it calls.
bool is_constant(const Worker& worker, const Access& a) {
  if (a.address - u64(runtime()) < sizeof(Runtime)) return true;
  const Launch& launch = *worker.launch;
  if (a.address - u64(launch.bytes.data()) < launch.bytes.size()) return true;
  if (a.address - u64(launch.parameters.data()) < launch.parameters.size() * sizeof(void*)) {
    return true;
  }
  return a.address - launch.image->loaded < launch.image->loaded_bytes;
}

// Allocations that were used last: most accesses go to the same few.
struct Recent {
  u64 epoch = ~0ull;
  Allocation* hits[4] = {};
  u32 next = 0;
};

Allocation* find(u64 address) {
  static Recent recent;
  if (recent.epoch != allocation_epoch()) recent = Recent{allocation_epoch(), {}, 0};
  for (Allocation* a : recent.hits) {
    if (a && address - a->base < a->bytes) return a;
  }
  Allocation* found = find_allocation(address);
  if (found) recent.hits[recent.next++ % 4] = found;
  return found;
}

void check_alignment(Thread& t, const Access& a) {
  if (a.aligned && a.bytes <= 16 && a.address % a.bytes) {
    fail(t, CUDA_ERROR_MISALIGNED_ADDRESS,
         subject(a) + plain("0x%llx, which is not a multiple of that", a.address), a.where);
  }
}

// True if the address belongs to the block's shared memory; ends the block where it runs out of it.
bool shared_offset(Thread& t, const Access& a, u64& offset) {
  Worker& worker = *t.worker;
  const Image& image = *worker.launch->image;
  offset = a.address - u64(worker.static_shared);
  if (offset < image.shared_block) {
    if (a.bytes > image.shared_block - offset) {
      fail(t, CUDA_ERROR_ILLEGAL_ADDRESS, subject(a) + "the end of static shared memory", a.where);
    }
    return true;
  }
  offset = a.address - u64(worker.dynamic_shared);
  if (offset >= kDynamicShared) return false;
  u64 size = worker.launch->dynamic_shared;
  if (offset + a.bytes > size) {
    fail(t, CUDA_ERROR_ILLEGAL_ADDRESS,
         subject(a) + plain("byte %llu of dynamic shared memory, which has %llu", offset, size), a.where);
  }
  // Behind the static variables in the shadow.
  offset += (image.shared_block + 255) / 256 * 256;
  return true;
}

std::string shared_name(const Thread& t, u64 offset) {
  u64 first = (t.worker->launch->image->shared_block + 255) / 256 * 256;
  return offset < first ? plain("byte %llu of static shared memory", offset)
                        : plain("byte %llu of dynamic shared memory", offset - first);
}

void check_shared(Thread& t, const Access& a, u64 offset, bool atomic) {
  Shadow::Conflict c = shadow().access(t, offset, a.bytes, a.write, atomic);
  if (c.kind == Shadow::kNone) return;
  std::string text = subject(a) + shared_name(t, c.offset) + ": ";
  const Index3& dim = t.block_dim;
  char who[80];
  std::snprintf(who, sizeof who, "thread (%u, %u, %u)", c.thread % dim.x, c.thread / dim.x % dim.y,
                c.thread / dim.x / dim.y);
  switch (c.kind) {
    case Shadow::kUndefined: text += "nobody has written there yet"; break;
    case Shadow::kInFlight:
      text += std::string("an asynchronous copy of ") + who + " to there has not been waited for";
      break;
    case Shadow::kWritten:
      text += std::string("race: ") + who + " wrote there, without a barrier between";
      break;
    case Shadow::kRead:
      text += std::string("race: ") + (c.thread == Shadow::kMany ? "other threads" : who) +
              " read there, without a barrier between";
      break;
    default: break;
  }
  fail(t, CUDA_ERROR_LAUNCH_FAILED, text, a.where);
}

void check_global(Thread& t, const Access& a, Allocation& allocation) {
  if (a.bytes > allocation.base + allocation.bytes - a.address) {
    fail(t, CUDA_ERROR_ILLEGAL_ADDRESS,
         subject(a) + plain("byte %llu of an allocation of %llu bytes", a.address - allocation.base,
                            allocation.bytes),
         a.where);
  }
  if (a.write) {
    allocation.define(a.address, a.bytes);
  } else if (!allocation.is_defined(a.address, a.bytes)) {
    fail(t, CUDA_ERROR_LAUNCH_FAILED,
         subject(a) + plain("byte %llu of an allocation of %llu bytes: nobody has written there",
                            a.address - allocation.base, allocation.bytes),
         a.where);
  }
}

void check(Thread& t, const Access& a, bool atomic) {
  // The thread's own stack: local variables, and what it knows of itself.
  u64 stack = u64(&t) / kStackBytes * kStackBytes;
  if (a.address - stack < kStackBytes) return;
  check_alignment(t, a);
  u64 offset;
  if (shared_offset(t, a, offset)) {
    count_shared(t, a, offset);
    check_shared(t, a, offset, atomic);
  } else if (Allocation* allocation = find(a.address)) {
    count_global(t, a);
    check_global(t, a, *allocation);
  } else if (a.write || !is_constant(*t.worker, a)) {
    fail(t, CUDA_ERROR_ILLEGAL_ADDRESS, subject(a) + describe_address(a.address), a.where);
  }
}

}  // namespace

void check_block_start(Worker& worker) {
  shadow().start_block();
  count_block_start(worker);
}

void check_block_end(Worker& worker) { count_block_end(worker); }

void check_access(Thread& t, const Access& a) { check(t, a, false); }

void check_atomic(Thread& t, const Access& a) {
  Access read = a;
  read.write = false;
  Allocation* allocation = find(a.address);
  if (allocation) check_global(t, read, *allocation);
  check(t, a, true);
}

void check_copy_issue(Thread& t, const AsyncCopy& copy, const void* where) {
  Access from{u64(copy.global), copy.valid, false, false, where};
  Access to{u64(copy.shared), copy.bytes, true, true, where};
  if (copy.valid) check(t, from, false);
  u64 offset;
  if (!shared_offset(t, to, offset)) {
    fail(t, CUDA_ERROR_ILLEGAL_ADDRESS, "cp.async to an address outside of shared memory", where);
  }
  count_shared(t, to, offset);
  check_shared(t, to, offset, false);
  shadow().issue(offset, copy.bytes);
}

void check_copy_landed(Thread& t, const AsyncCopy& copy) {
  Access to{u64(copy.shared), copy.bytes, true, true, nullptr};
  u64 offset;
  if (shared_offset(t, to, offset)) shadow().land(t, offset, copy.bytes);
}

}  // namespace sim
