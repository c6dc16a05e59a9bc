// Streams and events: queues of operations that run when they are waited for.
#include "stream.h"

#include <algorithm>
#include <chrono>

#include "device.h"
#include "memory.h"

namespace sim {
namespace {

std::vector<Stream*>& streams() {
  static auto* all = new std::vector<Stream*>{new Stream};
  return *all;
}

// More than this in one queue and the oldest half runs, as a device's queue is finite too.
constexpr size_t kQueue = 16384;

double now() {
  return double(std::chrono::duration_cast<std::chrono::nanoseconds>(
                    std::chrono::steady_clock::now().time_since_epoch())
                    .count());
}

void push(Stream* stream, Operation operation) {
  stream->queue.push_back(std::make_shared<const Operation>(std::move(operation)));
}

void push_wait(Stream* stream, MarkerRef marker) {
  push(stream, {CU_GRAPH_NODE_TYPE_WAIT_EVENT, "wait", [marker] { return reach(marker); }});
}

// The null stream waits for all blocking streams, and they for it.
void order_with_null_stream(Stream* stream) {
  Stream* null = null_stream();
  if (stream == null) {
    for (Stream* other : streams()) {
      if (other != null && other->blocking && !other->queue.empty() && !is_capturing(other)) {
        push_wait(null, mark(other));
      }
    }
  } else if (stream->blocking && !null->queue.empty()) {
    push_wait(stream, mark(null));
  }
}

}  // namespace

Stream* null_stream() { return streams()[0]; }

Stream* find_stream(CUstream handle) {
  if (uintptr_t(handle) <= 2) return null_stream();
  return is_handle(handle, "stream") ? handle : nullptr;
}

CUresult enqueue(Stream* stream, Operation operation) {
  if (is_capturing(stream)) return record(stream, std::move(operation));
  if (stream == null_stream()) {
    for (Stream* other : streams()) {
      if (other->blocking && is_capturing(other)) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
  }
  order_with_null_stream(stream);
  push(stream, std::move(operation));
  if (stream->queue.size() > kQueue) {
    while (stream->queue.size() > kQueue / 2) step(stream);
  }
  return CUDA_SUCCESS;
}

CUresult enqueue_free(Stream* stream, CUdeviceptr address) {
  return enqueue(stream, {CU_GRAPH_NODE_TYPE_EMPTY, "free", [address] {
                            free_allocation(find_allocation(address));
                            return CUDA_SUCCESS;
                          }});
}

MarkerRef mark(Stream* stream) {
  auto marker = std::make_shared<Marker>();
  marker->stream = stream;
  push(stream, {CU_GRAPH_NODE_TYPE_EVENT_RECORD, "mark", [marker] {
                  marker->done = true;
                  marker->nanoseconds = now();
                  return CUDA_SUCCESS;
                }});
  return marker;
}

bool step(Stream* stream) {
  if (stream->queue.empty()) return false;
  OperationRef next = std::move(stream->queue.front());
  stream->queue.pop_front();
  // After a fault nothing runs any more, but marks are still reached so that waits end.
  if (!sticky_fault() || next->type == CU_GRAPH_NODE_TYPE_EVENT_RECORD) next->run();
  return true;
}

CUresult reach(const MarkerRef& marker) {
  while (!marker->done && step(marker->stream)) {
  }
  return sticky_fault();
}

CUresult drain(Stream* stream) {
  while (step(stream)) {
  }
  return sticky_fault();
}

CUresult drain_all() {
  for (Stream* stream : std::vector<Stream*>(streams())) drain(stream);
  return sticky_fault();
}

void drain_frees() {
  for (Stream* stream : std::vector<Stream*>(streams())) {
    bool frees = std::any_of(stream->queue.begin(), stream->queue.end(),
                             [](const OperationRef& o) { return o->name == "free"; });
    if (frees) drain(stream);
  }
}

}  // namespace sim

using namespace sim;

SIM_API CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int) {
  SIM_ENTER_CONTEXT(cuStreamCreateWithPriority);
  SIM_GUARD(stream && flags <= CU_STREAM_NON_BLOCKING, CUDA_ERROR_INVALID_VALUE);
  *stream = new Stream;
  (*stream)->blocking = flags == CU_STREAM_DEFAULT;
  streams().push_back(*stream);
  remember_handle(*stream, "stream");
  return CUDA_SUCCESS;
}

SIM_API CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  SIM_ENTER_CONTEXT(cuStreamCreate);
  return cuStreamCreateWithPriority(stream, flags, 0);
}

SIM_API CUresult cuStreamDestroy_v2(CUstream stream) {
  SIM_ENTER_CONTEXT(cuStreamDestroy_v2);
  SIM_GUARD(is_handle(stream, "stream"), CUDA_ERROR_INVALID_HANDLE);
  if (stream->capture) {
    spoil(stream->capture);
    stream->capture = nullptr;
  }
  // The work that it holds still completes.
  CUresult code = drain(stream);
  streams().erase(std::find(streams().begin(), streams().end(), stream));
  forget_handle(stream);
  delete stream;
  return code;
}

SIM_API CUresult cuStreamSynchronize(CUstream handle) {
  SIM_ENTER_CONTEXT(cuStreamSynchronize);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream, CUDA_ERROR_INVALID_HANDLE);
  if (is_capturing(stream)) {
    spoil(stream->capture);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  if (stream == null_stream()) order_with_null_stream(stream);
  return drain(stream);
}

SIM_API CUresult cuStreamQuery(CUstream handle) {
  SIM_ENTER_CONTEXT(cuStreamQuery);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream, CUDA_ERROR_INVALID_HANDLE);
  if (is_capturing(stream)) {
    spoil(stream->capture);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  // Whoever polls makes the queue move, one operation per call.
  bool more = step(stream);
  if (CUresult code = sticky_fault()) return code;
  return more ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

SIM_API CUresult cuStreamWaitEvent(CUstream handle, CUevent event, unsigned) {
  SIM_ENTER_CONTEXT(cuStreamWaitEvent);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream && is_handle(event, "event"), CUDA_ERROR_INVALID_HANDLE);
  if (event->capture) return join_capture(stream, event);
  if (is_capturing(stream)) {
    spoil(stream->capture);
    return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  }
  if (event->marker && !event->marker->done) push_wait(stream, event->marker);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) {
  SIM_ENTER_CONTEXT(cuLaunchHostFunc);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream, CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(function, CUDA_ERROR_INVALID_VALUE);
  return enqueue(stream, {CU_GRAPH_NODE_TYPE_HOST, "host function", [function, data] {
                            function(data);
                            return CUDA_SUCCESS;
                          }});
}

SIM_API CUresult cuEventCreate(CUevent* event, unsigned flags) {
  SIM_ENTER_CONTEXT(cuEventCreate);
  SIM_GUARD(event && flags < 8, CUDA_ERROR_INVALID_VALUE);
  *event = new Event;
  (*event)->timing = !(flags & CU_EVENT_DISABLE_TIMING);
  remember_handle(*event, "event");
  return CUDA_SUCCESS;
}

SIM_API CUresult cuEventDestroy_v2(CUevent event) {
  SIM_ENTER_CONTEXT(cuEventDestroy_v2);
  SIM_GUARD(is_handle(event, "event"), CUDA_ERROR_INVALID_HANDLE);
  forget_handle(event);
  delete event;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuEventRecord(CUevent event, CUstream handle) {
  SIM_ENTER_CONTEXT(cuEventRecord);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream && is_handle(event, "event"), CUDA_ERROR_INVALID_HANDLE);
  if (is_capturing(stream)) {
    event->capture = stream->capture;
    event->captured = stream->tail;
    event->marker = nullptr;
    return CUDA_SUCCESS;
  }
  event->capture = nullptr;
  order_with_null_stream(stream);
  event->marker = mark(stream);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuEventSynchronize(CUevent event) {
  SIM_ENTER_CONTEXT(cuEventSynchronize);
  SIM_GUARD(is_handle(event, "event"), CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(!event->capture, CUDA_ERROR_CAPTURED_EVENT);
  return event->marker ? reach(event->marker) : CUDA_SUCCESS;
}

SIM_API CUresult cuEventQuery(CUevent event) {
  SIM_ENTER_CONTEXT(cuEventQuery);
  SIM_GUARD(is_handle(event, "event"), CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(!event->capture, CUDA_ERROR_CAPTURED_EVENT);
  if (!event->marker || event->marker->done) return CUDA_SUCCESS;
  step(event->marker->stream);
  if (CUresult code = sticky_fault()) return code;
  return event->marker->done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

SIM_API CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  SIM_ENTER_CONTEXT(cuEventElapsedTime);
  SIM_GUARD(milliseconds, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(is_handle(start, "event") && is_handle(end, "event"), CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(start->timing && end->timing && start->marker && end->marker,
            CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(start->marker->done && end->marker->done, CUDA_ERROR_NOT_READY);
  *milliseconds = float((end->marker->nanoseconds - start->marker->nanoseconds) * 1e-6);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime(milliseconds, start, end);
}
