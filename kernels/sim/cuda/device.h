// The simulated device as a whole: settings, the lock that every call takes, the sticky error, and
// the guards that open each entry point.
#pragma once
#include <mutex>
#include <string>

#include "driver_types.h"

namespace sim {

// Read from the environment once, at the first call.
struct Settings {
  int devices;           // MORSE_SIM_DEVICES: 1, or 0 for a driver that finds no device
  int architecture;      // MORSE_SIM_SM: 90 for sm_90
  size_t memory;         // MORSE_SIM_MEMORY: bytes of device memory
  bool check;            // MORSE_SIM_CHECK
  int threads;           // MORSE_SIM_THREADS: host threads that run blocks
  std::string counters;  // MORSE_SIM_COUNTERS: file to write at the end, or empty
};
const Settings& settings();

// One lock for the whole driver: calls are rare and short beside the kernels that run under it.
std::recursive_mutex& device_lock();

const char* error_name(int code);

// The first asynchronous error that poisons the context, or CUDA_SUCCESS. Once set it stays for the
// life of the process, as on a device.
CUresult sticky_fault();
// Says what happened on stderr, and poisons the context if the code is one of those that do.
CUresult raise_fault(CUresult code, const std::string& what);
bool is_sticky(int code);

// Injected errors (MORSE_SIM_FAIL): the code that this call of `name` has to give, or success.
CUresult injected(const char* name);

// Opens an entry point: initialised, not poisoned, not told to fail.
CUresult enter(const char* name);
// The same for calls that need a current context.
CUresult enter_context(const char* name);
bool has_context();

// Handles that exist; a call with any other gets CUDA_ERROR_INVALID_HANDLE instead of a crash.
void remember_handle(const void* handle, const char* kind);
void forget_handle(const void* handle);
bool is_handle(const void* handle, const char* kind);
size_t handle_count(const char* kind);

}  // namespace sim

#define SIM_GUARD(condition, code) \
  do {                             \
    if (!(condition)) return code; \
  } while (0)

// Takes the lock for the rest of the function and refuses the call where it must.
#define SIM_ENTER(name)                                            \
  std::lock_guard<std::recursive_mutex> guard(sim::device_lock()); \
  if (CUresult refused = sim::enter(#name)) return refused

#define SIM_ENTER_CONTEXT(name)                                    \
  std::lock_guard<std::recursive_mutex> guard(sim::device_lock()); \
  if (CUresult refused = sim::enter_context(#name)) return refused
