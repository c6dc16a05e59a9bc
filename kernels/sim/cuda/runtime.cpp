// Runs one block: its threads take turns on stacks of their own, a warp at a time, each until it has
// to wait for others.
#include "runtime.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "check.h"
#include "collectives.h"
#include "context.h"
#include "device.h"
#include "memory.h"

namespace sim {

constexpr u32 kMaxThreads = 1024;
constexpr u64 kGuard = 0x5afe5afe5afe5afeull;

namespace {

// Neighbouring stacks differ in the cache sets that they use: each is shifted by its lane.
constexpr u64 kColour = 128;

u64 colour(u64 stack) { return (stack / kStackBytes % kWarp) * kColour; }

Warp& warp_of(Thread& t) { return t.worker->warps[t.warp]; }

u32 first_lane_after(u32 mask, u32 lane) {
  u32 later = lane == 31 ? 0 : mask >> (lane + 1) << (lane + 1);
  return u32(__builtin_ctz(later ? later : mask));
}

// Gives the host thread to the next lane that can run, or to the scheduler.
void leave(Thread& t) {
  Worker& worker = *t.worker;
  Warp& warp = warp_of(t);
  if (__builtin_expect(t.guard != kGuard, 0)) {
    worker.fault = CUDA_ERROR_HARDWARE_STACK_ERROR;
    worker.message = "stack overflow of a device thread";
    switch_stack(&t.stack_pointer, worker.scheduler);
  }
  if (warp.ready) {
    u32 lane = first_lane_after(warp.ready, t.lane);
    if (lane == t.lane) return;
    switch_stack(&t.stack_pointer, thread_at(worker, t.warp * kWarp + lane).stack_pointer);
  } else {
    switch_stack(&t.stack_pointer, worker.scheduler);
  }
}

void release_barrier(Worker& worker) {
  worker.barrier_result = worker.predicates;
  worker.predicates = 0;
  worker.arrived = 0;
  worker.barrier_file = nullptr;
  worker.epoch++;
  for (u32 w = 0; w < worker.warp_count; w++) {
    worker.warps[w].ready |= worker.warps[w].at_barrier;
    worker.warps[w].at_barrier = 0;
  }
}

void thread_main() {
  Thread& t = self();
  t.worker->launch->kernel->entry(const_cast<void**>(t.worker->launch->parameters.data()));
  Worker& worker = *t.worker;
  Warp& warp = warp_of(t);
  if (!t.copies->empty()) {
    fail(t, CUDA_ERROR_LAUNCH_FAILED, "ends with asynchronous copies that were not waited for");
  }
  u32 bit = 1u << t.lane;
  warp.ready &= ~bit;
  warp.done |= bit;
  worker.live--;
  if (worker.live && worker.arrived == worker.live) release_barrier(worker);
  leave(t);
  std::abort();
}

void complete(Warp& warp, u32 slot) {
  Pending done = warp.pending[slot];
  warp.pending[slot] = warp.pending[--warp.pending_count];
  if (done.operation) done.operation(warp.data, done.arrived);
  warp.ready |= done.arrived;
}

// Collectives that wait only for lanes that have ended. True if one could be completed.
bool complete_without_ended(Worker& worker) {
  bool any = false;
  for (u32 w = 0; w < worker.warp_count; w++) {
    Warp& warp = worker.warps[w];
    for (u32 slot = warp.pending_count; slot-- > 0;) {
      Pending& p = warp.pending[slot];
      if (!p.aligned && (p.need & ~warp.done & ~p.arrived) == 0) {
        complete(warp, slot);
        any = true;
      }
    }
  }
  return any;
}

std::string divergence(Worker& worker) {
  std::string text = "threads wait for others that never come:";
  char part[200];
  for (u32 w = 0; w < worker.warp_count; w++) {
    Warp& warp = worker.warps[w];
    if (warp.at_barrier) {
      std::snprintf(part, sizeof part, " warp %u lanes %08x at __syncthreads of %s:%d,", w,
                    warp.at_barrier, worker.barrier_file, worker.barrier_line);
      text += part;
    }
    for (u32 i = 0; i < warp.pending_count; i++) {
      std::snprintf(part, sizeof part, " warp %u lanes %08x at %s of lanes %08x,", w,
                    warp.pending[i].arrived, warp.pending[i].name, warp.pending[i].need);
      text += part;
    }
    if (warp.done && warp.done != warp.exists) {
      std::snprintf(part, sizeof part, " warp %u lanes %08x have ended,", w, warp.done);
      text += part;
    }
  }
  text.back() = '.';
  return text;
}

// What kernels call.

int barrier(const char* file, int line, int predicate) {
  Thread& t = self();
  Worker& worker = *t.worker;
  Warp& warp = warp_of(t);
  if (worker.arrived && (worker.barrier_line != line || worker.barrier_file != file) &&
      std::strcmp(worker.barrier_file, file) | (worker.barrier_line != line)) {
    fail(t, CUDA_ERROR_LAUNCH_FAILED,
         std::string("barrier divergence: __syncthreads of ") + file + ":" + std::to_string(line) +
             " while other threads wait at " + worker.barrier_file + ":" +
             std::to_string(worker.barrier_line));
  }
  worker.barrier_file = file;
  worker.barrier_line = line;
  worker.predicates += predicate != 0;
  u32 bit = 1u << t.lane;
  warp.at_barrier |= bit;
  warp.ready &= ~bit;
  if (++worker.arrived == worker.live) {
    release_barrier(worker);
  } else {
    leave(t);
  }
  return worker.barrier_result;
}

void meet(void* const lanes[kWarp], u32 mask) {
  // Orders the memory accesses of the lanes that met.
  for (u32 i = 0; i < kWarp; i++) {
    if (mask >> i & 1) {
      (*static_cast<u32*>(lanes[i]))++;
      return;
    }
  }
}

void sync_warp(u32 mask) {
  Thread& t = self();
  collective(meet, mask, Width::kAny, &warp_of(t).epoch, "__syncwarp");
}

// Which lanes run together is the scheduler's choice; here each runs alone until it has to wait.
u32 active_mask() { return 1u << self().lane; }

void run_copy(Thread& t, const AsyncCopy& c) {
  if (settings().check) check_copy_landed(t, c);
  if (c.valid == 16) {
    std::memcpy(c.shared, c.global, 16);
    return;
  }
  std::memcpy(c.shared, c.global, c.valid);
  if (c.valid < c.bytes) std::memset(static_cast<char*>(c.shared) + c.valid, 0, c.bytes - c.valid);
}

void copy_async(void* shared, const void* global, u32 bytes, u32 valid) {
  Thread& t = self();
  if (uintptr_t(shared) % bytes || uintptr_t(global) % bytes) {
    char text[120];
    std::snprintf(text, sizeof text, "cp.async of %u bytes from %p to shared memory at %p: misaligned",
                  bytes, global, shared);
    fail(t, CUDA_ERROR_MISALIGNED_ADDRESS, text);
  }
  const void* where = __builtin_return_address(0);
  if (settings().check) check_copy_issue(t, {shared, global, bytes, valid, t.groups}, where);
  t.copies->push_back({shared, global, bytes, valid, t.groups});
}

void copy_async_commit() { self().groups++; }

// Copies land as late as they may: when the thread waits for their group.
void copy_async_wait(u32 in_flight) {
  Thread& t = self();
  auto& copies = *t.copies;
  size_t done = 0;
  while (done < copies.size() && copies[done].group + in_flight < t.groups) run_copy(t, copies[done++]);
  copies.erase(copies.begin(), copies.begin() + long(done));
}

void atomic(const void* address, u32 bytes) {
  if (settings().check) check_atomic(self(), {u64(address), bytes, true, true, __builtin_return_address(0)});
}

void trap(const char* message) { fail(self(), CUDA_ERROR_ILLEGAL_INSTRUCTION, message); }

void read_checked(const void* address, u32 bytes, bool aligned, const void* where) {
  check_access(self(), {u64(address), bytes, false, aligned, where});
}

void write_checked(const void* address, u32 bytes, bool aligned, const void* where) {
  check_access(self(), {u64(address), bytes, true, aligned, where});
}

constexpr Runtime kRuntime{
    kVersion,          barrier,         sync_warp, active_mask, shuffle,      vote,         ldmatrix, mma,
    copy_async,        copy_async_commit, copy_async_wait, atomic, trap, read_checked, write_checked};

}  // namespace

const Runtime* runtime() { return &kRuntime; }

void collective(Collective operation, u32 mask, Width width, void* data, const char* name) {
  Thread& t = self();
  Warp& warp = warp_of(t);
  bool aligned = width == Width::kAligned;
  u32 bit = 1u << t.lane;
  u32 need = aligned ? warp.exists : mask & warp.exists;
  if (!(need & bit)) {
    fail(t, CUDA_ERROR_LAUNCH_FAILED, std::string(name) + " with a mask that lacks the lane itself");
  }
  warp.data[t.lane] = data;
  u32 slot = 0;
  while (slot < warp.pending_count &&
         (warp.pending[slot].operation != operation || warp.pending[slot].mask != mask)) {
    slot++;
  }
  if (slot == warp.pending_count) {
    warp.pending[slot] = {operation, mask, need, 0, aligned, name};
    warp.pending_count++;
  }
  Pending& p = warp.pending[slot];
  p.arrived |= bit;
  if ((p.need & ~p.arrived & (aligned ? ~0u : ~warp.done)) == 0) {
    complete(warp, slot);
    return;
  }
  warp.ready &= ~bit;
  leave(t);
}

Thread& thread_at(Worker& worker, u32 index) {
  u64 stack = u64(worker.stacks) + index * kStackBytes;
  return *reinterpret_cast<Thread*>(stack + colour(stack));
}

Thread& self() {
  u64 stack = u64(__builtin_frame_address(0)) & ~(kStackBytes - 1);
  return *reinterpret_cast<Thread*>(stack + colour(stack));
}

void fail(Thread& t, CUresult code, const std::string& what, const void* place) {
  Worker& worker = *t.worker;
  char where[200];
  std::snprintf(where, sizeof where, "kernel %s, block (%u, %u, %u), thread (%u, %u, %u): ",
                worker.launch->kernel->name, t.block.x, t.block.y, t.block.z, t.thread.x, t.thread.y,
                t.thread.z);
  worker.fault = code;
  std::string line = worker.launch->image->place(place);
  worker.message = where + (line.empty() ? "" : line + ": ") + what;
  switch_stack(&t.stack_pointer, worker.scheduler);
  std::abort();
}

void prepare(Worker& worker, const Launch& launch) {
  if (!worker.stacks) {
    size_t align = kStackBytes * kWarp, bytes = kMaxThreads * kStackBytes;
    auto* raw = static_cast<char*>(mmap(nullptr, bytes + align, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (raw == MAP_FAILED) std::abort();
    worker.stacks = reinterpret_cast<char*>((u64(raw) + align - 1) / align * align);
    worker.dynamic_shared = static_cast<unsigned char*>(std::aligned_alloc(1024, kDynamicShared));
  }
  worker.launch = &launch;
  worker.fault = CUDA_SUCCESS;
  worker.static_shared = launch.image->shared();
  const Index3& dim = launch.block;
  worker.threads = dim.x * dim.y * dim.z;
  worker.warp_count = (worker.threads + kWarp - 1) / kWarp;
  for (u32 i = 0; i < worker.threads; i++) {
    Thread& t = thread_at(worker, i);
    t.thread = {i % dim.x, i / dim.x % dim.y, i / dim.x / dim.y};
    t.block_dim = dim;
    t.grid_dim = launch.grid;
    t.lane = i % kWarp;
    t.warp = i / kWarp;
    t.dynamic_shared = worker.dynamic_shared;
    t.worker = &worker;
    t.index = i;
    if (!t.copies) t.copies = new std::vector<AsyncCopy>;
    t.guard = kGuard;
  }
}

CUresult run_block(Worker& worker, Index3 block) {
  worker.live = worker.threads;
  worker.arrived = 0;
  worker.predicates = 0;
  worker.epoch = 0;
  worker.barrier_file = nullptr;
  for (u32 i = 0; i < worker.threads; i++) {
    Thread& t = thread_at(worker, i);
    t.block = block;
    t.groups = 0;
    t.copies->clear();
    u64 stack = u64(worker.stacks) + i * kStackBytes;
    char* top = reinterpret_cast<char*>(stack + kStackBytes - colour(stack));
    t.stack_pointer = new_stack(top, thread_main);
  }
  for (u32 w = 0; w < worker.warp_count; w++) {
    u32 lanes = std::min(worker.threads - w * kWarp, kWarp);
    Warp& warp = worker.warps[w];
    warp.exists = warp.ready = lanes == kWarp ? ~0u : (1u << lanes) - 1;
    warp.done = warp.at_barrier = warp.pending_count = warp.epoch = 0;
  }
  if (settings().check) check_block_start(worker);
  while (worker.live) {
    bool progress = false;
    for (u32 w = 0; w < worker.warp_count; w++) {
      Warp& warp = worker.warps[w];
      if (!warp.ready) continue;
      progress = true;
      u32 lane = u32(__builtin_ctz(warp.ready));
      switch_stack(&worker.scheduler, thread_at(worker, w * kWarp + lane).stack_pointer);
      if (worker.fault) return worker.fault;
    }
    if (!progress && worker.live && !complete_without_ended(worker)) {
      worker.fault = CUDA_ERROR_LAUNCH_FAILED;
      worker.message = std::string("kernel ") + worker.launch->kernel->name + ": " +
                       divergence(worker) + " A device would hang here.";
      return worker.fault;
    }
  }
  if (settings().check) check_block_end(worker);
  return CUDA_SUCCESS;
}

}  // namespace sim
