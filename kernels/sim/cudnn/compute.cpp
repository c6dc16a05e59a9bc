// The arithmetic, plainly: convolutions as products of gathered windows, attention row by row. Sums
// are float, results are rounded once.
#include <algorithm>
#include <cmath>

#include "../math/gemm.h"
#include "engines.h"

namespace sim::cudnn {
namespace {

// Output positions gathered at a time.
int64_t chunk(int engine) { return engine == 1 ? 512 : 256; }

struct Sizes {
  int64_t groups, channels, outputs, taps, inner, positions;
};

Sizes sizes(const Program& p) {
  Sizes s;
  s.groups = p.groups();
  s.channels = p.w.dims[1];
  s.outputs = p.w.dims[0] / s.groups;
  s.taps = p.w.dims[2] * p.w.dims[3];
  s.inner = s.taps * s.channels;
  s.positions = p.y.dims[0] * p.y.dims[2] * p.y.dims[3];
  return s;
}

int64_t convolution_floats(const Program& p, int64_t rows) {
  Sizes s = sizes(p);
  return s.groups * s.inner * s.outputs + rows * (s.inner + s.outputs);
}

int64_t broadcast(const TensorInfo& t, int64_t n, int64_t c, int64_t h, int64_t w) {
  int64_t at[] = {n, c, h, w}, index = 0;
  for (size_t i = 0; i < 4; i++) index += t.dims[i] == 1 ? 0 : at[i] * t.strides[i];
  return index;
}

float silu(float x, float beta) { return x / (1.0f + std::exp(-beta * x)); }

void convolution(const Program& p, bool tf32, int64_t rows, const std::vector<void*>& in, void* y,
                 float* scratch) {
  Sizes s = sizes(p);
  const TensorInfo &X = p.x, &W = p.w, &Y = p.y;
  auto rounded = [tf32](float v) { return tf32 ? to_tf32(v) : v; };
  float* weights = scratch;  // [group][r][s][c][k]
  for (int64_t g = 0; g < s.groups; g++) {
    for (int64_t k = 0; k < s.outputs; k++) {
      for (int64_t t = 0; t < s.taps; t++) {
        for (int64_t c = 0; c < s.channels; c++) {
          int64_t from = (g * s.outputs + k) * W.strides[0] + c * W.strides[1] +
                         t / W.dims[3] * W.strides[2] + t % W.dims[3] * W.strides[3];
          weights[((g * s.taps + t) * s.channels + c) * s.outputs + k] =
              rounded(load(W.element, in[1], size_t(from)));
        }
      }
    }
  }
  float* windows = weights + s.groups * s.inner * s.outputs;
  float* sums = windows + rows * s.inner;
  int64_t outH = Y.dims[2], outW = Y.dims[3];
  for (int64_t first = 0; first < s.positions; first += rows) {
    int64_t count = std::min(rows, s.positions - first);
    for (int64_t g = 0; g < s.groups; g++) {
      for (int64_t i = 0; i < count; i++) {
        int64_t position = first + i, n = position / (outH * outW);
        int64_t oh = position / outW % outH, ow = position % outW;
        float* window = windows + i * s.inner;
        for (int64_t t = 0; t < s.taps; t++, window += s.channels) {
          int64_t h = oh * p.strides[0] - p.before[0] + t / W.dims[3] * p.dilations[0];
          int64_t w = ow * p.strides[1] - p.before[1] + t % W.dims[3] * p.dilations[1];
          if (h < 0 || h >= X.dims[2] || w < 0 || w >= X.dims[3]) {
            std::fill(window, window + s.channels, 0.0f);
            continue;
          }
          int64_t from = n * X.strides[0] + g * s.channels * X.strides[1] + h * X.strides[2] +
                         w * X.strides[3];
          for (int64_t c = 0; c < s.channels; c++) {
            window[c] = rounded(load(X.element, in[0], size_t(from + c * X.strides[1])));
          }
        }
      }
      gemm(count, s.outputs, s.inner, windows, s.inner, weights + g * s.inner * s.outputs,
           s.outputs, sums, s.outputs);
      for (int64_t i = 0; i < count; i++) {
        int64_t position = first + i, n = position / (outH * outW);
        int64_t oh = position / outW % outH, ow = position % outW;
        for (int64_t k = 0; k < s.outputs; k++) {
          int64_t c = g * s.outputs + k;
          float value = sums[i * s.outputs + k];
          size_t operand = 2;
          for (const Step& step : p.steps) {
            if (step.silu) {
              value = silu(value, float(step.beta));
            } else {
              value += load(step.operand.element, in[operand++],
                            size_t(broadcast(step.operand, n, c, oh, ow)));
            }
          }
          store(Y.element, y, size_t(broadcast(Y, n, c, oh, ow)), value);
        }
      }
    }
  }
}

void attention(const Program& p, const std::vector<void*>& in, void* y) {
  const TensorInfo &Q = p.x, &K = p.w, &V = p.v, &O = p.y;
  float scale = p.has_scale ? *static_cast<const float*>(in[3]) : 1.0f;
  int64_t heads = Q.dims[1], L = Q.dims[2], S = K.dims[2], d = Q.dims[3], e = V.dims[3];
  in_parallel(long(Q.dims[0] * heads), 1, [&](long begin, long end) {
    std::vector<float> scores(static_cast<size_t>(S)), out(static_cast<size_t>(e));
    for (long nh = begin; nh < end; nh++) {
      auto base = [&](const TensorInfo& t) {
        return nh / heads * t.strides[0] + nh % heads * t.strides[1];
      };
      for (int64_t l = 0; l < L; l++) {
        float top = -INFINITY, sum = 0;
        for (int64_t s = 0; s < S; s++) {
          float dot = 0;
          for (int64_t i = 0; i < d; i++) {
            dot += load(Q.element, in[0], size_t(base(Q) + l * Q.strides[2] + i)) *
                   load(K.element, in[1], size_t(base(K) + s * K.strides[2] + i));
          }
          scores[size_t(s)] = dot * scale;
          top = std::max(top, scores[size_t(s)]);
        }
        std::fill(out.begin(), out.end(), 0.0f);
        for (int64_t s = 0; s < S; s++) {
          float weight = std::exp(scores[size_t(s)] - top);
          sum += weight;
          for (int64_t i = 0; i < e; i++) {
            out[size_t(i)] +=
                weight * load(V.element, in[2], size_t(base(V) + s * V.strides[2] + i));
          }
        }
        for (int64_t i = 0; i < e; i++) {
          store(O.element, y, size_t(base(O) + l * O.strides[2] + i), out[size_t(i)] / sum);
        }
      }
    }
  });
}

}  // namespace

int64_t workspace_bytes(const Program& p, int engine) {
  if (p.kind == Kind::kAttention || engine == 2) return 0;
  return convolution_floats(p, chunk(engine)) * 4;
}

void run(const Program& p, bool tensor_cores, const std::vector<void*>& inputs, void* y,
         void* workspace) {
  if (p.kind == Kind::kAttention) {
    attention(p, inputs, y);
    return;
  }
  int64_t rows = chunk(0);
  std::vector<float> own;
  float* scratch = static_cast<float*>(workspace);
  if (!scratch) {
    own.resize(size_t(convolution_floats(p, rows)));
    scratch = own.data();
  }
  bool tf32 = tensor_cores && p.x.element == Element::kFloat;
  convolution(p, tf32, rows, inputs, y, scratch);
}

}  // namespace sim::cudnn
