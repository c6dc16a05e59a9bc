// Engines, heuristics, plans and devices.
#pragma once
#include "descriptor.h"
#include "program.h"

namespace sim::cudnn {

// Three ways to run a program: through a workspace with tensor cores (which read floats as TF32), the
// same with larger tiles, and without either.
constexpr int kEngines = 3;
inline bool uses_tensor_cores(int engine) { return engine != 2; }
int64_t workspace_bytes(const Program& program, int engine);

cudnnStatus_t finalise_device(State& s);
cudnnStatus_t finalise_heuristics(State& s);
cudnnStatus_t finalise_plan(State& s);

// Fills descriptors that the caller created: results of heuristics, a configuration's engine, knobs.
cudnnStatus_t fill_descriptors(const State& s, int name, int64_t room, int64_t* count, void** out);
cudnnStatus_t fill_notes(const State& s, int64_t room, int64_t* count, void* out);

// A handle of cudnnCreate: the architecture of its device, 0 if there is no such handle.
int architecture_of_handle(void* handle);

// Runs a program; what it is given has been checked.
void run(const Program& program, bool tensor_cores, const std::vector<void*>& inputs, void* y,
         void* workspace);

}  // namespace sim::cudnn
