// Settings, the sticky error, handles, initialisation, device attributes and the primary context.
#include "device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <unordered_map>

#include "memory.h"
#include "stream.h"

namespace sim {

struct Context {
  int references = 0;
};

namespace {

bool initialised = false;
CUresult fault = CUDA_SUCCESS;
Context primary;
thread_local Context* current = nullptr;

std::unordered_map<const void*, const char*>& handles() {
  static auto* map = new std::unordered_map<const void*, const char*>;
  return *map;
}

long long number(const char* name, long long otherwise) {
  const char* text = std::getenv(name);
  if (!text || !*text) return otherwise;
  char* end;
  long long value = std::strtoll(text, &end, 10);
  if (*end || value < 0) {
    std::fprintf(stderr, "morse-sim: %s=%s is not a number of 0 or more; using %lld\n", name, text,
                 otherwise);
    return otherwise;
  }
  return value;
}

Settings read_settings() {
  Settings s;
  s.devices = number("MORSE_SIM_DEVICES", 1) ? 1 : 0;
  s.architecture = int(number("MORSE_SIM_SM", 90));
  s.memory = size_t(number("MORSE_SIM_MEMORY", 8ll << 30));
  s.check = number("MORSE_SIM_CHECK", 0) != 0;
  int cores = std::max(1, int(std::thread::hardware_concurrency()));
  s.threads = s.check ? 1 : int(number("MORSE_SIM_THREADS", std::min(cores, 4)));
  s.threads = std::clamp(s.threads, 1, 64);
  const char* counters = std::getenv("MORSE_SIM_COUNTERS");
  s.counters = counters ? counters : "";
  return s;
}

}  // namespace

const Settings& settings() {
  static const Settings* s = new Settings(read_settings());
  return *s;
}

std::recursive_mutex& device_lock() {
  static auto* lock = new std::recursive_mutex;
  return *lock;
}

CUresult sticky_fault() { return fault; }

bool is_sticky(int code) {
  return code == CUDA_ERROR_ILLEGAL_ADDRESS || code == CUDA_ERROR_LAUNCH_TIMEOUT ||
         code == CUDA_ERROR_ECC_UNCORRECTABLE ||
         (code >= CUDA_ERROR_HARDWARE_STACK_ERROR && code <= CUDA_ERROR_LAUNCH_FAILED) ||
         code == CUDA_ERROR_ASSERT;
}

CUresult raise_fault(CUresult code, const std::string& what) {
  std::fprintf(stderr, "morse-sim: %s: %s\n", error_name(code), what.c_str());
  if (is_sticky(code) && fault == CUDA_SUCCESS) fault = code;
  return code;
}

CUresult enter(const char* name) {
  if (!initialised) return CUDA_ERROR_NOT_INITIALIZED;
  if (fault) return fault;
  return injected(name);
}

bool has_context() { return current && primary.references > 0; }

CUresult enter_context(const char* name) {
  if (!initialised) return CUDA_ERROR_NOT_INITIALIZED;
  if (!has_context()) return CUDA_ERROR_INVALID_CONTEXT;
  return enter(name);
}

void remember_handle(const void* handle, const char* kind) { handles()[handle] = kind; }

void forget_handle(const void* handle) { handles().erase(handle); }

bool is_handle(const void* handle, const char* kind) {
  auto found = handles().find(handle);
  return found != handles().end() && !std::strcmp(found->second, kind);
}

size_t handle_count(const char* kind) {
  return size_t(std::count_if(handles().begin(), handles().end(),
                              [&](auto& entry) { return !std::strcmp(entry.second, kind); }));
}

// What the chips of an architecture report; the numbers of A100, H200 and B200 where one is known.
namespace {

struct Chip {
  int architecture;
  const char* name;
  int multiprocessors, shared_optin, shared_multiprocessor, l2, clock_khz, memory_khz, bus;
  int threads_per_multiprocessor, blocks_per_multiprocessor;
};

constexpr Chip kChips[] = {
    {75, "Simulated T4", 40, 65536, 65536, 4 << 20, 1590000, 5001000, 256, 1024, 16},
    {80, "Simulated A100", 108, 166912, 167936, 40 << 20, 1410000, 1593000, 5120, 2048, 32},
    {86, "Simulated A40", 84, 101376, 102400, 6 << 20, 1740000, 7251000, 384, 1536, 16},
    {89, "Simulated L40", 142, 101376, 102400, 96 << 20, 2490000, 9001000, 384, 1536, 24},
    {90, "Simulated H200", 132, 232448, 233472, 60 << 20, 1980000, 3201000, 6144, 2048, 32},
    {100, "Simulated B200", 148, 232448, 233472, 126 << 20, 1965000, 3996000, 8192, 2048, 32},
};

const Chip& chip() {
  const Chip* best = &kChips[0];
  for (const Chip& c : kChips) {
    if (c.architecture <= settings().architecture) best = &c;
  }
  return *best;
}

}  // namespace

size_t shared_optin_bytes() { return size_t(chip().shared_optin); }
size_t shared_multiprocessor_bytes() { return size_t(chip().shared_multiprocessor); }
int threads_per_multiprocessor() { return chip().threads_per_multiprocessor; }
int blocks_per_multiprocessor() { return chip().blocks_per_multiprocessor; }

}  // namespace sim

using namespace sim;

SIM_API CUresult cuInit(unsigned flags) {
  std::lock_guard<std::recursive_mutex> guard(device_lock());
  SIM_GUARD(flags == 0, CUDA_ERROR_INVALID_VALUE);
  if (CUresult code = injected("cuInit")) return code;
  SIM_GUARD(settings().devices > 0, CUDA_ERROR_NO_DEVICE);
  initialised = true;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDriverGetVersion(int* version) {
  SIM_GUARD(version, CUDA_ERROR_INVALID_VALUE);
  *version = 13000;
  if (const char* text = std::getenv("MORSE_SIM_DRIVER")) *version = std::atoi(text);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDeviceGetCount(int* count) {
  SIM_GUARD(count, CUDA_ERROR_INVALID_VALUE);
  *count = settings().devices;
  if (settings().devices == 0) return CUDA_SUCCESS;
  SIM_ENTER(cuDeviceGetCount);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  SIM_ENTER(cuDeviceGet);
  SIM_GUARD(device, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(ordinal >= 0 && ordinal < settings().devices, CUDA_ERROR_INVALID_DEVICE);
  *device = ordinal;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  SIM_ENTER(cuDeviceGetName);
  SIM_GUARD(name && length > 0, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(device == 0, CUDA_ERROR_INVALID_DEVICE);
  std::snprintf(name, size_t(length), "%s", chip().name);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
  SIM_ENTER(cuDeviceGetUuid_v2);
  SIM_GUARD(uuid, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(device == 0, CUDA_ERROR_INVALID_DEVICE);
  std::memcpy(uuid->bytes, "morse-simulated", 16);
  uuid->bytes[15] = char(settings().architecture);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  return cuDeviceGetUuid_v2(uuid, device);
}

SIM_API CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
  SIM_ENTER(cuDeviceGetPCIBusId);
  SIM_GUARD(id && length > 0, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(device == 0, CUDA_ERROR_INVALID_DEVICE);
  std::snprintf(id, size_t(length), "0000:00:00.0");
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  SIM_ENTER(cuDeviceTotalMem_v2);
  SIM_GUARD(bytes, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(device == 0, CUDA_ERROR_INVALID_DEVICE);
  *bytes = settings().memory;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  SIM_ENTER(cuDeviceGetAttribute);
  SIM_GUARD(value, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(device == 0, CUDA_ERROR_INVALID_DEVICE);
  const Chip& c = chip();
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: *value = 1024; break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: *value = 64; break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: *value = 2147483647; break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: *value = 65535; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *value = 49152; break;
    case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY: *value = 65536; break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *value = 32; break;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: *value = 65536; break;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: *value = c.clock_khz; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = c.multiprocessors; break;
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: *value = c.memory_khz; break;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: *value = c.bus; break;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: *value = c.l2; break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
      *value = c.threads_per_multiprocessor;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
      *value = c.blocks_per_multiprocessor;
      break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = settings().architecture / 10; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = settings().architecture % 10; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
      *value = c.shared_multiprocessor;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = c.shared_optin; break;
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK: *value = 1024; break;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
    case CU_DEVICE_ATTRIBUTE_ECC_ENABLED:
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED: *value = 1; break;
    default:
      if (attribute <= 0 || attribute > 161) return CUDA_ERROR_INVALID_VALUE;
      *value = 0;
  }
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  SIM_ENTER(cuDevicePrimaryCtxRetain);
  SIM_GUARD(context, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(device == 0, CUDA_ERROR_INVALID_DEVICE);
  primary.references++;
  *context = &primary;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  SIM_ENTER(cuDevicePrimaryCtxRelease_v2);
  SIM_GUARD(device == 0, CUDA_ERROR_INVALID_DEVICE);
  SIM_GUARD(primary.references > 0, CUDA_ERROR_INVALID_CONTEXT);
  if (primary.references == 1) drain_all();
  if (--primary.references > 0 || !settings().check) return CUDA_SUCCESS;
  for (const char* kind : {"allocation", "pinned", "stream", "event", "module", "graph",
                           "executable", "pool"}) {
    if (size_t left = handle_count(kind)) {
      std::fprintf(stderr, "morse-sim: leak: %zu x %s left when the context was released\n", left,
                   kind);
    }
  }
  return CUDA_SUCCESS;
}

SIM_API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  SIM_ENTER(cuDevicePrimaryCtxGetState);
  SIM_GUARD(flags && active, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(device == 0, CUDA_ERROR_INVALID_DEVICE);
  *flags = 0;
  *active = primary.references > 0;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuCtxSetCurrent(CUcontext context) {
  SIM_ENTER(cuCtxSetCurrent);
  SIM_GUARD(!context || (context == &primary && primary.references > 0),
            CUDA_ERROR_INVALID_CONTEXT);
  current = context;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuCtxGetCurrent(CUcontext* context) {
  SIM_GUARD(context, CUDA_ERROR_INVALID_VALUE);
  SIM_ENTER(cuCtxGetCurrent);
  *context = has_context() ? current : nullptr;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuCtxGetDevice(CUdevice* device) {
  SIM_ENTER_CONTEXT(cuCtxGetDevice);
  SIM_GUARD(device, CUDA_ERROR_INVALID_VALUE);
  *device = 0;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuCtxSynchronize() {
  SIM_ENTER_CONTEXT(cuCtxSynchronize);
  if (CUresult refused = refuse_while_capturing()) return refused;
  return drain_all();
}

// Kept for profilers; there is nothing to start or stop.
SIM_API CUresult cuProfilerStart() { return CUDA_SUCCESS; }
SIM_API CUresult cuProfilerStop() { return CUDA_SUCCESS; }
