// Streams, events and the operations queued on them.
//
// Work is never started when it is queued: it runs when somebody waits for it (a synchronisation, an
// event, a blocking copy), and then only as much as the wait needs. That is the latest schedule a
// device is allowed, so a missing wait is visible every time: a buffer overwritten too early, a result
// read too soon, a stream that does not wait for another.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "driver_types.h"

namespace sim {

struct Operation {
  CUgraphNodeType type;
  std::string name;
  std::function<CUresult()> run;
};
using OperationRef = std::shared_ptr<const Operation>;

// A point in a stream that somebody may wait for.
struct Marker {
  Stream* stream = nullptr;  // valid until done
  bool done = false;
  double nanoseconds = 0;  // when it was reached
};
using MarkerRef = std::shared_ptr<Marker>;

struct Capture;

struct Stream {
  std::deque<OperationRef> queue;
  bool blocking = true;  // orders itself with the null stream
  bool running = false;
  // While it records a graph: the recording, and the nodes that the next node follows.
  std::shared_ptr<Capture> capture;
  std::vector<Node*> tail;
};

struct Event {
  bool timing = true;
  MarkerRef marker;  // null before the first record
  // Recorded in a capturing stream: what a waiting stream takes over.
  std::shared_ptr<Capture> capture;
  std::vector<Node*> captured;
};

// The stream of a handle (null and the legacy handles are the null stream), or null if there is none.
Stream* find_stream(CUstream handle);
Stream* null_stream();
bool is_capturing(const Stream* stream);

// Queues the operation, or records it where the stream is capturing.
CUresult enqueue(Stream* stream, Operation operation);
CUresult enqueue_free(Stream* stream, CUdeviceptr address);

// A mark behind everything that the stream holds now.
MarkerRef mark(Stream* stream);
// Runs what the marker waits for.
CUresult reach(const MarkerRef& marker);
// Runs one operation; false if there was none.
bool step(Stream* stream);
CUresult drain(Stream* stream);
CUresult drain_all();
// Runs the streams that hold frees, for an allocation that would fail otherwise.
void drain_frees();

// CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, and the captures spoilt, where a capture forbids calls that
// may synchronise.
CUresult refuse_while_capturing();

// Of graph.cpp.
CUresult record(Stream* stream, Operation operation);
CUresult join_capture(Stream* stream, const Event* event);
void spoil(const std::shared_ptr<Capture>& capture);

}  // namespace sim
