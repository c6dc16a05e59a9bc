// Handles, heuristics and the products themselves, in the order of the stream.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../cuda/library_hooks.h"
#include "../math/element.h"
#include "../math/gemm.h"
#include "objects.h"

namespace sim::cublaslt {
namespace {

constexpr size_t kVersion = 131000;
constexpr int kIllegalAddress = 700;  // CUDA_ERROR_ILLEGAL_ADDRESS
constexpr uint64_t kMark = 0x6d6f727365ull;

Element element(int type) {
  return type == CUDA_R_32F ? Element::kFloat
                            : type == CUDA_R_16F ? Element::kHalf : Element::kBfloat16;
}

// Elements from the first to the last of a batch of matrices by columns.
int64_t extent(int64_t rows, int64_t columns, int64_t ld, int64_t batch, int64_t stride) {
  return (batch - 1) * stride + (columns - 1) * ld + rows;
}

struct Job {
  Product p;
  float alpha, beta;
  const void *a, *b, *c;
  void* d;
  void* workspace;
  size_t workspace_bytes;
};

float gelu(float x) {
  return 0.5f * x * (1.0f + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
}

bool readable(const char* what, const void* address, int64_t elements, Element e, bool dense) {
  auto at = reinterpret_cast<uint64_t>(address);
  size_t bytes = size_t(elements) * bytes_of(e);
  char text[96];
  if (!morseSimIsDeviceRange(at, bytes)) {
    std::snprintf(text, sizeof text, "cublasLtMatmul: out of bounds: %s at %p", what, address);
  } else if (dense && !morseSimIsDefined(at, bytes)) {
    std::snprintf(text, sizeof text, "cublasLtMatmul: never written: %s at %p", what, address);
  } else {
    return true;
  }
  morseSimFault(kIllegalAddress, text);
  return false;
}

bool check_memory(const Job& j, Element e) {
  const Product& p = j.p;
  int64_t a_rows = p.transpose_a ? p.k : p.m, a_cols = p.transpose_a ? p.m : p.k;
  int64_t b_rows = p.transpose_b ? p.n : p.k, b_cols = p.transpose_b ? p.k : p.n;
  bool once = p.batch == 1;
  return readable("A", j.a, extent(a_rows, a_cols, p.lda, p.batch, p.stride_a), e,
                  once && p.lda == a_rows) &&
         readable("B", j.b, extent(b_rows, b_cols, p.ldb, p.batch, p.stride_b), e,
                  once && p.ldb == b_rows) &&
         (j.beta == 0 || readable("C", j.c, extent(p.m, p.n, p.ldc, p.batch, p.stride_c), e,
                                  once && p.ldc == p.m)) &&
         (!p.bias || readable("bias", reinterpret_cast<void*>(p.bias_address), p.m, e, true)) &&
         readable("D", j.d, extent(p.m, p.n, p.ldd, p.batch, p.stride_d), e, false) &&
         (j.workspace_bytes == 0 ||
          readable("workspace", j.workspace, int64_t(j.workspace_bytes / 4), Element::kFloat,
                   false));
}

// By rows: D^T[n][m] = B^T[n][k] A^T[k][m], so that the contiguous dimension is the inner one.
int run_job(void* data) {
  Job& j = *static_cast<Job*>(data);
  const Product& p = j.p;
  Element e = element(p.type);
  if (!check_memory(j, e)) return kIllegalAddress;
  std::vector<float> own;
  float* scratch = static_cast<float*>(j.workspace);
  if (j.workspace_bytes == 0) {
    own.resize(workspace_bytes(p, 0) / 4);
    scratch = own.data();
  }
  float *left = scratch, *right = left + p.n * p.k, *out = right + p.k * p.m;
  bool round = p.tf32 && e == Element::kFloat;
  auto value = [&](const void* base, int64_t at) {
    float v = load(e, base, size_t(at));
    return round ? to_tf32(v) : v;
  };
  const void* bias = reinterpret_cast<const void*>(p.bias_address);
  for (int64_t i = 0; i < p.batch; i++) {
    for (int64_t row = 0; row < p.n; row++) {
      for (int64_t k = 0; k < p.k; k++) {
        int64_t at = i * p.stride_b + (p.transpose_b ? k * p.ldb + row : row * p.ldb + k);
        left[row * p.k + k] = value(j.b, at);
      }
    }
    for (int64_t k = 0; k < p.k; k++) {
      for (int64_t col = 0; col < p.m; col++) {
        int64_t at = i * p.stride_a + (p.transpose_a ? col * p.lda + k : k * p.lda + col);
        right[k * p.m + col] = value(j.a, at);
      }
    }
    gemm(p.n, p.m, p.k, left, p.k, right, p.m, out, p.m);
    for (int64_t row = 0; row < p.n; row++) {
      for (int64_t col = 0; col < p.m; col++) {
        float v = j.alpha * out[row * p.m + col];
        if (j.beta != 0) {
          v += j.beta * load(e, j.c, size_t(i * p.stride_c + row * p.ldc + col));
        }
        if (p.bias) v += load(e, bias, size_t(col));
        store(e, j.d, size_t(i * p.stride_d + row * p.ldd + col), p.gelu ? gelu(v) : v);
      }
      morseSimDefine(reinterpret_cast<uint64_t>(j.d) +
                         uint64_t(i * p.stride_d + row * p.ldd) * bytes_of(e),
                     size_t(p.m) * bytes_of(e));
    }
  }
  return 0;
}

void release_job(void* data) { delete static_cast<Job*>(data); }

// What our own algorithms look like; -1 for any other.
int algorithm_of(const cublasLtMatmulAlgo_t* algo) {
  return algo && algo->data[0] == kMark && algo->data[1] < kAlgorithms ? int(algo->data[1]) : -1;
}

}  // namespace

// Algorithm 0 works in the caller's workspace, 1 in memory of its own.
size_t workspace_bytes(const Product& p, int algorithm) {
  return algorithm == 0 ? size_t(p.n * p.k + p.k * p.m + p.n * p.m) * 4 : 0;
}

}  // namespace sim::cublaslt

using namespace sim::cublaslt;

SIM_API size_t cublasLtGetVersion(void) {
  const char* other = std::getenv("MORSE_SIM_CUBLASLT_VERSION");
  return other ? size_t(std::atol(other)) : kVersion;
}

SIM_API size_t cublasLtGetCudartVersion(void) { return 13000; }

SIM_API const char* cublasLtGetStatusName(int status) {
  switch (status) {
#define NAME(s) \
  case s:       \
    return #s
    NAME(CUBLAS_STATUS_SUCCESS);
    NAME(CUBLAS_STATUS_NOT_INITIALIZED);
    NAME(CUBLAS_STATUS_ALLOC_FAILED);
    NAME(CUBLAS_STATUS_INVALID_VALUE);
    NAME(CUBLAS_STATUS_ARCH_MISMATCH);
    NAME(CUBLAS_STATUS_MAPPING_ERROR);
    NAME(CUBLAS_STATUS_EXECUTION_FAILED);
    NAME(CUBLAS_STATUS_INTERNAL_ERROR);
    NAME(CUBLAS_STATUS_NOT_SUPPORTED);
#undef NAME
    default:
      return "unknown";
  }
}

SIM_API const char* cublasLtGetStatusString(int status) {
  switch (status) {
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "the library was not initialized";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "the resource allocation failed";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an invalid value was used as an argument";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "the function failed to launch on the GPU";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality is not supported";
    default:
      return status == 0 ? "success" : "an error";
  }
}

SIM_API int cublasLtCreate(void** handle) {
  if (int code = morseSimInjected("cublasLtCreate")) return code;
  if (!handle) return CUBLAS_STATUS_INVALID_VALUE;
  if (!morseSimArchitecture() || !morseSimHasContext()) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = create(Kind::kHandle, {});
  return CUBLAS_STATUS_SUCCESS;
}

SIM_API int cublasLtDestroy(void* handle) { return destroy(handle, Kind::kHandle); }

SIM_API int cublasLtMatmulAlgoGetHeuristic(void* handle, void* desc, void* a, void* b, void* c,
                                           void* d, void* preference, int requested,
                                           cublasLtMatmulHeuristicResult_t* results, int* count) {
  if (int code = morseSimInjected("cublasLtMatmulAlgoGetHeuristic")) return code;
  Object* limits = find(preference, Kind::kPreference);
  if (!find(handle, Kind::kHandle) || !limits || requested < 1 || !results || !count) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  Product p;
  if (cublasStatus_t status = describe(desc, a, b, c, d, &p)) return status;
  auto room = size_t(limits->get(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES));
  *count = 0;
  for (int i = 0; i < kAlgorithms && *count < requested; i++) {
    if (workspace_bytes(p, i) > room) continue;
    cublasLtMatmulHeuristicResult_t& r = results[(*count)++];
    std::memset(&r, 0, sizeof r);
    r.algo.data[0] = kMark;
    r.algo.data[1] = uint64_t(i);
    r.workspaceSize = workspace_bytes(p, i);
    r.wavesCount = 1;
  }
  return *count > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

SIM_API int cublasLtMatmulAlgoCheck(void* handle, void* desc, void* a, void* b, void* c, void* d,
                                    const cublasLtMatmulAlgo_t* algo,
                                    cublasLtMatmulHeuristicResult_t* result) {
  if (!find(handle, Kind::kHandle) || !algo || !result) return CUBLAS_STATUS_INVALID_VALUE;
  Product p;
  if (cublasStatus_t status = describe(desc, a, b, c, d, &p)) return status;
  int algorithm = algorithm_of(algo);
  if (algorithm < 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  std::memset(result, 0, sizeof *result);
  result->algo = *algo;
  result->workspaceSize = workspace_bytes(p, algorithm);
  return CUBLAS_STATUS_SUCCESS;
}

SIM_API int cublasLtMatmul(void* handle, void* desc, const void* alpha, const void* A, void* a,
                           const void* B, void* b, const void* beta, const void* C, void* c,
                           void* D, void* d, const cublasLtMatmulAlgo_t* algo, void* workspace,
                           size_t workspace_size, void* stream) {
  if (int code = morseSimInjected("cublasLtMatmul")) return code;
  if (!find(handle, Kind::kHandle) || !alpha || !beta || !A || !B || !C || !D) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  auto job = std::make_unique<Job>();
  if (cublasStatus_t status = describe(desc, a, b, c, d, &job->p)) return status;
  if (job->p.bias && !job->p.bias_address) return CUBLAS_STATUS_INVALID_VALUE;
  // In place only where C lies exactly as D.
  if (C == D && (job->p.ldc != job->p.ldd || job->p.stride_c != job->p.stride_d)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  size_t unit = bytes_of(element(job->p.type));
  for (const void* address : {A, B, C, static_cast<const void*>(D)}) {
    if (reinterpret_cast<uintptr_t>(address) % unit != 0) return CUBLAS_STATUS_INVALID_VALUE;
  }
  int algorithm = algo ? algorithm_of(algo) : 1;
  if (algorithm < 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  job->workspace_bytes = workspace_bytes(job->p, algorithm);
  if (job->workspace_bytes > workspace_size || (job->workspace_bytes > 0 && !workspace)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  job->workspace = workspace;
  job->alpha = *static_cast<const float*>(alpha);
  job->beta = *static_cast<const float*>(beta);
  job->a = A;
  job->b = B;
  job->c = C;
  job->d = D;
  if (morseSimEnqueue(stream, "cublaslt_matmul", run_job, job.release(), release_job)) {
    return CUBLAS_STATUS_EXECUTION_FAILED;
  }
  return CUBLAS_STATUS_SUCCESS;
}
