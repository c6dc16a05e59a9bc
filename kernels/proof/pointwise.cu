// Every function of pointwise.cuh once, for the proof and for KernelPointwise of the tests, which
// knows their order: y[k * n + i] is function k of a[i] and b[i], z[k * n + i] of integers c[i], d[i].
#include "pointwise.cuh"

extern "C" __global__ void pointwise_functions(
    const float* a, const float* b, float* y, const long long* c, const long long* d,
    long long* z, long long n) {
  long long i = global_thread();
  if (i >= n) {
    return;
  }
  float x = load<0>(a, i);
  float w = load<0>(b, i);
  float results[] = {
      f_abs(x),         f_neg(x),        f_ceil(x),       f_floor(x),
      f_round(x),       f_sqrt(x),       f_reciprocal(x), f_exp(x),
      f_log(x),         f_sin(x),        f_cos(x),        f_tan(x),
      f_tanh(x),        f_erf(x),        f_gelu(x),       f_gelu_tanh(x),
      f_silu(x),        f_sigmoid(x),    f_swish(x, 2),   f_softplus(x),
      f_mish(x),        f_elu(x, 0.5f),  f_sign(x),       f_leaky_relu(x, 0.5f),
      f_relu(x),        f_pow(x, w),     f_max(x, w),     f_min(x, w),
      f_clip(x, -1, 2), f_mod(x, w),     f_fmod(x, w),    f_hard_sigmoid(x, 0.25f, 0.5f),
      f_hard_swish(x)};
  int count = sizeof(results) / sizeof(float);
  for (int k = 0; k < count; k++) {
    store<0>(y, k * n + i, results[k]);
  }
  long long p = load<4>(c, i);
  long long q = load<4>(d, i);
  long long integers[] = {i_div(p, q), i_mod(p, q), i_fmod(p, q), i_min(p, q),
                          i_max(p, q), i_abs(p),    i_sign(p),    i_pow(p, q)};
  for (int k = 0; k < 8; k++) {
    store<4>(z, k * n + i, integers[k]);
  }
}
