// Layouts, descriptions of products and preferences: objects with attributes of a known size.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "cublaslt_types.h"

namespace sim::cublaslt {

enum class Kind { kHandle, kLayout, kDesc, kPreference };

struct Object {
  Kind kind;
  std::map<int, int64_t> values;  // of at most eight bytes each

  int64_t get(int attribute, int64_t otherwise = 0) const {
    auto it = values.find(attribute);
    return it == values.end() ? otherwise : it->second;
  }
};

// Null where no such object exists (any more) or it is of another kind.
Object* find(void* object, Kind kind);
void* create(Kind kind, std::map<int, int64_t> values);
cublasStatus_t destroy(void* object, Kind kind);

// A product whose parts fit each other, as its descriptors say.
struct Product {
  int64_t m, n, k, batch;  // rows and columns of D, inner dimension
  int type;
  bool transpose_a, transpose_b, tf32, bias, gelu;
  int64_t lda, ldb, ldc, ldd, stride_a, stride_b, stride_c, stride_d;
  uint64_t bias_address;
};

// Reads and checks the descriptors.
cublasStatus_t describe(void* desc, void* a, void* b, void* c, void* d, Product* out);

// The library's algorithms, and what the kth of them needs.
constexpr int kAlgorithms = 2;
size_t workspace_bytes(const Product& product, int algorithm);

}  // namespace sim::cublaslt
