// Order: what runs when, and what a missing wait does.
#include "test.h"

using namespace test;

namespace {

const char* const kScale =
    "extern \"C\" __global__ void k(float* y, float factor) { y[threadIdx.x] = y[threadIdx.x] * factor + 1; }";

CUstream stream(unsigned flags = CU_STREAM_NON_BLOCKING) {
  CUstream made;
  ok(cu().stream_create(&made, flags), "stream");
  return made;
}

CUevent event() {
  CUevent made;
  ok(cu().event_create(&made, 0), "event");
  return made;
}

float* pinned(size_t count, float value) {
  void* made;
  ok(cu().allocate_host(&made, count * 4, 0), "pinned");
  for (size_t i = 0; i < count; i++) static_cast<float*>(made)[i] = value;
  return static_cast<float*>(made);
}

SIM_CASE({"order: copies read host memory when they run", [] {
            open();
            CUstream s = stream();
            float* host = pinned(32, 1);
            CUdeviceptr x = fresh(128);
            ok(cu().to_device_async(x, host, 128, s), "copy");
            host[0] = 7;
            ok(cu().stream_synchronize(s), "synchronize");
            expect(download<float>(x, 1)[0] == 7, "overwritten too early");
          },
          {}, ""});
SIM_CASE({"order: results are there after the wait, not before", [] {
            open();
            CUstream s = stream();
            float* host = pinned(32, 0);
            CUdeviceptr x = upload(std::vector<float>(32, 2));
            ok(launch(kernel(kScale), {1, 32, 0, s}, x, 3.0f), "kernel");
            ok(cu().to_host_async(host, x, 128, s), "copy");
            expect(host[5] == 0, "read too soon");
            ok(cu().stream_synchronize(s), "synchronize");
            expect(host[5] == 7, "read in time");
          },
          {}, ""});
SIM_CASE({"order: streams do not wait for each other", [] {
            open();
            CUstream a = stream(), b = stream();
            float* host = pinned(32, 0);
            CUdeviceptr x = upload(std::vector<float>(32, 2));
            ok(launch(kernel(kScale), {1, 32, 0, a}, x, 3.0f), "kernel");
            ok(cu().to_host_async(host, x, 128, b), "copy");
            ok(cu().stream_synchronize(b), "synchronize");
            expect(host[0] == 2, "the other stream's kernel has not run");
          },
          {}, ""});
SIM_CASE({"order: events make them wait", [] {
            open();
            CUstream a = stream(), b = stream();
            CUevent e = event(), start = event();
            float* host = pinned(32, 0);
            CUdeviceptr x = upload(std::vector<float>(32, 2));
            ok(cu().event_record(start, a), "record");
            ok(launch(kernel(kScale), {1, 32, 0, a}, x, 3.0f), "kernel");
            ok(cu().event_record(e, a), "record");
            expect_code(CUDA_ERROR_NOT_READY, cu().event_query(e), "query");
            ok(cu().stream_wait(b, e, 0), "wait");
            ok(cu().to_host_async(host, x, 128, b), "copy");
            ok(cu().stream_synchronize(b), "synchronize");
            expect(host[0] == 7, "after the kernel");
            ok(cu().event_query(e), "query");
            float ms = -1;
            ok(cu().event_elapsed(&ms, start, e), "elapsed");
            expect(ms >= 0 && ms < 10000, "time between events");
          },
          {}, ""});
SIM_CASE({"order: the null stream waits for blocking streams", [] {
            open();
            CUstream a = stream(CU_STREAM_DEFAULT);
            CUdeviceptr x = upload(std::vector<float>(32, 2));
            ok(launch(kernel(kScale), {1, 32, 0, a}, x, 3.0f), "kernel");
            expect(download<float>(x, 1)[0] == 7, "blocking copy");
            ok(launch(kernel(kScale), {1, 32}, x, 2.0f), "kernel on the null stream");
            ok(launch(kernel(kScale), {1, 32, 0, a}, x, 1.0f), "kernel behind it");
            ok(cu().stream_synchronize(a), "synchronize");
            expect(download<float>(x, 1)[0] == 16, "in order");
          },
          {}, ""});
SIM_CASE({"order: polling ends", [] {
            open();
            CUstream a = stream();
            CUdeviceptr x = upload(std::vector<float>(32, 2));
            for (int i = 0; i < 3; i++) ok(launch(kernel(kScale), {1, 32, 0, a}, x, 1.0f), "kernel");
            int polls = 0;
            while (cu().stream_query(a) == CUDA_ERROR_NOT_READY) polls++;
            expect(polls == 3 && download<float>(x, 1)[0] == 5, std::to_string(polls));
          },
          {}, ""});
SIM_CASE({"order: host memory that is not there", [] {
            open();
            CUstream s = stream();
            CUdeviceptr x = fresh(4 << 20);
            ok(cu().to_device_async(x, reinterpret_cast<void*>(4096), 4 << 20, s), "copy from nowhere");
            expect_code(CUDA_ERROR_ILLEGAL_ADDRESS, cu().stream_synchronize(s), "synchronize");
          },
          {}, "the host memory is gone or too short"});

struct Captured {
  CUgraph graph;
  CUgraphExec executable;
};

Captured capture(CUstream s, const std::function<void()>& work) {
  Captured c;
  ok(cu().begin_capture(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "begin");
  work();
  ok(cu().end_capture(s, &c.graph), "end");
  ok(cu().instantiate(&c.executable, c.graph, 0), "instantiate");
  return c;
}

SIM_CASE({"graph: recorded, then replayed", [] {
            open();
            CUstream s = stream();
            CUfunction f = kernel(kScale);
            CUdeviceptr x = upload(std::vector<float>(32, 1));
            Captured c = capture(s, [&] {
              ok(launch(f, {1, 32, 0, s}, x, 2.0f), "kernel");
              ok(launch(f, {1, 32, 0, s}, x, 3.0f), "kernel");
            });
            size_t count = 0;
            ok(cu().nodes(c.graph, nullptr, &count), "nodes");
            expect(count == 2, "two nodes");
            expect(download<float>(x, 1)[0] == 1, "recording runs nothing");
            for (int i = 0; i < 2; i++) ok(cu().launch_graph(c.executable, s), "replay");
            ok(cu().destroy_executable(c.executable), "destroyed with launches queued");
            ok(cu().destroy_graph(c.graph), "destroy graph");
            ok(cu().stream_synchronize(s), "synchronize");
            expect(download<float>(x, 1)[0] == 64, "((1 * 2 + 1) * 3 + 1 = 10) * 2 + 1 = 21, * 3 + 1 = 64");
          },
          {}, ""});
SIM_CASE({"graph: fork and join by events", [] {
            open();
            CUstream s = stream(), t = stream();
            CUevent fork = event(), join = event();
            CUfunction f = kernel(kScale);
            CUdeviceptr x = upload(std::vector<float>(32, 1)), y = upload(std::vector<float>(32, 1));
            Captured c = capture(s, [&] {
              ok(launch(f, {1, 32, 0, s}, x, 2.0f), "kernel");
              ok(cu().event_record(fork, s), "record");
              ok(cu().stream_wait(t, fork, 0), "wait");
              ok(launch(f, {1, 32, 0, t}, x, 5.0f), "on the fork");
              ok(launch(f, {1, 32, 0, s}, y, 2.0f), "beside it");
              ok(cu().event_record(join, t), "record");
              ok(cu().stream_wait(s, join, 0), "wait");
              ok(launch(f, {1, 32, 0, s}, x, 3.0f), "after both");
            });
            ok(cu().launch_graph(c.executable, s), "replay");
            ok(cu().stream_synchronize(s), "synchronize");
            expect(download<float>(x, 1)[0] == 49 && download<float>(y, 1)[0] == 3, "(1 * 2 + 1) * 5 + 1, * 3 + 1");
          },
          {}, ""});
SIM_CASE({"graph: a dependency that is missing shows", [] {
            open();
            CUstream s = stream(), t = stream();
            CUevent fork = event(), join = event();
            CUfunction f = kernel(kScale);
            CUdeviceptr x = upload(std::vector<float>(32, 1));
            Captured c = capture(s, [&] {
              ok(cu().event_record(fork, s), "record");
              ok(cu().stream_wait(t, fork, 0), "wait");
              ok(launch(f, {1, 32, 0, s}, x, 2.0f), "kernel");
              ok(launch(f, {1, 32, 0, t}, x, 5.0f), "meant to come after it");
              ok(cu().event_record(join, t), "record");
              ok(cu().stream_wait(s, join, 0), "wait");
            });
            ok(cu().launch_graph(c.executable, s), "replay");
            ok(cu().stream_synchronize(s), "synchronize");
            expect(download<float>(x, 1)[0] == 13, "1 * 5 + 1, * 2 + 1: the other order");
          },
          {}, ""});
SIM_CASE({"graph: a fork that is not joined", [] {
            open();
            CUstream s = stream(), t = stream();
            CUevent fork = event();
            CUdeviceptr x = upload(std::vector<float>(32, 1));
            CUfunction f = kernel(kScale);
            ok(cu().begin_capture(s, CU_STREAM_CAPTURE_MODE_RELAXED), "begin");
            ok(cu().event_record(fork, s), "record");
            ok(cu().stream_wait(t, fork, 0), "wait");
            ok(launch(f, {1, 32, 0, t}, x, 2.0f), "kernel");
            CUgraph graph;
            expect_code(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cu().end_capture(s, &graph), "end");
          },
          {}, ""});
SIM_CASE({"graph: calls that capture forbids spoil it", [] {
            open();
            CUstream s = stream();
            CUdeviceptr x;
            CUgraph graph;
            ok(cu().begin_capture(s, CU_STREAM_CAPTURE_MODE_GLOBAL), "begin");
            expect_code(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cu().allocate(&x, 16), "allocate");
            expect_code(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cu().end_capture(s, &graph), "end");
            ok(cu().allocate(&x, 16), "allocate afterwards");
            ok(cu().begin_capture(s, CU_STREAM_CAPTURE_MODE_RELAXED), "begin");
            ok(cu().allocate(&x, 16), "allocate in a relaxed capture");
            expect_code(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cu().stream_synchronize(s), "synchronize");
            expect_code(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cu().end_capture(s, &graph), "end");
          },
          {}, ""});
SIM_CASE({"graph: updated with other arguments, refused with another shape", [] {
            open();
            CUstream s = stream();
            CUfunction f = kernel(kScale);
            CUdeviceptr x = upload(std::vector<float>(32, 1));
            auto one = [&](float factor) {
              return capture(s, [&] { ok(launch(f, {1, 32, 0, s}, x, factor), "kernel"); });
            };
            Captured first = one(2), second = one(4);
            CUgraphExecUpdateResultInfo info;
            ok(cu().update(first.executable, second.graph, &info), "update");
            ok(cu().launch_graph(first.executable, s), "replay");
            ok(cu().stream_synchronize(s), "synchronize");
            expect(download<float>(x, 1)[0] == 5, "the new factor");
            Captured third = capture(s, [&] {
              ok(launch(f, {1, 32, 0, s}, x, 1.0f), "kernel");
              ok(launch(f, {1, 32, 0, s}, x, 1.0f), "kernel");
            });
            expect_code(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, cu().update(first.executable, third.graph, &info),
                        "update");
            expect(info.result == CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, "the reason");
          },
          {}, ""});

}  // namespace
