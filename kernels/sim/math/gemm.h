// Products of float matrices on the host, for the simulated libraries. Plain but not slow: the
// shipped model's layers take milliseconds each.
#pragma once
#include <algorithm>
#include <cstring>
#include <functional>
#include <thread>

namespace sim {

constexpr long kGemmRows = 4;   // rows of c at a time: their sums stay in registers
constexpr long kGemmCols = 32;  // columns of c at a time

// Calls body(begin, end) for parts of [0, count) on at most two threads; parts but the last are
// multiples of the grain.
inline void in_parallel(long count, long grain, const std::function<void(long, long)>& body) {
  if (count < 2 * grain) {
    body(0, count);
    return;
  }
  long half = count / 2 / grain * grain;
  std::thread other([&] { body(half, count); });
  body(0, half);
  other.join();
}

// A whole tile: sizes known to the compiler, so that the sums are vectors.
__attribute__((optimize("O3"))) inline void gemm_tile(long k, const float* a, long lda,
                                                      const float* b, long ldb, float* c,
                                                      long ldc) {
  float sums[kGemmRows][kGemmCols];
  std::memset(sums, 0, sizeof sums);
  for (long p = 0; p < k; p++) {
    const float* row = b + p * ldb;
    for (long i = 0; i < kGemmRows; i++) {
      float factor = a[i * lda + p];
      for (long j = 0; j < kGemmCols; j++) sums[i][j] += factor * row[j];
    }
  }
  for (long i = 0; i < kGemmRows; i++) std::memcpy(c + i * ldc, sums[i], sizeof sums[i]);
}

// A part of a tile, at the lower and right edges.
inline void gemm_edge(long m, long n, long k, const float* a, long lda, const float* b, long ldb,
                      float* c, long ldc) {
  float sums[kGemmCols];
  for (long i = 0; i < m; i++) {
    std::fill(sums, sums + n, 0.0f);
    for (long p = 0; p < k; p++) {
      float factor = a[i * lda + p];
      for (long j = 0; j < n; j++) sums[j] += factor * b[p * ldb + j];
    }
    std::copy(sums, sums + n, c + i * ldc);
  }
}

// Row-major c[m][n] = a[m][k] * b[k][n], accumulated in float in the order of k.
inline void gemm(long m, long n, long k, const float* a, long lda, const float* b, long ldb,
                 float* c, long ldc) {
  // A thread costs some tens of microseconds.
  long grain =
      std::max(kGemmRows, ((1L << 20) / std::max(1L, n * k) + kGemmRows) / kGemmRows * kGemmRows);
  in_parallel(m, grain, [&](long begin, long end) {
    for (long j = 0; j < n; j += kGemmCols) {
      long width = std::min(kGemmCols, n - j);
      for (long i = begin; i < end; i += kGemmRows) {
        long height = std::min(kGemmRows, end - i);
        const float* rows = a + i * lda;
        float* out = c + i * ldc + j;
        if (height == kGemmRows && width == kGemmCols) {
          gemm_tile(k, rows, lda, b + j, ldb, out, ldc);
        } else {
          gemm_edge(height, width, k, rows, lda, b + j, ldb, out, ldc);
        }
      }
    }
  });
}

}  // namespace sim
