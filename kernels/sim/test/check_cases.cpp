// Each check with a kernel that is wrong in one way, and its right twin.
#include "test.h"

using namespace test;

namespace {

const std::map<std::string, std::string> kChecked = {{"MORSE_SIM_CHECK", "1"}};

// Runs `k(float* y, const float* x)` on 64 threads and 64 defined floats.
std::function<void()> code(CUresult expected, const std::string& body, unsigned threads = 64,
                           unsigned shared = 0) {
  return [=] {
    open();
    CUfunction f = kernel("extern \"C\" __global__ void k(float* y, const float* x) {\n" + body + "\n}");
    CUdeviceptr x = upload(std::vector<float>(64, 1.0f)), y = fresh(256);
    expect_code(expected, run(f, {1, threads, shared}, y, x), "kernel");
    if (expected) expect_code(expected, cu().synchronize(), "the fault stays");
  };
}

SIM_CASE({"race: read of another thread's write",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "__shared__ float s[64]; int i = threadIdx.x; s[i] = x[i];\n y[i] = s[i / 2];"),
          kChecked, "race: thread (0, 0, 0) wrote there"});
SIM_CASE({"race: none with a barrier",
          code(CUDA_SUCCESS,
               "__shared__ float s[64]; int i = threadIdx.x; s[i] = x[i]; __syncthreads(); y[i] = s[63 - i];"),
          kChecked, ""});
SIM_CASE({"race: write after read",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "__shared__ float s[64]; int i = threadIdx.x; s[i] = x[i]; __syncthreads();\n"
               "float v = s[(i + 1) % 64]; s[i] = v; y[i] = v;"),
          kChecked, "thread (32, 0, 0) read there, without a barrier between"});
SIM_CASE({"race: none when the second barrier is there",
          code(CUDA_SUCCESS,
               "__shared__ float s[64]; int i = threadIdx.x; s[i] = x[i]; __syncthreads();\n"
               "float v = s[63 - i]; __syncthreads(); s[i] = v; y[i] = v;"),
          kChecked, ""});
SIM_CASE({"race: two writers",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "__shared__ float s; s = x[threadIdx.x]; __syncthreads(); y[threadIdx.x] = s;"),
          kChecked, "writes 4 bytes at byte"});
SIM_CASE({"race: within a warp",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "__shared__ float s[64]; int i = threadIdx.x; s[i] = x[i]; y[i] = s[i & ~1];"),
          kChecked, "race"});
SIM_CASE({"race: none within a warp that met",
          code(CUDA_SUCCESS,
               "__shared__ float s[64]; int i = threadIdx.x; s[i] = x[i]; __syncwarp(); y[i] = s[i ^ 1];"),
          kChecked, ""});
SIM_CASE({"race: meeting in the warp does not order other warps",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "__shared__ float s[64]; int i = threadIdx.x; s[i] = x[i]; __syncwarp(); y[i] = s[i & 31];"),
          kChecked, "race"});
SIM_CASE({"race: none among atomic operations",
          code(CUDA_SUCCESS,
               "__shared__ float s; if (threadIdx.x == 0) s = 0; __syncthreads();\n"
               "atomicAdd(&s, x[threadIdx.x]); __syncthreads();\n y[threadIdx.x] = s == 64.0f ? s : 0.0f / 0.0f;"),
          kChecked, ""});
SIM_CASE({"race: an atomic operation and a plain read",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "__shared__ float s; if (threadIdx.x == 0) s = 0; __syncthreads();\n"
               "atomicAdd(&s, x[threadIdx.x]); y[threadIdx.x] = s;"),
          kChecked, "race"});
SIM_CASE({"race: dynamic shared memory",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "MORSE_DYNAMIC_SHARED(m); float* s = (float*)m; int i = threadIdx.x; s[i] = x[i]; y[i] = s[i / 2];",
               64, 256),
          kChecked, "of dynamic shared memory: race"});

SIM_CASE({"undefined: shared memory",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "__shared__ float s[64]; if (threadIdx.x < 32) s[threadIdx.x] = 1; __syncthreads();\n"
               "y[threadIdx.x] = s[threadIdx.x];"),
          kChecked, "nobody has written there"});
SIM_CASE({"undefined: what another block left in shared memory", [] {
            open();
            CUfunction f = kernel(
                "extern \"C\" __global__ void k(float* y) { __shared__ float s; if (blockIdx.x == 0) s = 1;\n"
                "y[blockIdx.x] = s; }");
            expect_code(CUDA_ERROR_LAUNCH_FAILED, run(f, {2, 1}, fresh(8)), "kernel");
          },
          kChecked, "block (1, 0, 0), thread (0, 0, 0): test.cu:3: reads 4 bytes"});
SIM_CASE({"undefined: global memory",
          code(CUDA_ERROR_LAUNCH_FAILED, "float v = y[threadIdx.x];\n y[0] = v;"), kChecked,
          "test.cu:3: reads 4 bytes at byte 0 of an allocation of 256 bytes: nobody has written there"});
SIM_CASE({"undefined: copies carry what is defined", [] {
            open();
            CUfunction f = kernel("extern \"C\" __global__ void k(float* y, const float* x) { y[0] = x[0] + x[1]; }");
            CUdeviceptr x = fresh(8), y = fresh(4);
            float one = 1;
            ok(cu().to_device(x, &one, 4), "first half");
            expect_code(CUDA_ERROR_LAUNCH_FAILED, run(f, {1, 1}, y, x), "kernel");
          },
          kChecked, "at byte 4 of an allocation of 8 bytes"});
SIM_CASE({"undefined: fills define", [] {
            open();
            CUfunction f = kernel("extern \"C\" __global__ void k(float* y, const float* x) { y[0] = x[0] + x[1]; }");
            CUdeviceptr x = fresh(8), y = fresh(4);
            ok(cu().fill_async(x, 0x40000000, 2, nullptr), "fill");
            ok(run(f, {1, 1}, y, x), "kernel");
            expect(download<float>(y, 1)[0] == 4.0f, "sum of the filled values");
          },
          kChecked, ""});

SIM_CASE({"bounds: past the end of an allocation",
          code(CUDA_ERROR_ILLEGAL_ADDRESS, "y[threadIdx.x + 1] = x[threadIdx.x];"), kChecked,
          "thread (63, 0, 0): test.cu:3: writes 4 bytes at 0x"});
SIM_CASE({"bounds: a vector that only begins inside",
          code(CUDA_ERROR_ILLEGAL_ADDRESS,
               "struct __align__(16) V { float v[4]; }; V v = ((const V*)x)[threadIdx.x / 4]; "
               "((V*)(y + 0))[16] = v;"),
          kChecked, "past the end of an allocation of 256 bytes"});
SIM_CASE({"bounds: before the beginning", code(CUDA_ERROR_ILLEGAL_ADDRESS, "y[0] = x[-1];"), kChecked,
          "reads 4 bytes at 0x"});
SIM_CASE({"bounds: null", code(CUDA_ERROR_ILLEGAL_ADDRESS, "float* p = nullptr; asm(\"\" : \"+r\"(p)); *p = x[0];"),
          kChecked, "writes 4 bytes at 0x0, which no allocation holds"});
SIM_CASE({"bounds: dynamic shared memory",
          code(CUDA_ERROR_ILLEGAL_ADDRESS,
               "MORSE_DYNAMIC_SHARED(m); ((float*)m)[threadIdx.x] = x[threadIdx.x];", 64, 252),
          kChecked, "byte 252 of dynamic shared memory, which has 252"});
SIM_CASE({"bounds: far past the end, without checks", code(CUDA_ERROR_ILLEGAL_ADDRESS, "y[threadIdx.x + 5000] = x[0];"),
          {}, "past the end of an allocation of 256 bytes"});
SIM_CASE({"bounds: freed memory, without checks, on several host threads", [] {
            open();
            CUfunction f = kernel("extern \"C\" __global__ void k(float* y) { __syncthreads(); y[threadIdx.x] = 1; }");
            CUdeviceptr y = fresh(1024);
            ok(cu().free(y), "free");
            expect_code(CUDA_ERROR_ILLEGAL_ADDRESS, run(f, {64, 256}, y), "kernel");
          },
          {{"MORSE_SIM_THREADS", "3"}}, "of 1024 bytes that were freed (MORSE_SIM_CHECK=1 finds the line)"});
SIM_CASE({"bounds: memory that was freed", [] {
            open();
            CUfunction f = kernel("extern \"C\" __global__ void k(float* y) { y[threadIdx.x] = 1; }");
            CUdeviceptr y = fresh(256);
            ok(cu().free(y), "free");
            expect_code(CUDA_ERROR_ILLEGAL_ADDRESS, run(f, {1, 32}, y), "kernel");
          },
          kChecked, "byte 0 of 256 bytes that were freed"});
SIM_CASE({"bounds: a kernel behind the stream-ordered free", [] {
            open();
            CUfunction f = kernel("extern \"C\" __global__ void k(float* y) { y[threadIdx.x] = 1; }");
            CUdeviceptr y;
            ok(cu().allocate_async(&y, 256, nullptr), "allocate");
            ok(launch(f, {1, 32}, y), "kernel before");
            ok(cu().free_async(y, nullptr), "free");
            ok(launch(f, {1, 32}, y), "kernel behind");
            expect_code(CUDA_ERROR_ILLEGAL_ADDRESS, cu().synchronize(), "synchronize");
          },
          kChecked, "that were freed"});

SIM_CASE({"alignment: a vector",
          code(CUDA_ERROR_MISALIGNED_ADDRESS,
               "struct __align__(16) V { float v[4]; }; V v = *(const V*)(x + 1); y[0] = v.v[0];"),
          kChecked, "reads 16 bytes at 0x"});
SIM_CASE({"alignment: a scalar",
          code(CUDA_ERROR_MISALIGNED_ADDRESS, "y[0] = *(const float*)((const char*)x + 2);"), kChecked,
          "which is not a multiple of that"});
SIM_CASE({"alignment: cp.async, without checks too",
          code(CUDA_ERROR_MISALIGNED_ADDRESS,
               "__shared__ __align__(16) float s[8]; ptx::copy_16(s, x + 1, true); ptx::copy_commit(); "
               "ptx::copy_wait<0>(); y[0] = s[0];",
               1),
          {}, "cp.async of 16 bytes from"});
SIM_CASE({"alignment: a row of ldmatrix",
          code(CUDA_ERROR_MISALIGNED_ADDRESS,
               "__shared__ __align__(16) float s[64]; s[threadIdx.x] = x[0]; __syncthreads(); unsigned r[4]; "
               "ptx::ldmatrix_x4(r, s + 1); y[threadIdx.x] = float(r[0]);",
               32),
          {}, "ldmatrix of the row at"});

const char* const kCopy =
    "__shared__ __align__(16) float s[64]; int i = threadIdx.x;\n"
    "if (i < 16) ptx::copy_16(s + 4 * i, x + 4 * i, true); ptx::copy_commit();\n";
SIM_CASE({"asynchronous copy: not waited for",
          code(CUDA_ERROR_LAUNCH_FAILED, std::string(kCopy) + "__syncthreads(); y[i] = s[63 - i]; ptx::copy_wait<0>();"),
          kChecked, "to there has not been waited for"});
SIM_CASE({"asynchronous copy: waited for, no barrier",
          code(CUDA_ERROR_LAUNCH_FAILED, std::string(kCopy) + "ptx::copy_wait<0>(); y[i] = s[i / 2];"), kChecked,
          "race: thread (0, 0, 0) wrote there"});
SIM_CASE({"asynchronous copy: waited for by all, no barrier",
          code(CUDA_ERROR_LAUNCH_FAILED,
               std::string(kCopy) + "ptx::copy_wait<0>(); if (i >= 16) y[i] = s[i];"),
          kChecked, "race: thread"});
SIM_CASE({"asynchronous copy: as it should be", [] {
            open();
            CUfunction f = kernel("extern \"C\" __global__ void k(float* y, const float* x) {" + std::string(kCopy) +
                                  "ptx::copy_wait<0>(); __syncthreads(); y[i] = s[63 - i]; }");
            std::vector<float> values;
            for (int i = 0; i < 64; i++) values.push_back(float(i));
            CUdeviceptr y = fresh(256);
            ok(run(f, {1, 64}, y, upload(values)), "kernel");
            expect(download<float>(y, 64)[10] == 53.0f, "reversed copy");
          },
          kChecked, ""});
SIM_CASE({"asynchronous copy: the wait counts groups",
          code(CUDA_ERROR_LAUNCH_FAILED,
               std::string(kCopy) + "ptx::copy_commit(); ptx::copy_wait<2>(); __syncthreads(); y[i] = s[i];\n"
                                    "ptx::copy_wait<0>();"),
          kChecked, "has not been waited for"});
SIM_CASE({"asynchronous copy: left at the end", code(CUDA_ERROR_LAUNCH_FAILED, kCopy), {},
          "ends with asynchronous copies that were not waited for"});

SIM_CASE({"divergence: barriers of two places",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "if (threadIdx.x < 32) {\n __syncthreads();\n } else {\n __syncthreads();\n } y[0] = x[0];"),
          {}, "barrier divergence: __syncthreads of test.cu:6"});
SIM_CASE({"divergence: some lanes at a barrier, some at a shuffle",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "float v = x[0]; if (threadIdx.x & 1) __syncthreads(); else v = __shfl_sync(~0u, v, 0); y[0] = v;"),
          {}, "A device would hang here"});
SIM_CASE({"divergence: mma without all lanes",
          code(CUDA_ERROR_LAUNCH_FAILED,
               "float d[4] = {}; unsigned a[4] = {}; if (threadIdx.x < 16) ptx::mma_half_k16(d, a, 0, 0); "
               "y[threadIdx.x] = d[0];",
               32),
          {}, "at mma of lanes ffffffff"});
SIM_CASE({"divergence: threads that have ended do not hold up a barrier",
          code(CUDA_SUCCESS, "if (threadIdx.x >= 40) return; __syncthreads(); y[threadIdx.x] = x[threadIdx.x];"), {},
          ""});
SIM_CASE({"trap", code(CUDA_ERROR_ILLEGAL_INSTRUCTION, "assert(x[0] == 2.0f);"), {}, "assert(x[0] == 2.0f)"});

}  // namespace
