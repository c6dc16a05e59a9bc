// The driver as the simulated libcudnn and libcublasLt see it.
#include "library_hooks.h"

#include <memory>

#include "context.h"
#include "device.h"
#include "memory.h"
#include "stream.h"

using namespace sim;

SIM_API int morseSimEnqueue(void* stream, const char* name, int (*run)(void*), void* data,
                            void (*release)(void*)) {
  std::lock_guard<std::recursive_mutex> guard(device_lock());
  std::shared_ptr<void> owned(data, [release](void* d) { release(d); });
  if (CUresult refused = enter_context(name)) return refused;
  Stream* target = find_stream(static_cast<CUstream>(stream));
  if (!target) return CUDA_ERROR_INVALID_HANDLE;
  return enqueue(target, {CU_GRAPH_NODE_TYPE_KERNEL, name,
                          [owned, run] { return CUresult(run(owned.get())); }});
}

SIM_API int morseSimIsDeviceRange(uint64_t address, size_t bytes) {
  std::lock_guard<std::recursive_mutex> guard(device_lock());
  return is_device_range(address, bytes);
}

SIM_API int morseSimIsDefined(uint64_t address, size_t bytes) {
  std::lock_guard<std::recursive_mutex> guard(device_lock());
  if (!settings().check) return 1;
  const Allocation* a = find_allocation(address);
  return a && a->is_defined(address, bytes);
}

SIM_API void morseSimDefine(uint64_t address, size_t bytes) {
  std::lock_guard<std::recursive_mutex> guard(device_lock());
  Allocation* a = settings().check ? find_allocation(address) : nullptr;
  if (a) a->define(address, bytes);
}

SIM_API int morseSimFault(int code, const char* what) {
  std::lock_guard<std::recursive_mutex> guard(device_lock());
  return raise_fault(CUresult(code), what);
}

SIM_API int morseSimInjected(const char* function) {
  std::lock_guard<std::recursive_mutex> guard(device_lock());
  return injected(function);
}

SIM_API int morseSimHasContext(void) { return has_context(); }

SIM_API int morseSimArchitecture(void) {
  return settings().devices > 0 ? settings().architecture : 0;
}
