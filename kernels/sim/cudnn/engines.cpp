#include "engines.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace sim::cudnn {
namespace {

cudnnStatus_t bad(const std::string& why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }

// The value behind "key": in a flat JSON object; empty if it is not there.
std::string json_value(const std::string& json, const std::string& key) {
  size_t at = json.find("\"" + key + "\"");
  if (at == std::string::npos) return "";
  at = json.find(':', at);
  if (at == std::string::npos) return "";
  at = json.find_first_not_of(" \t\n", at + 1);
  if (at == std::string::npos) return "";
  if (json[at] == '"') {
    size_t end = json.find('"', at + 1);
    return end == std::string::npos ? "" : json.substr(at + 1, end - at - 1);
  }
  size_t end = json.find_first_of(",}", at);
  return end == std::string::npos ? "" : json.substr(at, end - at);
}

bool is_object(const std::string& json) {
  return !json.empty() && json.front() == '{' && json.back() == '}';
}

// Keys that NVIDIA's library demands of device properties.
const char* const kDeviceKeys[] = {
    "maxGridSize",     "maxBlockSize",    "regsPerBlock",        "multiProcessorCount",
    "warpSize",        "maxSharedMemoryPerBlock", "maxSharedMemoryPerBlockOptin",
    "reservedSharedMemoryPerBlock", "maxRegistersPerSM", "maxCtasPerSM", "maxThreadsPerBlock",
    "maxThreadsPerSM", "pciDeviceId",     "isTccDriver",         "supportCoopLaunch",
    "totalGlobalMem",  "smClockRateKHz",  "memClockRateKHz",     "memoryBusWidth",
    "l2CacheSize",     "cudaDeviceId",    "deviceVer",           "driverVer",
    "deviceName"};

cudnnStatus_t refill(void* descriptor, cudnnBackendDescriptorType_t type, Descriptor** out) {
  Descriptor* d = find(descriptor);
  if (!d || d->state->type != type) return bad("an element is no descriptor of the right kind");
  *out = d;
  return CUDNN_STATUS_SUCCESS;
}

std::string plan_json(const State& s) {
  return "{\"library\":\"morse-sim\",\"deviceVer\":" + std::to_string(s.architecture) +
         ",\"engine\":" + std::to_string(s.engine) + ",\"program\":\"" + write(*s.program) + "\"}";
}

void put_text(State& s, int name, const std::string& text) {
  s.attributes[name] = {CUDNN_TYPE_CHAR, std::vector<char>(text.begin(), text.end()), {}};
}

// Engines in the order in which a mode proposes them.
std::vector<int> proposed(int mode) {
  if (mode == CUDNN_HEUR_MODE_FALLBACK) return {2};
  return {0, 1};
}

}  // namespace

cudnnStatus_t architecture_of(const State& s, int handle, int properties, int* out) {
  if (s.has(properties)) {
    StateRef device = s.part(properties);
    if (!device->finalised || device->type != CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR) {
      return bad("device properties are not finalised");
    }
    *out = device->architecture;
    return CUDNN_STATUS_SUCCESS;
  }
  auto handles = s.pointers(handle);
  *out = handles.empty() ? 0 : architecture_of_handle(handles[0]);
  return *out ? CUDNN_STATUS_SUCCESS : bad("neither a handle nor device properties");
}

cudnnStatus_t finalise_device(State& s) {
  std::string json = s.text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
  if (s.has(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION)) {
    if (!is_object(json)) return bad("device properties are no JSON object");
    for (const char* key : kDeviceKeys) {
      if (json_value(json, key).empty()) return bad(std::string("no \"") + key + "\"");
    }
    // 900 for sm_90.
    s.architecture = std::atoi(json_value(json, "deviceVer").c_str()) / 10;
    return CUDNN_STATUS_SUCCESS;
  }
  auto handles = s.pointers(CUDNN_ATTR_DEVICEPROP_HANDLE);
  s.architecture = handles.empty() ? 0 : architecture_of_handle(handles[0]);
  if (!s.architecture) return refuse(CUDNN_STATUS_NOT_INITIALIZED, "no device");
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalise_heuristics(State& s) {
  StateRef graph = s.part(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
  if (!graph || !graph->finalised || graph->type != CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
    return bad("no finalised operation graph");
  }
  int mode = s.code(CUDNN_ATTR_ENGINEHEUR_MODE);
  if (mode < 0 || mode > CUDNN_HEUR_MODE_A) return bad("no such mode");
  s.program = graph->program;
  if (s.has(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP)) {
    return architecture_of(s, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
                           &s.architecture);
  }
  return architecture_of(*graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE,
                         CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, &s.architecture);
}

cudnnStatus_t finalise_plan(State& s) {
  int architecture = 0;
  if (cudnnStatus_t status = architecture_of(s, CUDNN_ATTR_EXECUTION_PLAN_HANDLE,
                                             CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, &architecture)) {
    return status;
  }
  if (s.has(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION)) {
    std::string json = s.text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
    if (!is_object(json)) return bad("a plan that is no JSON object");
    std::string device = json_value(json, "deviceVer"), engine = json_value(json, "engine");
    auto program = std::make_shared<Program>();
    if (device.empty() || engine.empty() || !read(json_value(json, "program"), program.get())) {
      return bad("a plan with missing or damaged keys");
    }
    if (std::atoi(device.c_str()) != architecture) {
      return refuse(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH, "a plan for another architecture");
    }
    s.program = program;
    s.engine = std::clamp(std::atoi(engine.c_str()), 0, kEngines - 1);
  } else {
    StateRef config = s.part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    if (!config || !config->finalised || config->type != CUDNN_BACKEND_ENGINECFG_DESCRIPTOR) {
      return bad("no engine configuration");
    }
    if (config->architecture != architecture) {
      return refuse(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH,
                    "a configuration for another architecture");
    }
    s.program = config->program;
    s.engine = config->engine;
  }
  s.architecture = architecture;
  put_text(s, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, plan_json(s));
  s.put_int64(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, workspace_bytes(*s.program, s.engine));
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t fill_descriptors(const State& s, int name, int64_t room, int64_t* count,
                               void** out) {
  if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) {
    std::vector<int> engines;
    if (s.program) engines = proposed(s.code(CUDNN_ATTR_ENGINEHEUR_MODE));
    if (count) *count = int64_t(engines.size());
    for (int64_t i = 0; i < std::min(room, int64_t(engines.size())); i++) {
      Descriptor* d;
      if (auto status = refill(out[i], CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &d)) return status;
      d->state = std::make_shared<State>();
      d->state->type = CUDNN_BACKEND_ENGINECFG_DESCRIPTOR;
      d->state->finalised = true;
      d->state->program = s.program;
      d->state->architecture = s.architecture;
      d->state->engine = engines[size_t(i)];
    }
    return CUDNN_STATUS_SUCCESS;
  }
  if (name == CUDNN_ATTR_ENGINECFG_ENGINE) {
    if (count) *count = 1;
    if (room < 1) return CUDNN_STATUS_SUCCESS;
    Descriptor* d;
    if (auto status = refill(out[0], CUDNN_BACKEND_ENGINE_DESCRIPTOR, &d)) return status;
    d->state->finalised = true;
    d->state->engine = s.engine;
    d->state->put_int64(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, s.engine);
    return CUDNN_STATUS_SUCCESS;
  }
  if (name == CUDNN_ATTR_ENGINECFG_KNOB_CHOICES) {
    // As NVIDIA's library, which tells the number only where there is room: one knob, the tile.
    if (count) *count = room < 1 ? 0 : 1;
    if (room < 1) return CUDNN_STATUS_SUCCESS;
    Descriptor* d;
    if (auto status = refill(out[0], CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, &d)) return status;
    d->state->finalised = true;
    Attribute type{CUDNN_TYPE_KNOB_TYPE, std::vector<char>(4, 0), {}};
    type.bytes[0] = 24;
    d->state->attributes[CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE] = type;
    d->state->put_int64(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, s.engine + 1);
    return CUDNN_STATUS_SUCCESS;
  }
  return bad("descriptors cannot be read back");
}

cudnnStatus_t fill_notes(const State& s, int64_t room, int64_t* count, void* out) {
  bool tensor_cores = uses_tensor_cores(s.engine);
  if (count) *count = tensor_cores ? 1 : 0;
  if (tensor_cores && room > 0) {
    int note = CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    std::memcpy(out, &note, sizeof note);
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace sim::cudnn
