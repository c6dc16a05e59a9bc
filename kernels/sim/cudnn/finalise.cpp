// What each kind of descriptor demands when it is finalised. Where NVIDIA's library answers, this one
// gives the same status; where that one accepts what its header forbids, this one follows the header.
#include "descriptor.h"
#include "engines.h"
#include "program.h"

namespace sim::cudnn {
namespace {

cudnnStatus_t bad(const std::string& why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }

int element_bytes(int type) {
  switch (type) {
    case CUDNN_DATA_INT8:
    case CUDNN_DATA_UINT8:
      return 1;
    case CUDNN_DATA_HALF:
    case CUDNN_DATA_BFLOAT16:
      return 2;
    case CUDNN_DATA_FLOAT:
    case CUDNN_DATA_INT32:
      return 4;
    case CUDNN_DATA_DOUBLE:
    case CUDNN_DATA_INT64:
      return 8;
    default:
      return 0;
  }
}

cudnnStatus_t tensor(const State& s) {
  int type = s.code(CUDNN_ATTR_TENSOR_DATA_TYPE);
  if (type < 0) return bad("a tensor without a data type");
  if (type == CUDNN_DATA_INT8x4 || type == CUDNN_DATA_UINT8x4 || type == CUDNN_DATA_INT8x32) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, "vectorised types are not supported");
  }
  int bytes = element_bytes(type);
  if (bytes == 0) return bad("unknown data type " + std::to_string(type));
  if (!s.has(CUDNN_ATTR_TENSOR_UNIQUE_ID)) return bad("a tensor without a unique id");
  auto dims = s.int64s(CUDNN_ATTR_TENSOR_DIMENSIONS);
  auto strides = s.int64s(CUDNN_ATTR_TENSOR_STRIDES);
  if (dims.size() != strides.size() || dims.empty()) {
    return bad(std::to_string(dims.size()) + " dimensions and " + std::to_string(strides.size()) +
               " strides");
  }
  if (dims.size() > 8) return bad("more than 8 dimensions");
  for (int64_t d : dims) {
    if (d <= 0) return bad("dimension " + std::to_string(d) + " is not positive");
  }
  for (int64_t v : strides) {
    if (v <= 0) return bad("stride " + std::to_string(v) + " is not positive");
  }
  int64_t alignment = s.int64(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1);
  if (alignment <= 0 || alignment % bytes != 0) {
    return bad("alignment " + std::to_string(alignment) + " is no multiple of the element's size");
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t convolution(const State& s) {
  if (!s.has(CUDNN_ATTR_CONVOLUTION_COMP_TYPE) || !s.has(CUDNN_ATTR_CONVOLUTION_CONV_MODE)) {
    return bad("a convolution without compute type or mode");
  }
  size_t rank = size_t(s.int64(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 0));
  if (rank == 0) return bad("a convolution without spatial dimensions");
  for (int name : {CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
                   CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS}) {
    auto values = s.int64s(name);
    if (values.size() != rank) return bad("a list that does not have one value per dimension");
    bool padding = name >= CUDNN_ATTR_CONVOLUTION_POST_PADDINGS;
    for (int64_t v : values) {
      if (v < (padding ? 0 : 1)) return bad("stride, dilation or padding " + std::to_string(v));
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

// The finalised part of the wanted kind, or null.
StateRef ready(const State& s, int name, cudnnBackendDescriptorType_t kind) {
  StateRef part = s.part(name);
  return part && part->finalised && part->type == kind ? part : nullptr;
}

StateRef ready_tensor(const State& s, int name) {
  return ready(s, name, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
}

cudnnStatus_t convolution_operation(const State& s) {
  StateRef x = ready_tensor(s, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X);
  StateRef w = ready_tensor(s, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W);
  StateRef y = ready_tensor(s, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y);
  StateRef c = ready(s, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                     CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  if (!x || !w || !y || !c) return bad("x, w, y or the window is missing or not finalised");
  if (!s.has(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA) ||
      !s.has(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA)) {
    return bad("alpha or beta is missing");
  }
  auto xd = x->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS), wd = w->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS),
       yd = y->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS);
  size_t rank = size_t(c->int64(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS));
  if (xd.size() != rank + 2 || wd.size() != rank + 2 || yd.size() != rank + 2) {
    return bad("tensors and window are of different rank");
  }
  if (xd[1] % wd[1] != 0) return bad("input channels are no multiple of the weights'");
  if (wd[0] % (xd[1] / wd[1]) != 0) return bad("output channels do not fall into the groups");
  if (yd[1] != wd[0]) return bad("output channels and weights differ");
  if (yd[0] != xd[0]) return bad("batches differ");
  auto strides = c->int64s(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
       dilations = c->int64s(CUDNN_ATTR_CONVOLUTION_DILATIONS),
       before = c->int64s(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
       after = c->int64s(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
  for (size_t i = 0; i < rank; i++) {
    int64_t room = xd[i + 2] + before[i] + after[i] - dilations[i] * (wd[i + 2] - 1) - 1;
    if (room < 0 || yd[i + 2] != room / strides[i] + 1) {
      return bad("output size " + std::to_string(yd[i + 2]) + " of spatial dimension " +
                 std::to_string(i) + " does not follow from input, window and padding");
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t pointwise_operation(const State& s) {
  StateRef f = ready(s, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
                     CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  StateRef x = ready_tensor(s, CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
  StateRef y = ready_tensor(s, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
  if (!f || !x || !y) return bad("function, x or y is missing or not finalised");
  int mode = f->code(CUDNN_ATTR_POINTWISE_MODE);
  bool two = mode == CUDNN_POINTWISE_ADD || mode == CUDNN_POINTWISE_MUL;
  StateRef b = ready_tensor(s, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
  if (two != (b != nullptr)) return bad("a wrong number of operands for the function");
  auto xd = x->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS), yd = y->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS);
  auto bd = b ? b->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS) : yd;
  if (xd.size() != yd.size() || bd.size() != yd.size()) return bad("operands of different rank");
  for (size_t i = 0; i < yd.size(); i++) {
    if ((xd[i] != yd[i] && xd[i] != 1) || (bd[i] != yd[i] && bd[i] != 1)) {
      return bad("operands do not broadcast to the result");
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t attention(const State& s) {
  StateRef q = ready_tensor(s, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC);
  StateRef k = ready_tensor(s, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC);
  StateRef v = ready_tensor(s, CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC);
  StateRef o = ready_tensor(s, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC);
  if (!q || !k || !v || !o) return bad("q, k, v or o is missing or not finalised");
  auto qd = q->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS), kd = k->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS),
       vd = v->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS), od = o->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS);
  if (qd.size() != 4 || kd.size() != 4 || vd.size() != 4 || od.size() != 4) {
    return bad("attention of other than four dimensions");
  }
  bool fits = qd[0] == kd[0] && qd[0] == vd[0] && qd[0] == od[0] && qd[1] == kd[1] &&
              qd[1] == vd[1] && qd[1] == od[1] && kd[2] == vd[2] && qd[2] == od[2] &&
              qd[3] == kd[3] && vd[3] == od[3];
  if (!fits) return bad("the sizes of q, k, v and o do not fit each other");
  if (s.has(CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC)) {
    StateRef scale = ready_tensor(s, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC);
    if (!scale || scale->code(CUDNN_ATTR_TENSOR_DATA_TYPE) != CUDNN_DATA_FLOAT ||
        scale->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS) != std::vector<int64_t>{1, 1, 1, 1}) {
      return bad("the scale is not one float");
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t variant_pack(const State& s) {
  auto ids = s.int64s(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  auto pointers = s.pointers(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  if (ids.size() != pointers.size()) return bad("ids and pointers differ in number");
  for (size_t i = 0; i < ids.size(); i++) {
    for (size_t j = 0; j < i; j++) {
      if (ids[i] == ids[j]) return bad("id " + std::to_string(ids[i]) + " stands twice");
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

cudnnStatus_t finalise(State& s) {
  switch (s.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      return tensor(s);
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
      return convolution(s);
    case CUDNN_BACKEND_POINTWISE_DESCRIPTOR:
      if (!s.has(CUDNN_ATTR_POINTWISE_MODE) || !s.has(CUDNN_ATTR_POINTWISE_MATH_PREC)) {
        return bad("a function without mode or precision");
      }
      return CUDNN_STATUS_SUCCESS;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return convolution_operation(s);
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      return pointwise_operation(s);
    case CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR:
      return attention(s);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      return compile(s, &s.program);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      return variant_pack(s);
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
      return finalise_device(s);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      return finalise_heuristics(s);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      return finalise_plan(s);
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
    case CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR:
      return refuse(CUDNN_STATUS_NOT_SUPPORTED, "engines here come from the heuristics only");
  }
  return bad("no such kind");
}

}  // namespace sim::cudnn
