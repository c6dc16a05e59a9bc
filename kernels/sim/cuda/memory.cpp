// Device memory is host memory in a reserved range of addresses. Every allocation gets fresh pages
// with an unmapped gap behind it, ends at the end of its pages as far as alignment lets it, and is
// unmapped when freed: a stray access faults instead of reading another tensor. New memory holds NaNs.
#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>

#include "device.h"
#include "stream.h"

namespace sim {
namespace {

constexpr size_t kSpace = size_t(1) << 40;
constexpr size_t kPage = 4096;
// cuMemAlloc promises 256 bytes.
constexpr size_t kAlign = 256;
constexpr unsigned char kPoison = 0xff;

struct Table {
  std::map<uint64_t, Allocation> live;  // by base
  std::deque<std::pair<uint64_t, size_t>> freed;
  uint64_t space = 0, cursor = 0;
  size_t used = 0;
  uint64_t epoch = 0;
  Pool default_pool;
};

Table& table() {
  static Table* t = [] {
    auto* made = new Table;
    void* at = mmap(nullptr, kSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
      std::fprintf(stderr, "morse-sim: cannot reserve 1 TiB of addresses for device memory\n");
      std::abort();
    }
    made->space = made->cursor = uint64_t(at);
    return made;
  }();
  return *t;
}

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

// First free stretch of addresses at or after the cursor; the cursor runs through the whole space
// before addresses come again, so that a freed one stays invalid for long.
uint64_t find_space(size_t bytes) {
  Table& t = table();
  for (int turn = 0; turn < 2; turn++) {
    uint64_t at = t.cursor;
    auto next = t.live.lower_bound(at);
    if (next != t.live.begin()) {
      auto before = std::prev(next);
      if (!before->second.pinned) {
        at = std::max(at, round_up(before->first + before->second.bytes, kPage) + kPage);
      }
    }
    while (next != t.live.end() && in_device_space(next->first) &&
           next->first / kPage * kPage < at + bytes) {
      at = round_up(next->first + next->second.bytes, kPage) + kPage;
      ++next;
    }
    if (at + bytes <= t.space + kSpace) return at;
    t.cursor = t.space;
  }
  return 0;
}

Allocation* allocate(size_t bytes, Pool* pool) {
  Table& t = table();
  size_t reserved = round_up(bytes, 512);
  if (reserved > settings().memory || t.used > settings().memory - reserved) {
    // Frees that are queued count, as the driver waits for them before it gives up.
    drain_frees();
    if (reserved > settings().memory || t.used > settings().memory - reserved) return nullptr;
  }
  size_t pages = round_up(bytes, kPage);
  uint64_t start = find_space(pages + kPage);
  if (!start || mprotect(reinterpret_cast<void*>(start), pages, PROT_READ | PROT_WRITE)) {
    return nullptr;
  }
  t.cursor = start + pages + kPage;
  uint64_t base = start + (pages - round_up(bytes, kAlign));
  std::memset(reinterpret_cast<void*>(base), kPoison, bytes);
  Allocation a{base, bytes, reserved, pool, false, false, nullptr};
  if (settings().check) a.defined.reset(static_cast<uint8_t*>(std::calloc(bytes / 8 + 1, 1)));
  t.used += reserved;
  if (pool) {
    pool->used += reserved;
    pool->used_high = std::max(pool->used_high, pool->used);
  }
  auto* made = &(t.live[base] = std::move(a));
  remember_handle(reinterpret_cast<void*>(base), "allocation");
  return made;
}

}  // namespace

bool Allocation::is_defined(uint64_t address, size_t size) const {
  if (!defined) return true;
  for (size_t i = address - base, end = i + size; i < end; i++) {
    if (!(defined[i / 8] >> (i % 8) & 1)) return false;
  }
  return true;
}

void Allocation::define(uint64_t address, size_t size) {
  if (!defined) return;
  size_t i = address - base, end = i + size;
  for (; i < end && i % 8; i++) defined[i / 8] |= uint8_t(1 << (i % 8));
  if (size_t whole = (end - i) / 8; i < end) {
    std::memset(&defined[i / 8], 0xff, whole);
    i += whole * 8;
  }
  for (; i < end; i++) defined[i / 8] |= uint8_t(1 << (i % 8));
}

void Allocation::copy_defined(uint64_t address, const Allocation& from, uint64_t source,
                              size_t size) {
  if (!defined) return;
  for (size_t k = 0; k < size; k++) {
    size_t to = address + k - base;
    uint8_t bit = uint8_t(1 << (to % 8));
    bool set = from.is_defined(source + k, 1);
    defined[to / 8] = uint8_t(set ? defined[to / 8] | bit : defined[to / 8] & ~bit);
  }
}

Allocation* find_allocation(uint64_t address) {
  Table& t = table();
  auto after = t.live.upper_bound(address);
  if (after == t.live.begin()) return nullptr;
  Allocation& a = std::prev(after)->second;
  return address - a.base < a.bytes ? &a : nullptr;
}

uint64_t allocation_epoch() { return table().epoch; }

bool in_device_space(uint64_t address) { return address - table().space < kSpace; }

std::string describe_address(uint64_t address) {
  char text[160];
  Table& t = table();
  for (auto& [base, bytes] : t.freed) {
    if (address - base < bytes) {
      std::snprintf(text, sizeof text, "0x%llx, byte %llu of %zu bytes that were freed",
                    (unsigned long long)address, (unsigned long long)(address - base), bytes);
      return text;
    }
  }
  auto after = t.live.upper_bound(address);
  if (after != t.live.begin() && in_device_space(address)) {
    Allocation& a = std::prev(after)->second;
    std::snprintf(text, sizeof text, "0x%llx, %llu bytes past the end of an allocation of %zu bytes",
                  (unsigned long long)address, (unsigned long long)(address - a.base - a.bytes),
                  a.bytes);
  } else {
    std::snprintf(text, sizeof text, "0x%llx, which no allocation holds",
                  (unsigned long long)address);
  }
  return text;
}

bool is_device_range(uint64_t address, size_t bytes) {
  Allocation* a = find_allocation(address);
  return a && bytes <= a->base + a->bytes - address;
}

void free_allocation(Allocation* a) {
  Table& t = table();
  uint64_t base = a->base;
  forget_handle(reinterpret_cast<void*>(base));
  t.epoch++;
  if (a->pinned) {
    std::free(reinterpret_cast<void*>(base));
  } else {
    t.used -= a->reserved;
    if (a->pool) a->pool->used -= a->reserved;
    t.freed.push_front({base, a->bytes});
    if (t.freed.size() > 256) t.freed.pop_back();
    uint64_t start = base / kPage * kPage;
    size_t pages = round_up(base + a->bytes - start, kPage);
    mmap(reinterpret_cast<void*>(start), pages, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
  t.live.erase(base);
}

}  // namespace sim

using namespace sim;

SIM_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  SIM_ENTER_CONTEXT(cuMemGetInfo_v2);
  SIM_GUARD(free && total, CUDA_ERROR_INVALID_VALUE);
  *total = settings().memory;
  *free = settings().memory - table().used;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  SIM_ENTER_CONTEXT(cuMemAlloc_v2);
  SIM_GUARD(address && bytes, CUDA_ERROR_INVALID_VALUE);
  if (CUresult refused = refuse_while_capturing()) return refused;
  Allocation* a = allocate(bytes, nullptr);
  SIM_GUARD(a, CUDA_ERROR_OUT_OF_MEMORY);
  *address = a->base;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuMemFree_v2(CUdeviceptr address) {
  SIM_ENTER_CONTEXT(cuMemFree_v2);
  if (CUresult refused = refuse_while_capturing()) return refused;
  if (!address) return CUDA_SUCCESS;
  Allocation* a = find_allocation(address);
  SIM_GUARD(a && a->base == address && !a->pinned && !a->freeing, CUDA_ERROR_INVALID_VALUE);
  if (CUresult code = drain_all()) return code;
  free_allocation(a);
  return CUDA_SUCCESS;
}

namespace {

CUresult allocate_ordered(CUdeviceptr* address, size_t bytes, Pool* pool, CUstream handle) {
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream, CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(address && bytes, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(!is_capturing(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  Allocation* a = allocate(bytes, pool);
  SIM_GUARD(a, CUDA_ERROR_OUT_OF_MEMORY);
  *address = a->base;
  return CUDA_SUCCESS;
}

}  // namespace

SIM_API CUresult cuMemAllocAsync(CUdeviceptr* address, size_t bytes, CUstream stream) {
  SIM_ENTER_CONTEXT(cuMemAllocAsync);
  return allocate_ordered(address, bytes, &table().default_pool, stream);
}

SIM_API CUresult cuMemAllocFromPoolAsync(CUdeviceptr* address, size_t bytes, CUmemoryPool pool,
                                         CUstream stream) {
  SIM_ENTER_CONTEXT(cuMemAllocFromPoolAsync);
  SIM_GUARD(pool == &table().default_pool || is_handle(pool, "pool"), CUDA_ERROR_INVALID_VALUE);
  return allocate_ordered(address, bytes, pool, stream);
}

SIM_API CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle) {
  SIM_ENTER_CONTEXT(cuMemFreeAsync);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream, CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(!is_capturing(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  Allocation* a = find_allocation(address);
  SIM_GUARD(a && a->base == address && !a->pinned && !a->freeing, CUDA_ERROR_INVALID_VALUE);
  a->freeing = true;
  return enqueue_free(stream, address);
}

SIM_API CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice device) {
  SIM_ENTER(cuDeviceGetDefaultMemPool);
  SIM_GUARD(pool, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(device == 0, CUDA_ERROR_INVALID_DEVICE);
  *pool = &table().default_pool;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* properties) {
  SIM_ENTER_CONTEXT(cuMemPoolCreate);
  SIM_GUARD(pool && properties, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(properties->allocType == CU_MEM_ALLOCATION_TYPE_PINNED &&
                properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE &&
                properties->location.id == 0 && !properties->win32SecurityAttributes,
            CUDA_ERROR_INVALID_VALUE);
  *pool = new Pool;
  remember_handle(*pool, "pool");
  return CUDA_SUCCESS;
}

SIM_API CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  SIM_ENTER_CONTEXT(cuMemPoolDestroy);
  SIM_GUARD(is_handle(pool, "pool"), CUDA_ERROR_INVALID_VALUE);
  // Allocations may outlive their pool; they are then nobody's.
  for (auto& [base, a] : table().live) {
    if (a.pool == pool) a.pool = nullptr;
  }
  forget_handle(pool);
  delete pool;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t) {
  SIM_ENTER_CONTEXT(cuMemPoolTrimTo);
  SIM_GUARD(pool == &table().default_pool || is_handle(pool, "pool"), CUDA_ERROR_INVALID_VALUE);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute name, void* value) {
  SIM_ENTER_CONTEXT(cuMemPoolSetAttribute);
  SIM_GUARD(pool == &table().default_pool || is_handle(pool, "pool"), CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(value, CUDA_ERROR_INVALID_VALUE);
  switch (name) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      pool->threshold = *static_cast<uint64_t*>(value);
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      SIM_GUARD(*static_cast<uint64_t*>(value) == 0, CUDA_ERROR_INVALID_VALUE);
      pool->used_high = pool->used;
      return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

SIM_API CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute name, void* value) {
  SIM_ENTER_CONTEXT(cuMemPoolGetAttribute);
  SIM_GUARD(pool == &table().default_pool || is_handle(pool, "pool"), CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(value, CUDA_ERROR_INVALID_VALUE);
  auto* wide = static_cast<uint64_t*>(value);
  switch (name) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: *static_cast<int*>(value) = 1; break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: *wide = pool->threshold; break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: *wide = pool->used; break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: *wide = pool->used_high; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

SIM_API CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned flags) {
  SIM_ENTER_CONTEXT(cuMemHostAlloc);
  SIM_GUARD(address && bytes && flags < 8, CUDA_ERROR_INVALID_VALUE);
  if (CUresult refused = refuse_while_capturing()) return refused;
  void* at = std::aligned_alloc(kPage, round_up(bytes, kPage));
  SIM_GUARD(at, CUDA_ERROR_OUT_OF_MEMORY);
  std::memset(at, kPoison, bytes);
  table().live[uint64_t(at)] = Allocation{uint64_t(at), bytes, 0, nullptr, true, false, nullptr};
  remember_handle(at, "pinned");
  *address = at;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuMemAllocHost_v2(void** address, size_t bytes) {
  return cuMemHostAlloc(address, bytes, 0);
}

SIM_API CUresult cuMemFreeHost(void* address) {
  SIM_ENTER_CONTEXT(cuMemFreeHost);
  SIM_GUARD(is_handle(address, "pinned"), CUDA_ERROR_INVALID_VALUE);
  if (CUresult code = drain_all()) return code;
  free_allocation(find_allocation(uint64_t(address)));
  return CUDA_SUCCESS;
}
