// A small frame: every case runs in a process of its own, since faults poison the driver for the life
// of the process. A case prints nothing when it is right and throws what is wrong.
#pragma once
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "driver_types.h"

namespace test {

struct Case {
  std::string name;
  std::function<void()> run;
  std::map<std::string, std::string> environment;
  std::string message;  // that stderr must hold, empty: stderr must be empty
};

std::vector<Case>& cases();

struct Register {
  Register(Case c) { cases().push_back(std::move(c)); }
};

// The driver and NVRTC as the engine calls them, by name.
struct Driver {
  CUresult (*init)(unsigned);
  CUresult (*device_count)(int*);
  CUresult (*driver_version)(int*);
  CUresult (*attribute)(int*, int, CUdevice);
  CUresult (*retain)(CUcontext*, CUdevice);
  CUresult (*release)(CUdevice);
  CUresult (*set_current)(CUcontext);
  CUresult (*synchronize)();
  CUresult (*allocate)(CUdeviceptr*, size_t);
  CUresult (*free)(CUdeviceptr);
  CUresult (*allocate_async)(CUdeviceptr*, size_t, CUstream);
  CUresult (*free_async)(CUdeviceptr, CUstream);
  CUresult (*memory)(size_t*, size_t*);
  CUresult (*allocate_host)(void**, size_t, unsigned);
  CUresult (*free_host)(void*);
  CUresult (*to_device)(CUdeviceptr, const void*, size_t);
  CUresult (*to_host)(void*, CUdeviceptr, size_t);
  CUresult (*to_device_async)(CUdeviceptr, const void*, size_t, CUstream);
  CUresult (*to_host_async)(void*, CUdeviceptr, size_t, CUstream);
  CUresult (*fill_async)(CUdeviceptr, unsigned, size_t, CUstream);
  CUresult (*stream_create)(CUstream*, unsigned);
  CUresult (*stream_destroy)(CUstream);
  CUresult (*stream_synchronize)(CUstream);
  CUresult (*stream_query)(CUstream);
  CUresult (*stream_wait)(CUstream, CUevent, unsigned);
  CUresult (*event_create)(CUevent*, unsigned);
  CUresult (*event_destroy)(CUevent);
  CUresult (*event_record)(CUevent, CUstream);
  CUresult (*event_synchronize)(CUevent);
  CUresult (*event_query)(CUevent);
  CUresult (*event_elapsed)(float*, CUevent, CUevent);
  CUresult (*begin_capture)(CUstream, int);
  CUresult (*end_capture)(CUstream, CUgraph*);
  CUresult (*instantiate)(CUgraphExec*, CUgraph, unsigned long long);
  CUresult (*update)(CUgraphExec, CUgraph, CUgraphExecUpdateResultInfo*);
  CUresult (*launch_graph)(CUgraphExec, CUstream);
  CUresult (*destroy_graph)(CUgraph);
  CUresult (*destroy_executable)(CUgraphExec);
  CUresult (*nodes)(CUgraph, CUgraphNode*, size_t*);
  CUresult (*load)(CUmodule*, const void*);
  CUresult (*unload)(CUmodule);
  CUresult (*function)(CUfunction*, CUmodule, const char*);
  CUresult (*set_attribute)(CUfunction, int, int);
  CUresult (*launch)(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                     CUstream, void**, void**);
};

const Driver& cu();

struct Compilation {
  int code = 0;
  std::string image, log;
};
Compilation compile(const std::string& source, std::vector<std::string> options);

// Opens the device with a current context.
void open();

void expect(bool condition, const std::string& what);
void expect_code(CUresult expected, CUresult got, const std::string& what);
void ok(CUresult code, const std::string& what);

// A kernel of its own module.
CUfunction kernel(const std::string& source, const char* name = "k");
// Device memory with these contents, and back.
template <class T>
CUdeviceptr upload(const std::vector<T>& values) {
  CUdeviceptr address;
  ok(cu().allocate(&address, values.size() * sizeof(T)), "allocate");
  ok(cu().to_device(address, values.data(), values.size() * sizeof(T)), "to device");
  return address;
}
template <class T>
std::vector<T> download(CUdeviceptr address, size_t count) {
  std::vector<T> values(count);
  ok(cu().to_host(values.data(), address, count * sizeof(T)), "to host");
  return values;
}
CUdeviceptr fresh(size_t bytes);

struct Shape {
  unsigned blocks = 1, threads = 32, shared = 0;
  CUstream stream = nullptr;
};

template <class... A>
CUresult launch(CUfunction f, const Shape& shape, A... arguments) {
  void* parameters[] = {static_cast<void*>(&arguments)..., nullptr};
  return cu().launch(f, shape.blocks, 1, 1, shape.threads, 1, 1, shape.shared, shape.stream, parameters,
                     nullptr);
}
// Launches and waits.
template <class... A>
CUresult run(CUfunction f, const Shape& shape, A... arguments) {
  ok(launch(f, shape, arguments...), "launch");
  return cu().synchronize();
}

}  // namespace test

#define SIM_JOIN_(a, b) a##b
#define SIM_JOIN(a, b) SIM_JOIN_(a, b)
#define SIM_CASE(...) \
  [[maybe_unused]] static const test::Register SIM_JOIN(registered_, __LINE__)(test::Case __VA_ARGS__)
