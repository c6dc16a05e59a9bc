// Stream capture, graphs and their launches.
//
// A graph replays in the order that differs most from the one it was recorded in (of the nodes that
// are ready, the last recorded first), so a dependency that was not expressed shows.
#include <algorithm>
#include <cstring>
#include <set>

#include "device.h"
#include "stream.h"

namespace sim {

struct Node {
  OperationRef operation;
  std::vector<Node*> after;  // nodes that come first
};

struct Graph {
  std::vector<std::unique_ptr<Node>> nodes;
};

struct Capture {
  Stream* origin;
  Graph* graph;
  CUstreamCaptureMode mode;
  size_t thread;
  bool spoilt = false;
  std::vector<Stream*> streams;  // origin and those that joined
};

// What was instantiated; a queued launch keeps it alive.
struct Program {
  std::vector<OperationRef> order;
};

struct Executable {
  std::shared_ptr<Program> program;
  // As recorded, for comparing with an update: type and places of predecessors.
  struct Shape {
    CUgraphNodeType type;
    std::vector<size_t> after;
  };
  std::vector<Shape> shapes;
};

namespace {

std::set<Capture*>& captures() {
  static auto* all = new std::set<Capture*>;
  return *all;
}

size_t this_thread() {
  static thread_local char here;
  return size_t(&here);
}

std::vector<size_t> places(const Graph& graph, const Node& node) {
  std::vector<size_t> found;
  for (size_t i = 0; i < graph.nodes.size(); i++) {
    if (std::count(node.after.begin(), node.after.end(), graph.nodes[i].get())) found.push_back(i);
  }
  return found;
}

std::vector<Executable::Shape> shapes_of(const Graph& graph) {
  std::vector<Executable::Shape> shapes;
  for (auto& node : graph.nodes) {
    shapes.push_back({node->operation->type, places(graph, *node)});
  }
  return shapes;
}

std::shared_ptr<Program> program_of(const Graph& graph, const std::vector<Executable::Shape>& shapes) {
  auto program = std::make_shared<Program>();
  size_t count = graph.nodes.size();
  std::vector<bool> placed(count);
  while (program->order.size() < count) {
    for (size_t i = count; i-- > 0;) {
      auto& after = shapes[i].after;
      if (!placed[i] && std::all_of(after.begin(), after.end(), [&](size_t p) { return placed[p]; })) {
        placed[i] = true;
        program->order.push_back(graph.nodes[i]->operation);
        break;
      }
    }
  }
  return program;
}

// Whether `earlier` is among the nodes that must have run once all of `ends` have.
bool reached(const std::vector<Node*>& ends, const Node* earlier) {
  std::vector<const Node*> open(ends.begin(), ends.end());
  std::set<const Node*> seen;
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    if (node == earlier) return true;
    if (seen.insert(node).second) open.insert(open.end(), node->after.begin(), node->after.end());
  }
  return false;
}

void destroy(Capture* capture) {
  for (Stream* stream : capture->streams) {
    if (stream->capture.get() == capture) {
      stream->tail.clear();
      if (stream != capture->origin) stream->capture = nullptr;
    }
  }
  captures().erase(capture);
}

}  // namespace

bool is_capturing(const Stream* stream) { return stream->capture != nullptr; }

void spoil(const std::shared_ptr<Capture>& capture) { capture->spoilt = true; }

CUresult refuse_while_capturing() {
  for (Capture* capture : captures()) {
    if (capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL ||
        (capture->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL &&
         capture->thread == this_thread())) {
      capture->spoilt = true;
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
  }
  return CUDA_SUCCESS;
}

CUresult record(Stream* stream, Operation operation) {
  Capture& capture = *stream->capture;
  if (capture.spoilt) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  auto node = std::make_unique<Node>();
  node->operation = std::make_shared<const Operation>(std::move(operation));
  node->after = stream->tail;
  stream->tail = {node.get()};
  capture.graph->nodes.push_back(std::move(node));
  return CUDA_SUCCESS;
}

CUresult join_capture(Stream* stream, const Event* event) {
  if (!captures().count(event->capture.get())) return CUDA_ERROR_CAPTURED_EVENT;
  if (stream->capture && stream->capture != event->capture) {
    spoil(stream->capture);
    return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  }
  if (stream == null_stream()) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  if (event->capture->spoilt) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (!stream->capture) {
    stream->capture = event->capture;
    stream->tail.clear();
    event->capture->streams.push_back(stream);
  }
  for (Node* node : event->captured) {
    if (!std::count(stream->tail.begin(), stream->tail.end(), node)) stream->tail.push_back(node);
  }
  return CUDA_SUCCESS;
}

}  // namespace sim

using namespace sim;

SIM_API CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
  SIM_ENTER_CONTEXT(cuStreamBeginCapture_v2);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream, CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(stream != null_stream(), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  SIM_GUARD(!is_capturing(stream), CUDA_ERROR_ILLEGAL_STATE);
  SIM_GUARD(mode >= 0 && mode <= CU_STREAM_CAPTURE_MODE_RELAXED, CUDA_ERROR_INVALID_VALUE);
  stream->capture = std::make_shared<Capture>(
      Capture{stream, new Graph, mode, this_thread(), false, {stream}});
  stream->tail.clear();
  captures().insert(stream->capture.get());
  return CUDA_SUCCESS;
}

SIM_API CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph) {
  SIM_ENTER_CONTEXT(cuStreamEndCapture);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream, CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(graph, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(is_capturing(stream), CUDA_ERROR_ILLEGAL_STATE);
  auto capture = stream->capture;
  SIM_GUARD(capture->origin == stream, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  SIM_GUARD(capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED || capture->thread == this_thread(),
            CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  CUresult code = capture->spoilt ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
  for (Stream* joined : capture->streams) {
    if (joined->capture != capture || joined == stream) continue;
    for (Node* node : joined->tail) {
      if (!code && !reached(stream->tail, node)) code = CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    }
  }
  destroy(capture.get());
  stream->capture = nullptr;
  *graph = nullptr;
  if (code) {
    delete capture->graph;
    return code;
  }
  *graph = capture->graph;
  remember_handle(*graph, "graph");
  return CUDA_SUCCESS;
}

SIM_API CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
  SIM_ENTER_CONTEXT(cuStreamIsCapturing);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream, CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(status, CUDA_ERROR_INVALID_VALUE);
  *status = !is_capturing(stream)      ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->capture->spoilt ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                      : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph,
                                             unsigned long long) {
  SIM_ENTER_CONTEXT(cuGraphInstantiateWithFlags);
  SIM_GUARD(executable, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(is_handle(graph, "graph"), CUDA_ERROR_INVALID_HANDLE);
  auto* made = new Executable;
  made->shapes = shapes_of(*graph);
  made->program = program_of(*graph, made->shapes);
  remember_handle(made, "executable");
  *executable = made;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuGraphExecUpdate_v2(CUgraphExec executable, CUgraph graph,
                                      CUgraphExecUpdateResultInfo* result) {
  SIM_ENTER_CONTEXT(cuGraphExecUpdate_v2);
  SIM_GUARD(result, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(is_handle(executable, "executable") && is_handle(graph, "graph"),
            CUDA_ERROR_INVALID_HANDLE);
  *result = {CU_GRAPH_EXEC_UPDATE_SUCCESS, nullptr, nullptr};
  auto shapes = shapes_of(*graph);
  if (shapes.size() != executable->shapes.size()) {
    result->result = CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  }
  for (size_t i = 0; i < shapes.size(); i++) {
    auto &was = executable->shapes[i], &is = shapes[i];
    // A kernel node may change to another function; what it follows and what it is may not change.
    if (was.after != is.after) {
      result->result = CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    } else if (was.type != is.type) {
      result->result = CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
    }
    if (result->result) {
      result->errorNode = graph->nodes[i].get();
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    }
  }
  executable->shapes = shapes;
  executable->program = program_of(*graph, shapes);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuGraphUpload(CUgraphExec executable, CUstream handle) {
  SIM_ENTER_CONTEXT(cuGraphUpload);
  SIM_GUARD(is_handle(executable, "executable") && find_stream(handle), CUDA_ERROR_INVALID_HANDLE);
  return CUDA_SUCCESS;
}

SIM_API CUresult cuGraphLaunch(CUgraphExec executable, CUstream handle) {
  SIM_ENTER_CONTEXT(cuGraphLaunch);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream && is_handle(executable, "executable"), CUDA_ERROR_INVALID_HANDLE);
  return enqueue(stream, {CU_GRAPH_NODE_TYPE_GRAPH, "graph", [program = executable->program] {
                            for (const OperationRef& operation : program->order) {
                              if (sticky_fault()) break;
                              operation->run();
                            }
                            return sticky_fault();
                          }});
}

SIM_API CUresult cuGraphExecDestroy(CUgraphExec executable) {
  SIM_ENTER_CONTEXT(cuGraphExecDestroy);
  SIM_GUARD(is_handle(executable, "executable"), CUDA_ERROR_INVALID_HANDLE);
  forget_handle(executable);
  delete executable;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuGraphDestroy(CUgraph graph) {
  SIM_ENTER_CONTEXT(cuGraphDestroy);
  SIM_GUARD(is_handle(graph, "graph"), CUDA_ERROR_INVALID_HANDLE);
  forget_handle(graph);
  delete graph;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  SIM_ENTER_CONTEXT(cuGraphGetNodes);
  SIM_GUARD(is_handle(graph, "graph"), CUDA_ERROR_INVALID_HANDLE);
  SIM_GUARD(count, CUDA_ERROR_INVALID_VALUE);
  if (!nodes) {
    *count = graph->nodes.size();
    return CUDA_SUCCESS;
  }
  for (size_t i = 0; i < *count; i++) {
    nodes[i] = i < graph->nodes.size() ? graph->nodes[i].get() : nullptr;
  }
  *count = std::min(*count, graph->nodes.size());
  return CUDA_SUCCESS;
}

SIM_API CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) {
  SIM_ENTER_CONTEXT(cuGraphNodeGetType);
  SIM_GUARD(node && type, CUDA_ERROR_INVALID_VALUE);
  *type = node->operation->type;
  return CUDA_SUCCESS;
}
