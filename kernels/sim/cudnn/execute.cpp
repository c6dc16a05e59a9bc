// Handles, versions and running a plan on a stream.
#include <cstdlib>
#include <mutex>
#include <unordered_map>

#include "../cuda/library_hooks.h"
#include "engines.h"

namespace sim::cudnn {
namespace {

// What this library claims to be.
constexpr size_t kVersion = 92801;
constexpr int kIllegalAddress = 700;  // CUDA_ERROR_ILLEGAL_ADDRESS

struct Handle {
  void* stream = nullptr;
  int architecture = 0;
};

std::mutex lock;

std::unordered_map<void*, std::unique_ptr<Handle>>& handles() {
  static auto* map = new std::unordered_map<void*, std::unique_ptr<Handle>>;
  return *map;
}

Handle* find_handle(void* handle) {
  std::lock_guard<std::mutex> guard(lock);
  auto it = handles().find(handle);
  return it == handles().end() ? nullptr : it->second.get();
}

// A plan with its addresses, as it lies in a stream's queue or in a graph.
struct Job {
  std::shared_ptr<const Program> program;
  bool tensor_cores;
  std::vector<void*> inputs;
  float scale;
  void* y;
  void* workspace;
  int64_t workspace_bytes;
};

std::string describe(const char* what, int64_t id, const void* address) {
  char text[128];
  std::snprintf(text, sizeof text, "cudnnBackendExecute: %s %lld at %p", what,
                static_cast<long long>(id), address);
  return text;
}

// Reads and writes only what lies in live allocations, and reads only what was written.
int check_memory(const Job& job) {
  auto inputs = job.program->inputs();
  for (size_t i = 0; i < inputs.size(); i++) {
    const TensorInfo& t = *inputs[i];
    if (t.by_value) continue;
    auto address = reinterpret_cast<uint64_t>(job.inputs[i]);
    size_t bytes = size_t(t.extent()) * bytes_of(t.element);
    if (!morseSimIsDeviceRange(address, bytes)) {
      return morseSimFault(kIllegalAddress,
                           describe("out of bounds: tensor", t.id, job.inputs[i]).c_str());
    }
    bool dense = true;
    int64_t packed = 1;
    for (int64_t d : t.dims) packed *= d;
    dense = packed == t.extent();
    if (dense && !morseSimIsDefined(address, bytes)) {
      return morseSimFault(kIllegalAddress,
                           describe("never written: tensor", t.id, job.inputs[i]).c_str());
    }
  }
  const TensorInfo& y = job.program->y;
  size_t bytes = size_t(y.extent()) * bytes_of(y.element);
  if (!morseSimIsDeviceRange(reinterpret_cast<uint64_t>(job.y), bytes)) {
    return morseSimFault(kIllegalAddress, describe("out of bounds: tensor", y.id, job.y).c_str());
  }
  if (job.workspace_bytes > 0 && !morseSimIsDeviceRange(reinterpret_cast<uint64_t>(job.workspace),
                                                        size_t(job.workspace_bytes))) {
    return morseSimFault(kIllegalAddress,
                         describe("out of bounds: workspace", 0, job.workspace).c_str());
  }
  return 0;
}

void define_rows(const TensorInfo& y, void* base) {
  // Rows of the innermost dimension; every layout here has one of stride 1.
  size_t inner = 0;
  for (size_t i = 0; i < y.dims.size(); i++) {
    if (y.strides[i] == 1) inner = i;
  }
  int64_t rows = 1;
  for (size_t i = 0; i < y.dims.size(); i++) rows *= i == inner ? 1 : y.dims[i];
  for (int64_t row = 0; row < rows; row++) {
    int64_t left = row, at = 0;
    for (size_t i = y.dims.size(); i-- > 0;) {
      if (i == inner) continue;
      at += left % y.dims[i] * y.strides[i];
      left /= y.dims[i];
    }
    morseSimDefine(reinterpret_cast<uint64_t>(base) + uint64_t(at) * bytes_of(y.element),
                   size_t(y.dims[inner]) * bytes_of(y.element));
  }
}

int run_job(void* data) {
  Job& job = *static_cast<Job*>(data);
  if (int code = check_memory(job)) return code;
  std::vector<void*> inputs = job.inputs;
  if (job.program->has_scale && job.program->scale.by_value) inputs[3] = &job.scale;
  run(*job.program, job.tensor_cores, inputs, job.y, job.workspace_bytes ? job.workspace : nullptr);
  define_rows(job.program->y, job.y);
  return 0;
}

void release_job(void* data) { delete static_cast<Job*>(data); }

cudnnStatus_t bind(const State& pack, const TensorInfo& t, void** out) {
  auto ids = pack.int64s(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  auto pointers = pack.pointers(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  for (size_t i = 0; i < ids.size(); i++) {
    if (ids[i] != t.id) continue;
    if (!pointers[i]) {
      return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, describe("no address: tensor", t.id, 0));
    }
    if (reinterpret_cast<uintptr_t>(pointers[i]) % uintptr_t(t.alignment) != 0) {
      return refuse(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
                    describe("misaligned: tensor", t.id, pointers[i]));
    }
    *out = pointers[i];
    return CUDNN_STATUS_SUCCESS;
  }
  return refuse(CUDNN_STATUS_BAD_PARAM, describe("not in the variant pack: tensor", t.id, nullptr));
}

}  // namespace

int architecture_of_handle(void* handle) {
  Handle* h = find_handle(handle);
  return h ? h->architecture : 0;
}

}  // namespace sim::cudnn

using namespace sim::cudnn;

SIM_API size_t cudnnGetVersion(void) {
  const char* other = std::getenv("MORSE_SIM_CUDNN_VERSION");
  return other ? size_t(std::atol(other)) : kVersion;
}

SIM_API size_t cudnnGetCudartVersion(void) { return 13000; }

SIM_API size_t cudnnGetMaxDeviceVersion(void) { return 1210; }

SIM_API cudnnStatus_t cudnnGetProperty(int type, int* value) {
  if (!value) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "value is null");
  size_t version = cudnnGetVersion();
  size_t parts[] = {version / 10000, version / 100 % 100, version % 100};
  if (type < 0 || type > 2) return refuse(CUDNN_STATUS_BAD_PARAM, "no such property");
  *value = int(parts[type]);
  return CUDNN_STATUS_SUCCESS;
}

SIM_API const char* cudnnGetErrorString(int status) {
  switch (status) {
#define NAME(s) \
  case s:       \
    return #s
    NAME(CUDNN_STATUS_SUCCESS);
    NAME(CUDNN_STATUS_NOT_INITIALIZED);
    NAME(CUDNN_STATUS_BAD_PARAM);
    NAME(CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    NAME(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER);
    NAME(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    NAME(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    NAME(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    NAME(CUDNN_STATUS_NOT_SUPPORTED);
    NAME(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
    NAME(CUDNN_STATUS_INTERNAL_ERROR);
    NAME(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    NAME(CUDNN_STATUS_EXECUTION_FAILED);
    NAME(CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER);
#undef NAME
    default:
      return "CUDNN_UNKNOWN_STATUS";
  }
}

SIM_API cudnnStatus_t cudnnCreate(void** handle) {
  if (int code = morseSimInjected("cudnnCreate")) return cudnnStatus_t(code);
  if (!handle) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "handle is null");
  int architecture = morseSimArchitecture();
  if (!architecture || !morseSimHasContext()) {
    return refuse(CUDNN_STATUS_NOT_INITIALIZED, "no device, or no current context");
  }
  auto made = std::make_unique<Handle>();
  made->architecture = architecture;
  *handle = made.get();
  std::lock_guard<std::mutex> guard(lock);
  handles()[made.get()] = std::move(made);
  return CUDNN_STATUS_SUCCESS;
}

SIM_API cudnnStatus_t cudnnDestroy(void* handle) {
  std::lock_guard<std::mutex> guard(lock);
  if (handles().erase(handle) == 0) return refuse(CUDNN_STATUS_BAD_PARAM, "no such handle");
  return CUDNN_STATUS_SUCCESS;
}

SIM_API cudnnStatus_t cudnnSetStream(void* handle, void* stream) {
  Handle* h = find_handle(handle);
  if (!h) return refuse(CUDNN_STATUS_BAD_PARAM, "no such handle");
  h->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

SIM_API cudnnStatus_t cudnnGetStream(void* handle, void** stream) {
  Handle* h = find_handle(handle);
  if (!h || !stream) return refuse(CUDNN_STATUS_BAD_PARAM, "no such handle, or no place");
  *stream = h->stream;
  return CUDNN_STATUS_SUCCESS;
}

SIM_API cudnnStatus_t cudnnBackendExecute(void* handle, void* plan, void* pack) {
  if (int code = morseSimInjected("cudnnBackendExecute")) return cudnnStatus_t(code);
  Handle* h = find_handle(handle);
  Descriptor *p = find(plan), *v = find(pack);
  if (!h || !p || !v || p->state->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
      v->state->type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) {
    return refuse(CUDNN_STATUS_BAD_PARAM, "no such handle, plan or variant pack");
  }
  if (!p->state->finalised || !v->state->finalised) {
    return refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "plan or variant pack is not finalised");
  }
  if (p->state->architecture != h->architecture) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH, "a plan for another device");
  }
  auto job = std::make_unique<Job>();
  job->program = p->state->program;
  job->tensor_cores = uses_tensor_cores(p->state->engine);
  for (const TensorInfo* t : job->program->inputs()) {
    void* address = nullptr;
    if (cudnnStatus_t status = bind(*v->state, *t, &address)) return status;
    if (t->by_value) job->scale = *static_cast<const float*>(address);
    job->inputs.push_back(address);
  }
  if (cudnnStatus_t status = bind(*v->state, job->program->y, &job->y)) return status;
  auto workspace = v->state->pointers(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  job->workspace = workspace.empty() ? nullptr : workspace[0];
  job->workspace_bytes = workspace_bytes(*job->program, p->state->engine);
  if (job->workspace_bytes > 0 && !job->workspace) {
    return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the plan needs a workspace");
  }
  const char* name = job->program->kind == Kind::kConvolution ? "cudnn_convolution"
                                                               : "cudnn_attention";
  if (morseSimEnqueue(h->stream, name, run_job, job.release(), release_job)) {
    return refuse(CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER, "the driver refused the work");
  }
  return CUDNN_STATUS_SUCCESS;
}
