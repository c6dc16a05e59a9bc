#include "objects.h"

#include <cstring>
#include <mutex>
#include <unordered_map>

#include "../cuda/library_hooks.h"

namespace sim::cublaslt {
namespace {

std::mutex lock;

std::unordered_map<void*, std::unique_ptr<Object>>& all() {
  static auto* map = new std::unordered_map<void*, std::unique_ptr<Object>>;
  return *map;
}

// Bytes of an attribute; 0 where the kind does not have it.
size_t size_of(Kind kind, int attribute) {
  if (kind == Kind::kLayout) {
    switch (attribute) {
      case CUBLASLT_MATRIX_LAYOUT_TYPE:
      case CUBLASLT_MATRIX_LAYOUT_ORDER:
      case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
        return 4;
      case CUBLASLT_MATRIX_LAYOUT_ROWS:
      case CUBLASLT_MATRIX_LAYOUT_COLS:
      case CUBLASLT_MATRIX_LAYOUT_LD:
      case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
        return 8;
    }
  } else if (kind == Kind::kDesc) {
    switch (attribute) {
      case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
      case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
      case CUBLASLT_MATMUL_DESC_POINTER_MODE:
      case CUBLASLT_MATMUL_DESC_TRANSA:
      case CUBLASLT_MATMUL_DESC_TRANSB:
      case CUBLASLT_MATMUL_DESC_EPILOGUE:
      case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
        return 4;
      case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return 8;
    }
  } else if (kind == Kind::kPreference) {
    switch (attribute) {
      case CUBLASLT_MATMUL_PREF_SEARCH_MODE:
      case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        return 4;
      case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return 8;
    }
  }
  return 0;
}

cublasStatus_t set(void* object, Kind kind, int attribute, const void* value, size_t bytes) {
  Object* o = find(object, kind);
  size_t size = size_of(kind, attribute);
  if (!o || !value || size == 0 || bytes != size) return CUBLAS_STATUS_INVALID_VALUE;
  if (size == 4) {
    int32_t number;
    std::memcpy(&number, value, 4);
    o->values[attribute] = number;
  } else {
    int64_t number;
    std::memcpy(&number, value, 8);
    o->values[attribute] = number;
  }
  return CUBLAS_STATUS_SUCCESS;
}

bool known_type(int64_t type) {
  return type == CUDA_R_32F || type == CUDA_R_16F || type == CUDA_R_16BF;
}

}  // namespace

Object* find(void* object, Kind kind) {
  std::lock_guard<std::mutex> guard(lock);
  auto it = all().find(object);
  return it == all().end() || it->second->kind != kind ? nullptr : it->second.get();
}

void* create(Kind kind, std::map<int, int64_t> values) {
  auto made = std::make_unique<Object>(Object{kind, std::move(values)});
  void* handle = made.get();
  std::lock_guard<std::mutex> guard(lock);
  all()[handle] = std::move(made);
  return handle;
}

cublasStatus_t destroy(void* object, Kind kind) {
  if (!find(object, kind)) return CUBLAS_STATUS_INVALID_VALUE;
  std::lock_guard<std::mutex> guard(lock);
  all().erase(object);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t describe(void* desc, void* a, void* b, void* c, void* d, Product* out) {
  Object *o = find(desc, Kind::kDesc), *la = find(a, Kind::kLayout), *lb = find(b, Kind::kLayout),
         *lc = find(c, Kind::kLayout), *ld = find(d, Kind::kLayout);
  if (!o || !la || !lb || !lc || !ld) return CUBLAS_STATUS_INVALID_VALUE;
  Product& p = *out;
  p.transpose_a = o->get(CUBLASLT_MATMUL_DESC_TRANSA) == CUBLAS_OP_T;
  p.transpose_b = o->get(CUBLASLT_MATMUL_DESC_TRANSB) == CUBLAS_OP_T;
  int64_t compute = o->get(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE);
  p.tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  if (!p.tf32 && compute != CUBLAS_COMPUTE_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (o->get(CUBLASLT_MATMUL_DESC_SCALE_TYPE) != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (o->get(CUBLASLT_MATMUL_DESC_POINTER_MODE) != 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  int64_t epilogue = o->get(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT);
  p.bias = (epilogue & CUBLASLT_EPILOGUE_BIAS) != 0;
  p.gelu = (epilogue & CUBLASLT_EPILOGUE_GELU) != 0;
  int64_t known = CUBLASLT_EPILOGUE_DEFAULT | CUBLASLT_EPILOGUE_BIAS | CUBLASLT_EPILOGUE_GELU;
  if (epilogue & ~known) return CUBLAS_STATUS_NOT_SUPPORTED;
  p.bias_address = uint64_t(o->get(CUBLASLT_MATMUL_DESC_BIAS_POINTER));
  p.type = int(ld->get(CUBLASLT_MATRIX_LAYOUT_TYPE));
  int64_t bias_type = o->get(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, -1);
  if (bias_type != -1 && bias_type != p.type) return CUBLAS_STATUS_NOT_SUPPORTED;
  p.batch = ld->get(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, 1);
  for (Object* l : {la, lb, lc, ld}) {
    if (!known_type(l->get(CUBLASLT_MATRIX_LAYOUT_TYPE)) ||
        l->get(CUBLASLT_MATRIX_LAYOUT_ORDER) != CUBLASLT_ORDER_COL ||
        l->get(CUBLASLT_MATRIX_LAYOUT_TYPE) != p.type) {
      return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    bool fits = l->get(CUBLASLT_MATRIX_LAYOUT_LD) >= l->get(CUBLASLT_MATRIX_LAYOUT_ROWS) &&
                l->get(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, 1) == p.batch;
    if (!fits) return CUBLAS_STATUS_INVALID_VALUE;
  }
  int rows = CUBLASLT_MATRIX_LAYOUT_ROWS, cols = CUBLASLT_MATRIX_LAYOUT_COLS;
  p.m = ld->get(rows);
  p.n = ld->get(cols);
  p.k = la->get(p.transpose_a ? rows : cols);
  bool fits = la->get(p.transpose_a ? cols : rows) == p.m &&
              lb->get(p.transpose_b ? cols : rows) == p.k &&
              lb->get(p.transpose_b ? rows : cols) == p.n && lc->get(rows) == p.m &&
              lc->get(cols) == p.n;
  if (!fits) return CUBLAS_STATUS_INVALID_VALUE;
  p.lda = la->get(CUBLASLT_MATRIX_LAYOUT_LD);
  p.ldb = lb->get(CUBLASLT_MATRIX_LAYOUT_LD);
  p.ldc = lc->get(CUBLASLT_MATRIX_LAYOUT_LD);
  p.ldd = ld->get(CUBLASLT_MATRIX_LAYOUT_LD);
  int stride = CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET;
  p.stride_a = la->get(stride);
  p.stride_b = lb->get(stride);
  p.stride_c = lc->get(stride);
  p.stride_d = ld->get(stride);
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace sim::cublaslt

using namespace sim::cublaslt;

SIM_API int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t cols,
                                       int64_t ld) {
  if (!layout || !known_type(type) || rows == 0 || cols == 0 || ld < int64_t(rows)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  *layout = create(Kind::kLayout, {{CUBLASLT_MATRIX_LAYOUT_TYPE, type},
                                   {CUBLASLT_MATRIX_LAYOUT_ROWS, int64_t(rows)},
                                   {CUBLASLT_MATRIX_LAYOUT_COLS, int64_t(cols)},
                                   {CUBLASLT_MATRIX_LAYOUT_LD, ld}});
  return CUBLAS_STATUS_SUCCESS;
}

SIM_API int cublasLtMatrixLayoutDestroy(void* layout) { return destroy(layout, Kind::kLayout); }

SIM_API int cublasLtMatrixLayoutSetAttribute(void* layout, int attribute, const void* value,
                                             size_t bytes) {
  return set(layout, Kind::kLayout, attribute, value, bytes);
}

SIM_API int cublasLtMatmulDescCreate(void** desc, int compute, int scale) {
  if (!desc) return CUBLAS_STATUS_INVALID_VALUE;
  *desc = create(Kind::kDesc, {{CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, compute},
                               {CUBLASLT_MATMUL_DESC_SCALE_TYPE, scale}});
  return CUBLAS_STATUS_SUCCESS;
}

SIM_API int cublasLtMatmulDescDestroy(void* desc) { return destroy(desc, Kind::kDesc); }

SIM_API int cublasLtMatmulDescSetAttribute(void* desc, int attribute, const void* value,
                                           size_t bytes) {
  return set(desc, Kind::kDesc, attribute, value, bytes);
}

SIM_API int cublasLtMatmulPreferenceCreate(void** preference) {
  if (!preference) return CUBLAS_STATUS_INVALID_VALUE;
  *preference = create(Kind::kPreference, {});
  return CUBLAS_STATUS_SUCCESS;
}

SIM_API int cublasLtMatmulPreferenceDestroy(void* preference) {
  return destroy(preference, Kind::kPreference);
}

SIM_API int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute,
                                                 const void* value, size_t bytes) {
  return set(preference, Kind::kPreference, attribute, value, bytes);
}
