// Memory, modules, launches, injected errors, settings.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "test.h"

using namespace test;

namespace {

const char* const kOne = "extern \"C\" __global__ void k(float* y) { y[threadIdx.x] = 1; }";

SIM_CASE({"no device", [] {
            int count = -1, version = 0;
            ok(cu().device_count(&count), "count");
            ok(cu().driver_version(&version), "version");
            expect(count == 0 && version == 13000, "no devices, CUDA 13");
            expect_code(CUDA_ERROR_NO_DEVICE, cu().init(0), "init");
            CUcontext context;
            expect_code(CUDA_ERROR_NOT_INITIALIZED, cu().retain(&context, 0), "retain");
          },
          {{"MORSE_SIM_DEVICES", "0"}}, ""});
SIM_CASE({"calls before init and without a context", [] {
            CUcontext context;
            CUdeviceptr x;
            expect_code(CUDA_ERROR_NOT_INITIALIZED, cu().retain(&context, 0), "retain");
            ok(cu().init(0), "init");
            expect_code(CUDA_ERROR_INVALID_CONTEXT, cu().allocate(&x, 16), "allocate");
          },
          {}, ""});
SIM_CASE({"compute capability", [] {
            open();
            int major, minor, optin;
            ok(cu().attribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0), "major");
            ok(cu().attribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0), "minor");
            ok(cu().attribute(&optin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0), "shared");
            expect(major == 8 && minor == 0 && optin == 166912, "those of an A100");
            Compilation made = compile(kOne, {"--gpu-architecture=sm_90"});
            CUmodule module;
            expect_code(CUDA_ERROR_NO_BINARY_FOR_GPU, cu().load(&module, made.image.data()), "a newer cubin");
          },
          {{"MORSE_SIM_SM", "80"}}, ""});
SIM_CASE({"memory: out of it, and a smaller try", [] {
            open();
            CUdeviceptr a, b;
            ok(cu().allocate(&a, 700000), "first");
            expect_code(CUDA_ERROR_OUT_OF_MEMORY, cu().allocate(&b, 400000), "second");
            ok(cu().allocate(&b, 200000), "smaller");
            ok(cu().free(a), "free");
            ok(cu().free(b), "free");
            size_t free_bytes, total;
            ok(cu().memory(&free_bytes, &total), "info");
            expect(free_bytes == 1000000 && total == 1000000, "all free again");
          },
          {{"MORSE_SIM_MEMORY", "1000000"}}, ""});
SIM_CASE({"memory: frees that are queued make room", [] {
            open();
            CUdeviceptr a, b;
            for (int i = 0; i < 5; i++) {
              ok(cu().allocate_async(&a, 700000, nullptr), "allocate");
              ok(cu().free_async(a, nullptr), "free");
            }
            ok(cu().allocate(&b, 900000), "allocate");
          },
          {{"MORSE_SIM_MEMORY", "1000000"}}, ""});
SIM_CASE({"memory: wrong frees", [] {
            open();
            CUdeviceptr a = fresh(1000);
            expect_code(CUDA_ERROR_INVALID_VALUE, cu().free(a + 8), "inside");
            ok(cu().free(a), "free");
            expect_code(CUDA_ERROR_INVALID_VALUE, cu().free(a), "twice");
            float v = 0;
            expect_code(CUDA_ERROR_INVALID_VALUE, cu().to_device(a, &v, 4), "copy to freed memory");
            CUdeviceptr b = fresh(16);
            expect_code(CUDA_ERROR_INVALID_VALUE, cu().to_host(&v, b + 13, 4), "copy past the end");
          },
          {}, ""});
SIM_CASE({"memory: new memory is not zero", [] {
            open();
            expect(download<unsigned>(fresh(1 << 20), 1000)[999] == 0xffffffffu, "NaNs");
          },
          {}, ""});
SIM_CASE({"modules: two of them stay apart", [] {
            open();
            CUdeviceptr y = fresh(128);
            for (int i = 1; i < 4; i++) {
              CUfunction f = kernel("extern \"C\" __global__ void k(float* y) { __shared__ float s[" + std::to_string(i) +
                                    "]; s[0] = " + std::to_string(i) + "; y[threadIdx.x] = s[0]; }");
              ok(run(f, {1, 1}, y), "kernel");
              expect(download<float>(y, 1)[0] == float(i), "the module's own kernel");
            }
          },
          {}, ""});
SIM_CASE({"modules: unloaded with work queued", [] {
            open();
            Compilation made = compile(kOne, {"-arch=sm_80"});
            CUmodule module;
            CUfunction f;
            ok(cu().load(&module, made.image.data()), "load");
            ok(cu().function(&f, module, "k"), "function");
            expect_code(CUDA_ERROR_NOT_FOUND, cu().function(&f, module, "other"), "another name");
            ok(cu().function(&f, module, "k"), "function");
            CUdeviceptr y = fresh(128);
            ok(launch(f, {1, 32}, y), "launch");
            ok(cu().unload(module), "unload");
            expect_code(CUDA_ERROR_INVALID_HANDLE, launch(f, {1, 32}, y), "launch afterwards");
            ok(cu().synchronize(), "synchronize");
            expect(download<float>(y, 1)[0] == 1, "it ran");
          },
          {}, ""});
SIM_CASE({"modules: not an image", [] {
            open();
            CUmodule module;
            char junk[256] = "not a cubin";
            expect_code(CUDA_ERROR_INVALID_IMAGE, cu().load(&module, junk), "load");
          },
          {}, ""});
SIM_CASE({"launches: limits", [] {
            open();
            CUfunction f = kernel("extern \"C\" __global__ void __launch_bounds__(64) k(float* y) { y[threadIdx.x] = 1; }");
            CUdeviceptr y = fresh(256);
            expect_code(CUDA_ERROR_INVALID_VALUE, launch(f, {0, 32}, y), "no blocks");
            expect_code(CUDA_ERROR_INVALID_VALUE, launch(f, {1, 2048}, y), "too many threads");
            expect_code(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, launch(f, {1, 65}, y), "beyond the launch bounds");
            expect_code(CUDA_ERROR_INVALID_VALUE, launch(f, {1, 32, 50000}, y), "shared memory not opted in to");
            ok(cu().set_attribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 50000), "opt in");
            ok(run(f, {1, 64, 50000}, y), "launch");
            expect_code(CUDA_ERROR_INVALID_VALUE,
                        cu().set_attribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 300000), "too much");
          },
          {}, ""});
SIM_CASE({"handles: those of no object", [] {
            open();
            CUstream s;
            ok(cu().stream_create(&s, 1), "create");
            ok(cu().stream_destroy(s), "destroy");
            expect_code(CUDA_ERROR_INVALID_HANDLE, cu().stream_destroy(s), "destroyed twice");
            expect_code(CUDA_ERROR_INVALID_HANDLE, cu().stream_synchronize(s), "used afterwards");
            expect_code(CUDA_ERROR_INVALID_HANDLE, cu().event_destroy(CUevent(s)), "of another kind");
          },
          {}, ""});
SIM_CASE({"leaks are listed", [] {
            open();
            fresh(16);
            CUevent e;
            ok(cu().event_create(&e, 0), "event");
            ok(cu().release(0), "release");
          },
          {{"MORSE_SIM_CHECK", "1"}}, "leak: 1 x event"});

SIM_CASE({"injection: the nth call", [] {
            open();
            CUdeviceptr a;
            ok(cu().allocate(&a, 16), "first");
            expect_code(CUDA_ERROR_OUT_OF_MEMORY, cu().allocate(&a, 16), "second");
            ok(cu().allocate(&a, 16), "third: running out of memory does not stay");
          },
          {{"MORSE_SIM_FAIL", "cuMemAlloc:2:2"}}, "injected into call 2 of cuMemAlloc_v2"});
SIM_CASE({"injection: a fault that stays", [] {
            open();
            CUdeviceptr a = fresh(16);
            expect_code(CUDA_ERROR_ILLEGAL_ADDRESS, cu().synchronize(), "injected");
            expect_code(CUDA_ERROR_ILLEGAL_ADDRESS, cu().free(a), "every later call");
          },
          {{"MORSE_SIM_FAIL", "cuCtxSynchronize:1:700"}}, "CUDA_ERROR_ILLEGAL_ADDRESS"});
SIM_CASE({"injection: a kernel", [] {
            open();
            CUfunction f = kernel(kOne);
            CUdeviceptr y = fresh(128);
            ok(run(f, {1, 32}, y), "first");
            ok(launch(f, {1, 32}, y), "the launch itself succeeds");
            expect_code(CUDA_ERROR_LAUNCH_FAILED, cu().synchronize(), "the wait tells");
          },
          {{"MORSE_SIM_FAIL", "cuMemFree:0:1,k:2:719"}}, "injected into call 2 of k"});

// What a process that runs the kernel on two warps writes when it ends.
std::string counted(const std::string& body) {
  char path[] = "/tmp/morse-sim-counters-XXXXXX";
  close(mkstemp(path));
  setenv("MORSE_SIM_COUNTERS", path, 1);
  pid_t child = fork();
  if (child == 0) {
    int code = 0;
    try {
      open();
      CUdeviceptr x = upload(std::vector<float>(4096, 1.0f));
      code = run(kernel("extern \"C\" __global__ void k(float* x) { " + body + " }"), {1, 64}, x);
    } catch (const std::exception&) {
      code = -1;
    }
    std::exit(code != 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  expect(status == 0, "the process that counts");
  std::ifstream in(path);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  unlink(path);
  return text;
}

std::function<void()> counts(const std::string& body, const std::string& expected) {
  return [=] {
    std::string text = counted(body);
    expect(text.find(expected) != std::string::npos, "not " + expected + ": " + text);
  };
}

const std::map<std::string, std::string> kChecked = {{"MORSE_SIM_CHECK", "1"}};
SIM_CASE({"counters: neighbours", counts("__shared__ float s[64]; s[threadIdx.x] = x[threadIdx.x]; x[threadIdx.x] = s[threadIdx.x];",
                                         "\"shared_stores\": {\"requests\": 2, \"cycles\": 2, \"ideal\": 2}, "
                                         "\"global_loads\": {\"requests\": 2, \"sectors\": 8, \"ideal\": 8}"),
          kChecked, ""});
SIM_CASE({"counters: one bank, a sector each",
          counts("__shared__ float s[2048]; s[threadIdx.x * 32] = x[threadIdx.x * 8]; x[threadIdx.x] = s[threadIdx.x * 32];",
                 "\"shared_stores\": {\"requests\": 2, \"cycles\": 64, \"ideal\": 2}, "
                 "\"global_loads\": {\"requests\": 2, \"sectors\": 64, \"ideal\": 8}"),
          kChecked, ""});
SIM_CASE({"counters: one word for all",
          counts("__shared__ float s[2]; if (threadIdx.x == 0) s[0] = 1; __syncthreads(); x[threadIdx.x + 4] = s[0];",
                 "\"shared_loads\": {\"requests\": 2, \"cycles\": 2, \"ideal\": 2}"),
          kChecked, ""});
SIM_CASE({"counters: vectors of 16 bytes by quarters of a warp",
          counts("struct __align__(16) V { float v[4]; }; __shared__ V s[64]; V v = ((const V*)x)[threadIdx.x]; "
                 "s[threadIdx.x] = v; ((V*)x)[threadIdx.x] = s[threadIdx.x];",
                 "\"shared_stores\": {\"requests\": 2, \"cycles\": 8, \"ideal\": 8}, "
                 "\"global_loads\": {\"requests\": 2, \"sectors\": 32, \"ideal\": 32}"),
          kChecked, ""});

SIM_CASE({"compiler: errors name the line", [] {
            Compilation made = compile("extern \"C\" __global__ void k() {\n  nonsense;\n}", {"-arch=sm_80"});
            expect(made.code == 6 && made.log.find("test.cu:2:3: error") != std::string::npos, made.log);
          },
          {}, ""});
SIM_CASE({"compiler: options", [] {
            expect(compile(kOne, {"--nonsense"}).code == 5, "an unknown one");
            expect(compile(kOne, {"--gpu-architecture=sm_20"}).code == 5, "an old architecture");
            Compilation macros = compile("#if __CUDA_ARCH__ != 890 || N != 3\n#error no\n#endif\n",
                                         {"--gpu-architecture=sm_89", "-DN=3", "--use_fast_math"});
            expect(macros.code == 0, macros.log);
            expect(compile("#include <stdint.h>\n", {}).code == 6, "no system headers, as in NVRTC");
          },
          {}, ""});
SIM_CASE({"compiler: missing", [] {
            Compilation made = compile(kOne, {"-arch=sm_80"});
            expect(made.code == 7 && made.log.find("needs g++ 12") != std::string::npos, made.log);
          },
          {{"MORSE_SIM_CXX", "/nowhere/g++"}}, ""});

}  // namespace
