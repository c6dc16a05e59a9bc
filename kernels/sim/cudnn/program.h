// What a graph computes, in a form that can run, be written down and be read again.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../math/element.h"
#include "descriptor.h"

namespace sim::cudnn {

struct TensorInfo {
  int64_t id = 0;
  Element element = Element::kFloat;
  int64_t alignment = 1;
  bool by_value = false;
  std::vector<int64_t> dims, strides;

  bool channels_last() const { return dims.size() == 4 && strides[1] == 1; }
  // Elements from the first to the last, both included.
  int64_t extent() const;
};

enum class Kind { kConvolution = 1, kAttention = 2 };

// One element-wise operation behind a convolution: adds an operand, or applies SiLU.
struct Step {
  bool silu = false;
  double beta = 1;
  TensorInfo operand;
};

struct Program {
  Kind kind = Kind::kConvolution;
  // Convolution: x, w, steps, y. Attention: x is q, w is k, v, scale where has_scale, y is o.
  TensorInfo x, w, y, v, scale;
  bool has_scale = false;
  std::vector<int64_t> strides, dilations, before, after;
  std::vector<Step> steps;

  bool fused() const { return !steps.empty(); }
  int64_t groups() const { return x.dims[1] / w.dims[1]; }
  std::vector<const TensorInfo*> inputs() const;
};

// The program of a finalised graph, or a refusal.
cudnnStatus_t compile(const State& graph, std::shared_ptr<const Program>* out);

std::string write(const Program& program);
bool read(const std::string& text, Program* program);

}  // namespace sim::cudnn
