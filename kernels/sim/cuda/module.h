// Loaded modules and the kernels in them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../include/sim_runtime.h"
#include "driver_types.h"

namespace sim {

// The shared object of a module; queued launches keep it loaded.
struct Image {
  int file = -1;
  void* library = nullptr;
  const Module* module = nullptr;
  size_t static_shared = 0;                  // bytes of __shared__ variables
  size_t shared_block = 0;                   // bytes of the thread-local block that they lie in
  size_t marker_offset = 0;                  // of the module's marker in that block
  uint64_t loaded = 0, loaded_bytes = 0;     // where code and constants lie
  ~Image();
  // This host thread's block of shared variables.
  unsigned char* shared() const;
  // "file:line" of an address in the code, empty if unknown.
  std::string place(const void* address) const;
};

struct Function {
  std::shared_ptr<Image> image;
  const Kernel* kernel;
  LoadedModule* owner;
  unsigned dynamic_shared_limit = 49152;
  int carveout = -1;
};

struct LoadedModule {
  std::shared_ptr<Image> image;
  std::vector<std::unique_ptr<Function>> functions;
};

// One launch, with its own copy of the arguments.
struct Launch {
  std::shared_ptr<Image> image;
  const Kernel* kernel;
  Index3 grid, block;
  unsigned dynamic_shared;
  std::vector<char> bytes;
  std::vector<void*> parameters;  // into bytes
};

// Runs all blocks; raises the fault if there is one.
CUresult run_launch(const Launch& launch);

}  // namespace sim
