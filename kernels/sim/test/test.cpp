// Runs the cases: sim_test DIR [part of a name]. DIR holds the built libraries.
#include "test.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace test {
namespace {

std::string folder;
void* driver_library;
void* nvrtc_library;

void* symbol(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (!found) throw std::runtime_error(std::string("no symbol ") + name);
  return found;
}

template <class F>
void bind(F& function, const char* name) {
  function = reinterpret_cast<F>(symbol(driver_library, name));
}

void* open_library(const char* name) {
  void* library = dlopen((folder + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  return library;
}

Driver bind_all() {
  driver_library = open_library("libcuda.so.1");
  nvrtc_library = open_library("libnvrtc.so.13");
  Driver d;
  bind(d.init, "cuInit");
  bind(d.device_count, "cuDeviceGetCount");
  bind(d.driver_version, "cuDriverGetVersion");
  bind(d.attribute, "cuDeviceGetAttribute");
  bind(d.retain, "cuDevicePrimaryCtxRetain");
  bind(d.release, "cuDevicePrimaryCtxRelease_v2");
  bind(d.set_current, "cuCtxSetCurrent");
  bind(d.synchronize, "cuCtxSynchronize");
  bind(d.allocate, "cuMemAlloc_v2");
  bind(d.free, "cuMemFree_v2");
  bind(d.allocate_async, "cuMemAllocAsync");
  bind(d.free_async, "cuMemFreeAsync");
  bind(d.memory, "cuMemGetInfo_v2");
  bind(d.allocate_host, "cuMemHostAlloc");
  bind(d.free_host, "cuMemFreeHost");
  bind(d.to_device, "cuMemcpyHtoD_v2");
  bind(d.to_host, "cuMemcpyDtoH_v2");
  bind(d.to_device_async, "cuMemcpyHtoDAsync_v2");
  bind(d.to_host_async, "cuMemcpyDtoHAsync_v2");
  bind(d.fill_async, "cuMemsetD32Async");
  bind(d.stream_create, "cuStreamCreate");
  bind(d.stream_destroy, "cuStreamDestroy_v2");
  bind(d.stream_synchronize, "cuStreamSynchronize");
  bind(d.stream_query, "cuStreamQuery");
  bind(d.stream_wait, "cuStreamWaitEvent");
  bind(d.event_create, "cuEventCreate");
  bind(d.event_destroy, "cuEventDestroy_v2");
  bind(d.event_record, "cuEventRecord");
  bind(d.event_synchronize, "cuEventSynchronize");
  bind(d.event_query, "cuEventQuery");
  bind(d.event_elapsed, "cuEventElapsedTime");
  bind(d.begin_capture, "cuStreamBeginCapture_v2");
  bind(d.end_capture, "cuStreamEndCapture");
  bind(d.instantiate, "cuGraphInstantiateWithFlags");
  bind(d.update, "cuGraphExecUpdate_v2");
  bind(d.launch_graph, "cuGraphLaunch");
  bind(d.destroy_graph, "cuGraphDestroy");
  bind(d.destroy_executable, "cuGraphExecDestroy");
  bind(d.nodes, "cuGraphGetNodes");
  bind(d.load, "cuModuleLoadData");
  bind(d.unload, "cuModuleUnload");
  bind(d.function, "cuModuleGetFunction");
  bind(d.set_attribute, "cuFuncSetAttribute");
  bind(d.launch, "cuLaunchKernel");
  return d;
}

// In a child process; what it says on stderr comes back. Returns its exit code, -1 for a crash.
int in_child(const Case& c, std::string& said) {
  int ends[2];
  if (pipe(ends)) return -1;
  std::fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    unsetenv("MORSE_SIM_CHECK");
    for (auto& [name, value] : c.environment) setenv(name.c_str(), value.c_str(), 1);
    int code = 0;
    try {
      c.run();
    } catch (const std::exception& e) {
      std::fprintf(stdout, "  %s\n", e.what());
      code = 1;
    }
    std::fflush(stdout);
    std::exit(code);
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, size_t(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool passes(const Case& c) {
  std::string said;
  int code = in_child(c, said);
  bool right_words = c.message.empty() ? said.empty() : said.find(c.message) != std::string::npos;
  if (code == 0 && right_words) return true;
  std::printf("FAILED %s%s\n", c.name.c_str(), code < 0 ? ": crashed" : "");
  if (!right_words && !c.message.empty()) std::printf("  not said: %s\n", c.message.c_str());
  if (!said.empty()) std::printf("  said: %s\n", said.c_str());
  return false;
}

}  // namespace

std::vector<Case>& cases() {
  static auto* all = new std::vector<Case>;
  return *all;
}

const Driver& cu() {
  static const Driver* d = new Driver(bind_all());
  return *d;
}

void expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

void expect_code(CUresult expected, CUresult got, const std::string& what) {
  expect(expected == got, what + ": " + std::to_string(got) + ", expected " + std::to_string(expected));
}

void ok(CUresult code, const std::string& what) { expect_code(CUDA_SUCCESS, code, what); }

void open() {
  ok(cu().init(0), "init");
  CUcontext context;
  ok(cu().retain(&context, 0), "retain");
  ok(cu().set_current(context), "set current");
}

Compilation compile(const std::string& source, std::vector<std::string> options) {
  cu();
  using Program = void*;
  auto create = reinterpret_cast<int (*)(Program*, const char*, const char*, int, const char* const*,
                                         const char* const*)>(symbol(nvrtc_library, "nvrtcCreateProgram"));
  auto build = reinterpret_cast<int (*)(Program, int, const char* const*)>(
      symbol(nvrtc_library, "nvrtcCompileProgram"));
  auto size = [](const char* name) {
    return reinterpret_cast<int (*)(Program, size_t*)>(symbol(nvrtc_library, name));
  };
  auto text = [](const char* name) {
    return reinterpret_cast<int (*)(Program, char*)>(symbol(nvrtc_library, name));
  };
  Program program;
  Compilation result;
  expect(create(&program, source.c_str(), "test.cu", 0, nullptr, nullptr) == 0, "create program");
  std::vector<const char*> words;
  for (auto& option : options) words.push_back(option.c_str());
  result.code = build(program, int(words.size()), words.data());
  size_t bytes = 0;
  size("nvrtcGetProgramLogSize")(program, &bytes);
  result.log.resize(bytes);
  text("nvrtcGetProgramLog")(program, result.log.data());
  if (!result.code) {
    size("nvrtcGetCUBINSize")(program, &bytes);
    result.image.resize(bytes);
    text("nvrtcGetCUBIN")(program, result.image.data());
  }
  reinterpret_cast<int (*)(Program*)>(symbol(nvrtc_library, "nvrtcDestroyProgram"))(&program);
  return result;
}

CUfunction kernel(const std::string& source, const char* name) {
  Compilation made = compile("#include \"ptx.cuh\"\n" + source,
                             {"--std=c++17", "--gpu-architecture=sm_90"});
  expect(made.code == 0, made.log);
  CUmodule module;
  ok(cu().load(&module, made.image.data()), "load");
  CUfunction function;
  ok(cu().function(&function, module, name), "function");
  return function;
}

CUdeviceptr fresh(size_t bytes) {
  CUdeviceptr address;
  ok(cu().allocate(&address, bytes), "allocate");
  return address;
}

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: sim_test DIR [part of a name]\n");
    return 2;
  }
  folder = arguments[1];
  std::string part = count > 2 ? arguments[2] : "";
  int run = 0, failed = 0;
  for (const Case& c : cases()) {
    if (c.name.find(part) == std::string::npos) continue;
    run++;
    failed += !passes(c);
  }
  std::printf("%d cases, %d failed\n", run, failed);
  return failed || !run;
}

}  // namespace test

int main(int count, char** arguments) { return test::main(count, arguments); }
