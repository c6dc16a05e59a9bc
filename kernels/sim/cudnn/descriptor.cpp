// Creating, setting and reading descriptors.
#include "descriptor.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "../cuda/library_hooks.h"
#include "engines.h"

namespace sim::cudnn {
namespace {

using Type = cudnnBackendAttributeType_t;

struct Spec {
  cudnnBackendDescriptorType_t descriptor;
  int name;
  Type type;
  int64_t most;  // elements; at least one
  bool settable;
};

constexpr int64_t kDims = 8;
constexpr int64_t kMany = 1 << 20;
constexpr int64_t kText = 1 << 26;

#define OF(d) CUDNN_BACKEND_##d##_DESCRIPTOR
#define ATTR(a) CUDNN_ATTR_##a
#define IS(t) CUDNN_TYPE_##t
const Spec kSpecs[] = {
    {OF(TENSOR), ATTR(TENSOR_UNIQUE_ID), IS(INT64), 1, true},
    {OF(TENSOR), ATTR(TENSOR_DATA_TYPE), IS(DATA_TYPE), 1, true},
    {OF(TENSOR), ATTR(TENSOR_BYTE_ALIGNMENT), IS(INT64), 1, true},
    {OF(TENSOR), ATTR(TENSOR_DIMENSIONS), IS(INT64), kDims, true},
    {OF(TENSOR), ATTR(TENSOR_STRIDES), IS(INT64), kDims, true},
    {OF(TENSOR), ATTR(TENSOR_IS_VIRTUAL), IS(BOOLEAN), 1, true},
    {OF(TENSOR), ATTR(TENSOR_IS_BY_VALUE), IS(BOOLEAN), 1, true},
    {OF(CONVOLUTION), ATTR(CONVOLUTION_COMP_TYPE), IS(DATA_TYPE), 1, true},
    {OF(CONVOLUTION), ATTR(CONVOLUTION_CONV_MODE), IS(CONVOLUTION_MODE), 1, true},
    {OF(CONVOLUTION), ATTR(CONVOLUTION_SPATIAL_DIMS), IS(INT64), 1, true},
    {OF(CONVOLUTION), ATTR(CONVOLUTION_DILATIONS), IS(INT64), kDims, true},
    {OF(CONVOLUTION), ATTR(CONVOLUTION_FILTER_STRIDES), IS(INT64), kDims, true},
    {OF(CONVOLUTION), ATTR(CONVOLUTION_PRE_PADDINGS), IS(INT64), kDims, true},
    {OF(CONVOLUTION), ATTR(CONVOLUTION_POST_PADDINGS), IS(INT64), kDims, true},
    {OF(POINTWISE), ATTR(POINTWISE_MODE), IS(POINTWISE_MODE), 1, true},
    {OF(POINTWISE), ATTR(POINTWISE_MATH_PREC), IS(DATA_TYPE), 1, true},
    {OF(POINTWISE), ATTR(POINTWISE_SWISH_BETA), IS(FLOAT), 1, true},
    {OF(OPERATION_CONVOLUTION_FORWARD), ATTR(OPERATION_CONVOLUTION_FORWARD_ALPHA), IS(FLOAT), 1, true},
    {OF(OPERATION_CONVOLUTION_FORWARD), ATTR(OPERATION_CONVOLUTION_FORWARD_BETA), IS(FLOAT), 1, true},
    {OF(OPERATION_CONVOLUTION_FORWARD), ATTR(OPERATION_CONVOLUTION_FORWARD_CONV_DESC), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_CONVOLUTION_FORWARD), ATTR(OPERATION_CONVOLUTION_FORWARD_X), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_CONVOLUTION_FORWARD), ATTR(OPERATION_CONVOLUTION_FORWARD_W), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_CONVOLUTION_FORWARD), ATTR(OPERATION_CONVOLUTION_FORWARD_Y), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_POINTWISE), ATTR(OPERATION_POINTWISE_PW_DESCRIPTOR), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_POINTWISE), ATTR(OPERATION_POINTWISE_XDESC), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_POINTWISE), ATTR(OPERATION_POINTWISE_BDESC), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_POINTWISE), ATTR(OPERATION_POINTWISE_YDESC), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_SDPA_FWD), ATTR(OPERATION_SDPA_FWD_QDESC), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_SDPA_FWD), ATTR(OPERATION_SDPA_FWD_KDESC), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_SDPA_FWD), ATTR(OPERATION_SDPA_FWD_VDESC), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_SDPA_FWD), ATTR(OPERATION_SDPA_FWD_ODESC), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATION_SDPA_FWD), ATTR(OPERATION_SDPA_FWD_SCALEDESC), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(OPERATIONGRAPH), ATTR(OPERATIONGRAPH_HANDLE), IS(HANDLE), 1, true},
    {OF(OPERATIONGRAPH), ATTR(OPERATIONGRAPH_OPS), IS(BACKEND_DESCRIPTOR), kMany, true},
    {OF(ENGINEHEUR), ATTR(ENGINEHEUR_MODE), IS(HEUR_MODE), 1, true},
    {OF(ENGINEHEUR), ATTR(ENGINEHEUR_OPERATION_GRAPH), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(ENGINEHEUR), ATTR(ENGINEHEUR_DEVICEPROP), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(ENGINEHEUR), ATTR(ENGINEHEUR_RESULTS), IS(BACKEND_DESCRIPTOR), kMany, false},
    {OF(ENGINECFG), ATTR(ENGINECFG_ENGINE), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(ENGINECFG), ATTR(ENGINECFG_KNOB_CHOICES), IS(BACKEND_DESCRIPTOR), kMany, false},
    {OF(ENGINE), ATTR(ENGINE_GLOBAL_INDEX), IS(INT64), 1, true},
    {OF(ENGINE), ATTR(ENGINE_NUMERICAL_NOTE), IS(NUMERICAL_NOTE), kMany, false},
    {OF(KNOB_CHOICE), ATTR(KNOB_CHOICE_KNOB_TYPE), IS(KNOB_TYPE), 1, true},
    {OF(KNOB_CHOICE), ATTR(KNOB_CHOICE_KNOB_VALUE), IS(INT64), 1, true},
    {OF(EXECUTION_PLAN), ATTR(EXECUTION_PLAN_HANDLE), IS(HANDLE), 1, true},
    {OF(EXECUTION_PLAN), ATTR(EXECUTION_PLAN_ENGINE_CONFIG), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(EXECUTION_PLAN), ATTR(EXECUTION_PLAN_DEVICEPROP), IS(BACKEND_DESCRIPTOR), 1, true},
    {OF(EXECUTION_PLAN), ATTR(EXECUTION_PLAN_JSON_REPRESENTATION), IS(CHAR), kText, true},
    {OF(EXECUTION_PLAN), ATTR(EXECUTION_PLAN_WORKSPACE_SIZE), IS(INT64), 1, false},
    {OF(VARIANT_PACK), ATTR(VARIANT_PACK_UNIQUE_IDS), IS(INT64), kMany, true},
    {OF(VARIANT_PACK), ATTR(VARIANT_PACK_DATA_POINTERS), IS(VOID_PTR), kMany, true},
    {OF(VARIANT_PACK), ATTR(VARIANT_PACK_WORKSPACE), IS(VOID_PTR), 1, true},
    {OF(DEVICEPROP), ATTR(DEVICEPROP_DEVICE_ID), IS(INT32), 1, true},
    {OF(DEVICEPROP), ATTR(DEVICEPROP_HANDLE), IS(HANDLE), 1, true},
    {OF(DEVICEPROP), ATTR(DEVICEPROP_JSON_REPRESENTATION), IS(CHAR), kText, true},
};
#undef OF
#undef ATTR
#undef IS

const Spec* spec(cudnnBackendDescriptorType_t descriptor, int name) {
  for (const Spec& s : kSpecs) {
    if (s.descriptor == descriptor && s.name == name) return &s;
  }
  return nullptr;
}

bool exists(cudnnBackendDescriptorType_t type) {
  return std::any_of(std::begin(kSpecs), std::end(kSpecs),
                     [type](const Spec& s) { return s.descriptor == type; });
}

std::mutex lock;

std::unordered_map<void*, std::unique_ptr<Descriptor>>& all() {
  static auto* map = new std::unordered_map<void*, std::unique_ptr<Descriptor>>;
  return *map;
}

thread_local std::string last_error;

cudnnStatus_t wrong(const State& s, int name, cudnnStatus_t status, const char* why) {
  return refuse(status, "descriptor " + std::to_string(s.type) + ", attribute " +
                            std::to_string(name) + ": " + why);
}

template <typename T>
std::vector<T> elements(const State& s, int name) {
  auto it = s.attributes.find(name);
  if (it == s.attributes.end()) return {};
  std::vector<T> out(it->second.bytes.size() / sizeof(T));
  std::memcpy(out.data(), it->second.bytes.data(), out.size() * sizeof(T));
  return out;
}

}  // namespace

size_t size_of(Type type) {
  switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
      return 1;
    case CUDNN_TYPE_DATA_TYPE:
    case CUDNN_TYPE_FLOAT:
    case CUDNN_TYPE_CONVOLUTION_MODE:
    case CUDNN_TYPE_HEUR_MODE:
    case CUDNN_TYPE_KNOB_TYPE:
    case CUDNN_TYPE_NUMERICAL_NOTE:
    case CUDNN_TYPE_POINTWISE_MODE:
    case CUDNN_TYPE_INT32:
      return 4;
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
      return 8;
  }
  return 0;
}

int64_t State::count(int name) const {
  auto it = attributes.find(name);
  if (it == attributes.end()) return 0;
  return int64_t(it->second.bytes.size() / size_of(it->second.type));
}

std::vector<int64_t> State::int64s(int name) const { return elements<int64_t>(*this, name); }

int64_t State::int64(int name, int64_t otherwise) const {
  auto values = elements<int64_t>(*this, name);
  return values.empty() ? otherwise : values[0];
}

int32_t State::code(int name, int32_t otherwise) const {
  auto it = attributes.find(name);
  if (it == attributes.end()) return otherwise;
  if (it->second.bytes.size() == 1) return it->second.bytes[0];
  return elements<int32_t>(*this, name)[0];
}

double State::real(int name, double otherwise) const {
  auto values = elements<float>(*this, name);
  return values.empty() ? otherwise : double(values[0]);
}

std::vector<void*> State::pointers(int name) const { return elements<void*>(*this, name); }

std::string State::text(int name) const {
  auto it = attributes.find(name);
  if (it == attributes.end()) return "";
  std::string all(it->second.bytes.begin(), it->second.bytes.end());
  return all.substr(0, all.find('\0'));
}

StateRef State::part(int name) const {
  auto it = attributes.find(name);
  return it == attributes.end() ? nullptr : it->second.parts.at(0);
}

std::vector<StateRef> State::parts(int name) const {
  auto it = attributes.find(name);
  return it == attributes.end() ? std::vector<StateRef>() : it->second.parts;
}

void State::put_int64(int name, int64_t value) {
  Attribute a{CUDNN_TYPE_INT64, std::vector<char>(sizeof value), {}};
  std::memcpy(a.bytes.data(), &value, sizeof value);
  attributes[name] = std::move(a);
}

Descriptor* find(void* descriptor) {
  std::lock_guard<std::mutex> guard(lock);
  auto it = all().find(descriptor);
  return it == all().end() ? nullptr : it->second.get();
}

cudnnStatus_t refuse(cudnnStatus_t status, const std::string& why) {
  last_error = why;
  return status;
}

}  // namespace sim::cudnn

using namespace sim::cudnn;

SIM_API void cudnnGetLastErrorString(char* message, size_t max_size) {
  if (!message || max_size == 0) return;
  size_t length = std::min(max_size - 1, last_error.size());
  std::memcpy(message, last_error.data(), length);
  message[length] = 0;
  last_error.clear();
}

SIM_API cudnnStatus_t cudnnBackendCreateDescriptor(int type, void** descriptor) {
  if (int code = morseSimInjected("cudnnBackendCreateDescriptor")) return cudnnStatus_t(code);
  if (!descriptor) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "descriptor is null");
  if (!exists(cudnnBackendDescriptorType_t(type))) {
    // This odd status is what cuDNN 9 gives.
    return refuse(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "no such descriptor type");
  }
  auto made = std::make_unique<Descriptor>();
  made->state = std::make_shared<State>();
  made->state->type = cudnnBackendDescriptorType_t(type);
  *descriptor = made.get();
  std::lock_guard<std::mutex> guard(lock);
  all()[made.get()] = std::move(made);
  return CUDNN_STATUS_SUCCESS;
}

SIM_API cudnnStatus_t cudnnBackendDestroyDescriptor(void* descriptor) {
  std::lock_guard<std::mutex> guard(lock);
  if (all().erase(descriptor) == 0) {
    return refuse(CUDNN_STATUS_BAD_PARAM, "no such descriptor: destroyed twice?");
  }
  return CUDNN_STATUS_SUCCESS;
}

// For tests: descriptors that were created and not destroyed.
SIM_API size_t morseSimCudnnDescriptors(void) {
  std::lock_guard<std::mutex> guard(lock);
  return all().size();
}

SIM_API cudnnStatus_t cudnnBackendSetAttribute(void* descriptor, int name, int type, int64_t count,
                                               const void* data) {
  Descriptor* d = find(descriptor);
  if (!d) return refuse(CUDNN_STATUS_BAD_PARAM, "no such descriptor");
  State& s = *d->state;
  if (s.finalised) return wrong(s, name, CUDNN_STATUS_BAD_PARAM, "set after finalising");
  const Spec* known = spec(s.type, name);
  if (!known) return wrong(s, name, CUDNN_STATUS_BAD_PARAM, "this kind has no such attribute");
  if (!known->settable) return wrong(s, name, CUDNN_STATUS_BAD_PARAM, "is read-only");
  if (type != known->type) {
    return wrong(s, name, CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "of another type");
  }
  if (!data) return wrong(s, name, CUDNN_STATUS_BAD_PARAM, "no data");
  bool may_exceed = name == CUDNN_ATTR_TENSOR_DIMENSIONS || name == CUDNN_ATTR_TENSOR_STRIDES;
  if (count < 1 || (count > known->most && !may_exceed)) {
    return wrong(s, name, CUDNN_STATUS_BAD_PARAM, "a wrong number of elements");
  }
  Attribute a{known->type, {}, {}};
  const char* bytes = static_cast<const char*>(data);
  a.bytes.assign(bytes, bytes + size_t(count) * size_of(known->type));
  if (known->type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    for (int64_t i = 0; i < count; i++) {
      Descriptor* part = find(static_cast<void* const*>(data)[i]);
      if (!part) return wrong(s, name, CUDNN_STATUS_BAD_PARAM, "an element is no descriptor");
      if (s.type == CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR && !part->state->finalised) {
        return wrong(s, name, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "an element is not finalised");
      }
      a.parts.push_back(part->state);
    }
  }
  s.attributes[name] = std::move(a);
  return CUDNN_STATUS_SUCCESS;
}

SIM_API cudnnStatus_t cudnnBackendGetAttribute(void* descriptor, int name, int type, int64_t room,
                                               int64_t* count, void* data) {
  Descriptor* d = find(descriptor);
  if (!d) return refuse(CUDNN_STATUS_BAD_PARAM, "no such descriptor");
  State& s = *d->state;
  if (!s.finalised) return wrong(s, name, CUDNN_STATUS_NOT_INITIALIZED, "not finalised");
  const Spec* known = spec(s.type, name);
  if (!known) return wrong(s, name, CUDNN_STATUS_BAD_PARAM, "this kind has no such attribute");
  if (type != known->type) {
    return wrong(s, name, CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "of another type");
  }
  if (room < 0 || (room > 0 && !data)) return wrong(s, name, CUDNN_STATUS_BAD_PARAM, "no room");
  if (known->type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    return fill_descriptors(s, name, room, count, static_cast<void**>(data));
  }
  if (name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE) return fill_notes(s, room, count, data);
  int64_t have = s.count(name);
  if (have == 0) return wrong(s, name, CUDNN_STATUS_BAD_PARAM, "was never set");
  if (count) *count = have;
  if (data) {
    size_t elements = size_t(std::min(have, room));
    std::memcpy(data, s.attributes[name].bytes.data(), elements * size_of(known->type));
  }
  return CUDNN_STATUS_SUCCESS;
}

SIM_API cudnnStatus_t cudnnBackendFinalize(void* descriptor) {
  Descriptor* d = find(descriptor);
  if (!d) return refuse(CUDNN_STATUS_BAD_PARAM, "no such descriptor");
  if (int code = morseSimInjected("cudnnBackendFinalize")) return cudnnStatus_t(code);
  if (d->state->finalised) return refuse(CUDNN_STATUS_BAD_PARAM, "finalised twice");
  cudnnStatus_t status = finalise(*d->state);
  if (status == CUDNN_STATUS_SUCCESS) d->state->finalised = true;
  return status;
}
