// Backend descriptors: attributes with a type and a count, checked when set, and as a whole when
// finalised.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cudnn_types.h"

namespace sim::cudnn {

struct State;
using StateRef = std::shared_ptr<State>;

struct Attribute {
  cudnnBackendAttributeType_t type;
  std::vector<char> bytes;
  std::vector<StateRef> parts;  // where the elements are descriptors
};

struct Program;

// What a handle points at; descriptors that were put into others share it with them.
struct State {
  cudnnBackendDescriptorType_t type;
  bool finalised = false;
  std::map<int, Attribute> attributes;
  std::shared_ptr<const Program> program;  // of graphs, configurations and plans
  int architecture = 0;                    // of the device that it is for
  int engine = 0;                          // of engines, configurations and plans

  bool has(int name) const { return attributes.count(name) != 0; }
  int64_t count(int name) const;
  std::vector<int64_t> int64s(int name) const;
  int64_t int64(int name, int64_t otherwise = 0) const;
  int32_t code(int name, int32_t otherwise = -1) const;
  double real(int name, double otherwise) const;
  std::vector<void*> pointers(int name) const;
  std::string text(int name) const;
  StateRef part(int name) const;
  std::vector<StateRef> parts(int name) const;
  void put_int64(int name, int64_t value);
};

struct Descriptor {
  StateRef state;
};

// The element size of an attribute type; 0 for one that the library does not have.
size_t size_of(cudnnBackendAttributeType_t type);

// Null where no such descriptor exists (any more).
Descriptor* find(void* descriptor);

// Finalises a state: what each kind demands.
cudnnStatus_t finalise(State& state);

// Sets the text of cudnnGetLastErrorString and gives the status.
cudnnStatus_t refuse(cudnnStatus_t status, const std::string& why);

// The architecture that a handle or device properties stand for.
cudnnStatus_t architecture_of(const State& state, int handle, int properties, int* out);

}  // namespace sim::cudnn
