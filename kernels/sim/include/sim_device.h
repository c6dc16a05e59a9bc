// What NVRTC gives a kernel without an include: qualifiers, built-in variables and types, barriers,
// warp functions, atomics. Mathematics stands in sim_math.h. Included in front of every source.
#pragma once
#include "sim_runtime.h"

#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))
// Shared memory of one block: a block stays on one host thread.
#define __shared__ static __thread
// `__global__` and `__launch_bounds__` are left to the simulated NVRTC, which replaces them after
// preprocessing (it has to know the kernels' names).

using size_t = decltype(sizeof 0);

namespace sim {

// Set by the driver when it loads the module.
inline const Runtime* runtime = nullptr;

inline __attribute__((always_inline)) const ThreadView& view() {
  u64 stack = u64(__builtin_frame_address(0)) & ~(kStackBytes - 1);
  return *reinterpret_cast<const ThreadView*>(stack + stack / kStackBytes % kWarp * 128);
}

}  // namespace sim

#define threadIdx (::sim::view().thread)
#define blockIdx (::sim::view().block)
#define blockDim (::sim::view().block_dim)
#define gridDim (::sim::view().grid_dim)
#define warpSize 32

#define SIM_VECTOR2(T, N, A)            \
  struct __attribute__((aligned(A))) N##2 { \
    T x, y;                             \
  };                                    \
  inline N##2 make_##N##2(T x, T y) { return {x, y}; }
#define SIM_VECTOR3(T, N)               \
  struct N##3 {                         \
    T x, y, z;                          \
  };                                    \
  inline N##3 make_##N##3(T x, T y, T z) { return {x, y, z}; }
#define SIM_VECTOR4(T, N, A)            \
  struct __attribute__((aligned(A))) N##4 { \
    T x, y, z, w;                       \
  };                                    \
  inline N##4 make_##N##4(T x, T y, T z, T w) { return {x, y, z, w}; }
#define SIM_VECTORS(T, N, A2, A4) SIM_VECTOR2(T, N, A2) SIM_VECTOR3(T, N) SIM_VECTOR4(T, N, A4)

SIM_VECTORS(signed char, char, 2, 4)
SIM_VECTORS(unsigned char, uchar, 2, 4)
SIM_VECTORS(short, short, 4, 8)
SIM_VECTORS(unsigned short, ushort, 4, 8)
SIM_VECTORS(int, int, 8, 16)
SIM_VECTORS(unsigned, uint, 8, 16)
SIM_VECTORS(float, float, 8, 16)
SIM_VECTORS(long long, longlong, 16, 16)
SIM_VECTORS(unsigned long long, ulonglong, 16, 16)
SIM_VECTORS(double, double, 16, 16)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace sim {

// Other threads run while one waits, so everything in memory may have changed afterwards; without
// this the compiler would keep shared variables, which it sees no other function touch, in registers.
inline __attribute__((always_inline)) void forget_memory() { asm volatile("" ::: "memory"); }

inline __attribute__((always_inline)) int barrier(const char* file, int line, int predicate) {
  forget_memory();
  int result = runtime->barrier(file, line, predicate);
  forget_memory();
  return result;
}

}  // namespace sim

#define __syncthreads() ((void)::sim::barrier(__FILE__, __LINE__, 0))
#define __syncthreads_count(p) (::sim::barrier(__FILE__, __LINE__, !!(p)))
#define __syncthreads_or(p) (::sim::barrier(__FILE__, __LINE__, !!(p)) != 0)
#define __syncthreads_and(p) (::sim::barrier(__FILE__, __LINE__, !(p)) == 0)

inline void __syncwarp(unsigned mask = 0xffffffffu) {
  ::sim::forget_memory();
  ::sim::runtime->sync_warp(mask);
  ::sim::forget_memory();
}
inline unsigned __activemask() { return ::sim::runtime->active_mask(); }
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __trap() { ::sim::runtime->trap("__trap"); }
#define assert(condition) ((condition) ? (void)0 : ::sim::runtime->trap("assert(" #condition ")"))

namespace sim {

template <class T>
inline T shuffle(Shuffle kind, unsigned mask, T value, int operand, int width) {
  static_assert(sizeof(T) <= 8, "shuffles move at most 8 bytes");
  u64 bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  forget_memory();
  bits = runtime->shuffle(kind, mask, bits, operand, width);
  forget_memory();
  __builtin_memcpy(&value, &bits, sizeof(T));
  return value;
}

// Told to the driver, then done as one operation.
template <class T, class Change>
inline T change(T* address, Change next) {
  forget_memory();
  runtime->atomic(address, sizeof(T));
  T old, made;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  do {
    made = next(old);
  } while (!__atomic_compare_exchange(address, &old, &made, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
  return old;
}

}  // namespace sim

template <class T>
inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  return ::sim::shuffle(::sim::Shuffle::kIndex, mask, value, lane, width);
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return ::sim::shuffle(::sim::Shuffle::kUp, mask, value, int(delta), width);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return ::sim::shuffle(::sim::Shuffle::kDown, mask, value, int(delta), width);
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
  return ::sim::shuffle(::sim::Shuffle::kXor, mask, value, lanes, width);
}
namespace sim {
inline unsigned vote(Vote kind, unsigned mask, bool predicate) {
  forget_memory();
  unsigned result = runtime->vote(kind, mask, predicate);
  forget_memory();
  return result;
}
}  // namespace sim

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return ::sim::vote(::sim::Vote::kBallot, mask, predicate != 0);
}
inline int __any_sync(unsigned mask, int predicate) {
  return int(::sim::vote(::sim::Vote::kAny, mask, predicate != 0));
}
inline int __all_sync(unsigned mask, int predicate) {
  return int(::sim::vote(::sim::Vote::kAll, mask, predicate != 0));
}

template <class T>
inline T __ldg(const T* address) {
  return *address;
}

template <class T>
inline T atomicAdd(T* address, T value) {
  return ::sim::change(address, [=](T old) { return T(old + value); });
}
template <class T>
inline T atomicSub(T* address, T value) {
  return ::sim::change(address, [=](T old) { return T(old - value); });
}
template <class T>
inline T atomicExch(T* address, T value) {
  return ::sim::change(address, [=](T) { return value; });
}
template <class T>
inline T atomicMax(T* address, T value) {
  return ::sim::change(address, [=](T old) { return old < value ? value : old; });
}
template <class T>
inline T atomicMin(T* address, T value) {
  return ::sim::change(address, [=](T old) { return value < old ? value : old; });
}
template <class T>
inline T atomicAnd(T* address, T value) {
  return ::sim::change(address, [=](T old) { return T(old & value); });
}
template <class T>
inline T atomicOr(T* address, T value) {
  return ::sim::change(address, [=](T old) { return T(old | value); });
}
template <class T>
inline T atomicXor(T* address, T value) {
  return ::sim::change(address, [=](T old) { return T(old ^ value); });
}
template <class T>
inline T atomicCAS(T* address, T expected, T value) {
  return ::sim::change(address, [=](T old) { return old == expected ? value : old; });
}
inline unsigned atomicInc(unsigned* address, unsigned limit) {
  return ::sim::change(address, [=](unsigned old) { return old >= limit ? 0u : old + 1; });
}

#include "sim_math.h"
