// Device and pinned memory: who owns which addresses, and which bytes were ever written.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "driver_types.h"

namespace sim {

struct Pool {
  size_t used = 0, used_high = 0, threshold = 0;
};

struct Allocation {
  uint64_t base;
  size_t bytes;     // asked for
  size_t reserved;  // counted against the device: rounded up to 512
  Pool* pool;       // of stream-ordered allocations, else null
  bool pinned;      // host memory
  bool freeing;     // a stream-ordered free is queued
  // One bit per byte, set where it was written; only with checks.
  std::unique_ptr<uint8_t[]> defined;

  bool is_defined(uint64_t address, size_t size) const;
  void define(uint64_t address, size_t size);
  void copy_defined(uint64_t address, const Allocation& from, uint64_t source, size_t size);
};

// The live allocation that holds the address, or null. Valid until the next free.
Allocation* find_allocation(uint64_t address);
// Changes whenever an allocation goes, so that look-ups may be remembered.
uint64_t allocation_epoch();
bool in_device_space(uint64_t address);
// Where an address stands relative to allocations, for messages.
std::string describe_address(uint64_t address);

// Whether [address, address + bytes) lies within one live allocation.
bool is_device_range(uint64_t address, size_t bytes);

// Frees at once. The caller has made sure that nothing queued uses it.
void free_allocation(Allocation* allocation);

size_t shared_optin_bytes();
size_t shared_multiprocessor_bytes();
int threads_per_multiprocessor();
int blocks_per_multiprocessor();

}  // namespace sim
