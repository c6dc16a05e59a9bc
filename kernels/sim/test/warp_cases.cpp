// Warp operations against what the PTX ISA says of their lanes.
#include <cmath>

#include "test.h"

using namespace test;

namespace {

// A[16][K] times B[K][8], with every register filled as the layout's table says.
const char* const kProduct = R"(
template <int K, bool BF>
__device__ void product(float* d, const unsigned short* a, const unsigned short* b) {
  int g = threadIdx.x / 4, t = threadIdx.x % 4;
  auto pair = [](unsigned short low, unsigned short high) { return low | (unsigned)high << 16; };
  auto pa = [&](int row, int k) { return pair(a[row * K + k], a[row * K + k + 1]); };
  auto pb = [&](int k) { return pair(b[k * 8 + g], b[(k + 1) * 8 + g]); };
  float acc[4];
  for (int i = 0; i < 4; i++) acc[i] = d[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
  if constexpr (K == 16) {
    unsigned fa[4] = {pa(g, 2 * t), pa(g + 8, 2 * t), pa(g, 2 * t + 8), pa(g + 8, 2 * t + 8)};
    if constexpr (BF) ptx::mma_bfloat_k16(acc, fa, pb(2 * t), pb(2 * t + 8));
    else ptx::mma_half_k16(acc, fa, pb(2 * t), pb(2 * t + 8));
  } else {
    unsigned fa[2] = {pa(g, 2 * t), pa(g + 8, 2 * t)};
    if constexpr (BF) ptx::mma_bfloat_k8(acc, fa, pb(2 * t));
    else ptx::mma_half_k8(acc, fa, pb(2 * t));
  }
  for (int i = 0; i < 4; i++) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = acc[i];
}
extern "C" __global__ void k(float* d, const unsigned short* a, const unsigned short* b) {
  product<KK, BFLOAT>(d, a, b);
}
)";

unsigned short encode(float v, bool bfloat) {
  unsigned short bits;
  if (bfloat) {
    std::memcpy(&bits, reinterpret_cast<char*>(&v) + 2, 2);
  } else {
    _Float16 half = _Float16(v);
    std::memcpy(&bits, &half, 2);
  }
  return bits;
}

std::function<void()> product(int depth, bool bfloat) {
  return [=] {
    open();
    // Small integers: exact in either type and in any order of summation.
    std::vector<unsigned short> a, b;
    std::vector<float> fa, fb, fd;
    unsigned seed = 12345;
    auto next = [&] { return float(int((seed = seed * 1664525u + 1013904223u) >> 24) - 128) / 8; };
    for (int i = 0; i < 16 * depth; i++) fa.push_back(std::floor(next()));
    for (int i = 0; i < 8 * depth; i++) fb.push_back(std::floor(next()));
    for (int i = 0; i < 128; i++) fd.push_back(next());
    for (float v : fa) a.push_back(encode(v, bfloat));
    for (float v : fb) b.push_back(encode(v, bfloat));
    std::string source = "#define KK " + std::to_string(depth) + "\n#define BFLOAT " + (bfloat ? "true" : "false") +
                         "\n" + kProduct;
    CUdeviceptr d = upload(fd);
    ok(run(kernel(source), {1, 32}, d, upload(a), upload(b)), "kernel");
    auto got = download<float>(d, 128);
    for (int m = 0; m < 16; m++) {
      for (int n = 0; n < 8; n++) {
        float sum = fd[size_t(m * 8 + n)];
        for (int k = 0; k < depth; k++) sum += fa[size_t(m * depth + k)] * fb[size_t(k * 8 + n)];
        expect(got[size_t(m * 8 + n)] == sum, "element " + std::to_string(m) + ", " + std::to_string(n) + ": " +
                                                  std::to_string(got[size_t(m * 8 + n)]) + ", not " +
                                                  std::to_string(sum));
      }
    }
  };
}

SIM_CASE({"mma: float16, k16", product(16, false), {}, ""});
SIM_CASE({"mma: float16, k8", product(8, false), {}, ""});
SIM_CASE({"mma: bfloat16, k16", product(16, true), {}, ""});
SIM_CASE({"mma: bfloat16, k8", product(8, true), {}, ""});

// Four 8x8 matrices of their own numbers: matrix m, row j, column c holds 64 m + 8 j + c.
std::function<void()> load_matrices(int count, bool transposed) {
  return [=] {
    open();
    std::string call = "ptx::ldmatrix_x" + std::to_string(count) + (transposed ? "_trans" : "");
    CUfunction f = kernel(
        "extern \"C\" __global__ void k(unsigned* y) { __shared__ __align__(16) unsigned short s[256];\n"
        "for (int i = threadIdx.x; i < 256; i += 32) s[i] = i; __syncthreads();\n"
        "unsigned r[" + std::to_string(count) + "]; " + call + "(r, s + 8 * threadIdx.x);\n"
        "for (int i = 0; i < " + std::to_string(count) + "; i++) y[i * 32 + threadIdx.x] = r[i]; }");
    CUdeviceptr y = fresh(512);
    ok(run(f, {1, 32}, y), "kernel");
    auto got = download<unsigned>(y, size_t(32 * count));
    for (int m = 0; m < count; m++) {
      for (int lane = 0; lane < 32; lane++) {
        int g = lane / 4, t = lane % 4;
        unsigned low = unsigned(64 * m + (transposed ? 8 * (2 * t) + g : 8 * g + 2 * t));
        unsigned high = unsigned(64 * m + (transposed ? 8 * (2 * t + 1) + g : 8 * g + 2 * t + 1));
        expect(got[size_t(m * 32 + lane)] == (low | high << 16),
               "matrix " + std::to_string(m) + ", lane " + std::to_string(lane));
      }
    }
  };
}

SIM_CASE({"ldmatrix: x4", load_matrices(4, false), {}, ""});
SIM_CASE({"ldmatrix: x4.trans", load_matrices(4, true), {}, ""});
SIM_CASE({"ldmatrix: x2", load_matrices(2, false), {}, ""});
SIM_CASE({"ldmatrix: x2.trans", load_matrices(2, true), {}, ""});

// y[lane] = expression of lane `i` and its number v = 100 + i.
std::function<void()> lanes(const std::string& expression, std::function<int(int)> expected) {
  return [=] {
    open();
    CUfunction f = kernel("extern \"C\" __global__ void k(int* y) { int i = threadIdx.x; int v = 100 + i; y[i] = " +
                          expression + "; }");
    CUdeviceptr y = fresh(128);
    ok(run(f, {1, 32}, y), "kernel");
    auto got = download<int>(y, 32);
    for (int i = 0; i < 32; i++) {
      expect(got[size_t(i)] == expected(i), "lane " + std::to_string(i) + ": " + std::to_string(got[size_t(i)]));
    }
  };
}

SIM_CASE({"shuffle: index", lanes("__shfl_sync(~0u, v, 31 - i)", [](int i) { return 131 - i; }), {}, ""});
SIM_CASE({"shuffle: index within width", lanes("__shfl_sync(~0u, v, 9, 8)", [](int i) { return 100 + i / 8 * 8 + 1; }),
          {}, ""});
SIM_CASE({"shuffle: up", lanes("__shfl_up_sync(~0u, v, 3)", [](int i) { return 100 + (i < 3 ? i : i - 3); }), {}, ""});
SIM_CASE({"shuffle: down within width",
          lanes("__shfl_down_sync(~0u, v, 2, 16)", [](int i) { return 100 + (i % 16 > 13 ? i : i + 2); }), {}, ""});
SIM_CASE({"shuffle: xor", lanes("__shfl_xor_sync(~0u, v, 5)", [](int i) { return 100 + (i ^ 5); }), {}, ""});
SIM_CASE({"shuffle: half a warp",
          lanes("i < 16 ? __shfl_xor_sync(0xffffu, v, 1) : v", [](int i) { return 100 + (i < 16 ? i ^ 1 : i); }), {},
          ""});
SIM_CASE({"votes", lanes("(int)__ballot_sync(~0u, i % 3 == 0) + __any_sync(~0u, i == 5) - __all_sync(~0u, i >= 0) + "
                         "__all_sync(~0u, i)",
                         [](int) { return 0x49249249; }),
          {}, ""});
SIM_CASE({"barrier: counts", lanes("__syncthreads_count(i < 5) + 100 * __syncthreads_or(i == 9) + "
                                   "1000 * __syncthreads_and(i != 9)",
                                   [](int) { return 105; }),
          {}, ""});
SIM_CASE({"built-ins of a grid", [] {
            open();
            CUfunction f = kernel(
                "extern \"C\" __global__ void k(int* y) { int t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x "
                "+ threadIdx.x; int b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;\n"
                "y[b * 24 + t] = b * 1000 + t; }");
            CUdeviceptr y = fresh(24 * 30 * 4);
            void* parameters[] = {&y};
            ok(cu().launch(f, 5, 3, 2, 4, 3, 2, 0, nullptr, parameters, nullptr), "launch");
            auto got = download<int>(y, 24 * 30);
            for (int i = 0; i < 24 * 30; i++) expect(got[size_t(i)] == i / 24 * 1000 + i % 24, std::to_string(i));
          },
          {}, ""});
SIM_CASE({"many blocks over host threads", [] {
            open();
            CUfunction f = kernel(
                "extern \"C\" __global__ void k(unsigned* sum, unsigned* ticket, unsigned* last) { __shared__ unsigned s;\n"
                "if (threadIdx.x == 0) s = 0; __syncthreads(); atomicAdd(&s, threadIdx.x); __syncthreads();\n"
                "if (threadIdx.x == 0) { atomicAdd(sum, s); __threadfence();\n"
                "if (atomicAdd(ticket, 1u) == gridDim.x - 1) *last = *sum; } }");
            CUdeviceptr sums = upload(std::vector<unsigned>{0, 0, 0});
            ok(run(f, {500, 256}, sums, sums + 4, sums + 8), "kernel");
            auto got = download<unsigned>(sums, 3);
            expect(got[0] == 500u * 255 * 128 && got[1] == 500 && got[2] == got[0], std::to_string(got[0]));
          },
          {{"MORSE_SIM_THREADS", "3"}}, ""});

}  // namespace
