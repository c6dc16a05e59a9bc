// Every load and store of an instrumented kernel comes through here (-fsanitize=thread, without its
// library) and goes on to the driver's checks.
#pragma once

#define SIM_HOOK extern "C" __attribute__((no_sanitize("thread"), used))
#define SIM_ACCESS(name, bytes, kind, aligned)                                   \
  SIM_HOOK void name(void* address) {                                            \
    ::sim::runtime->kind(address, bytes, aligned, __builtin_return_address(0));  \
  }
#define SIM_SIZE(n)                                     \
  SIM_ACCESS(__tsan_read##n, n, read, true)             \
  SIM_ACCESS(__tsan_write##n, n, write, true)           \
  SIM_ACCESS(__tsan_volatile_read##n, n, read, true)    \
  SIM_ACCESS(__tsan_volatile_write##n, n, write, true)  \
  SIM_ACCESS(__tsan_unaligned_read##n, n, read, false)  \
  SIM_ACCESS(__tsan_unaligned_write##n, n, write, false)

SIM_SIZE(1) SIM_SIZE(2) SIM_SIZE(4) SIM_SIZE(8) SIM_SIZE(16)

SIM_HOOK void __tsan_read_range(void* address, size_t bytes) {
  ::sim::runtime->read(address, unsigned(bytes), false, __builtin_return_address(0));
}
SIM_HOOK void __tsan_write_range(void* address, size_t bytes) {
  ::sim::runtime->write(address, unsigned(bytes), false, __builtin_return_address(0));
}
SIM_HOOK void __tsan_init() {}
SIM_HOOK void __tsan_func_entry(void*) {}
SIM_HOOK void __tsan_func_exit() {}

// Atomic operations tell the driver themselves (sim_device.h); these only carry them out.
#define SIM_ATOMIC(bits, T)                                                                      \
  SIM_HOOK T __tsan_atomic##bits##_load(const volatile T* a, int) {                              \
    T v;                                                                                         \
    asm volatile("" ::: "memory");                                                               \
    v = *a;                                                                                      \
    return v;                                                                                    \
  }                                                                                              \
  SIM_HOOK int __tsan_atomic##bits##_compare_exchange_strong(volatile T* a, T* e, T v, int, int) { \
    T old = __sync_val_compare_and_swap(a, *e, v);                                               \
    bool same = old == *e;                                                                       \
    *e = old;                                                                                    \
    return same;                                                                                 \
  }
SIM_ATOMIC(8, unsigned char) SIM_ATOMIC(16, unsigned short) SIM_ATOMIC(32, unsigned)
SIM_ATOMIC(64, unsigned long long)
SIM_HOOK void __tsan_atomic_thread_fence(int) { __sync_synchronize(); }
