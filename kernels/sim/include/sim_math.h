// Mathematical and bit functions of device code, over the host's. The fast approximations (__expf and
// friends) are as accurate as the plain ones here.
#pragma once

#define SIM_UNARY(name)                        \
  extern "C" double name(double) noexcept;     \
  extern "C" float name##f(float) noexcept;    \
  inline float name(float x) { return name##f(x); }
#define SIM_BINARY(name)                                  \
  extern "C" double name(double, double) noexcept;        \
  extern "C" float name##f(float, float) noexcept;        \
  inline float name(float x, float y) { return name##f(x, y); }

SIM_UNARY(acos) SIM_UNARY(acosh) SIM_UNARY(asin) SIM_UNARY(asinh) SIM_UNARY(atan) SIM_UNARY(atanh)
SIM_UNARY(cbrt) SIM_UNARY(ceil) SIM_UNARY(cos) SIM_UNARY(cosh) SIM_UNARY(erf) SIM_UNARY(erfc)
SIM_UNARY(exp) SIM_UNARY(exp2) SIM_UNARY(expm1) SIM_UNARY(fabs) SIM_UNARY(floor) SIM_UNARY(lgamma)
SIM_UNARY(log) SIM_UNARY(log10) SIM_UNARY(log1p) SIM_UNARY(log2) SIM_UNARY(nearbyint) SIM_UNARY(rint)
SIM_UNARY(round) SIM_UNARY(sin) SIM_UNARY(sinh) SIM_UNARY(sqrt) SIM_UNARY(tan) SIM_UNARY(tanh)
SIM_UNARY(tgamma) SIM_UNARY(trunc)
SIM_BINARY(atan2) SIM_BINARY(copysign) SIM_BINARY(fdim) SIM_BINARY(fmax) SIM_BINARY(fmin)
SIM_BINARY(fmod) SIM_BINARY(hypot) SIM_BINARY(nextafter) SIM_BINARY(pow) SIM_BINARY(remainder)

extern "C" double fma(double, double, double) noexcept;
extern "C" float fmaf(float, float, float) noexcept;
extern "C" float ldexpf(float, int) noexcept;
extern "C" float frexpf(float, int*) noexcept;
extern "C" float modff(float, float*) noexcept;
extern "C" void sincosf(float, float*, float*) noexcept;
extern "C" int abs(int) noexcept;
extern "C" long long llabs(long long) noexcept;
inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
inline float abs(float x) { return __builtin_fabsf(x); }
inline double abs(double x) { return __builtin_fabs(x); }
inline long long abs(long long x) { return x < 0 ? -x : x; }

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline float exp10f(float x) { return powf(10.0f, x); }
inline float sinpif(float x) { return float(sin(double(x) * 3.14159265358979323846)); }
inline float cospif(float x) { return float(cos(double(x) * 3.14159265358979323846)); }
inline void sincospif(float x, float* s, float* c) { *s = sinpif(x), *c = cospif(x); }
inline float normcdff(float x) { return 0.5f * erfcf(-x * 0.70710678118654752f); }

inline float __expf(float x) { return expf(x); }
inline float __exp10f(float x) { return exp10f(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __log10f(float x) { return log10f(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanf(float x) { return tanf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline void __sincosf(float x, float* s, float* c) { sincosf(x, s, c); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return 1.0f / sqrtf(x); }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }

// Products and sums that must not be joined into one operation.
inline __attribute__((optimize("fp-contract=off"), noinline)) float __fmul_rn(float x, float y) {
  return x * y;
}
inline __attribute__((optimize("fp-contract=off"), noinline)) float __fadd_rn(float x, float y) {
  return x + y;
}
inline __attribute__((optimize("fp-contract=off"), noinline)) float __fsub_rn(float x, float y) {
  return x - y;
}
inline __attribute__((optimize("fp-contract=off"), noinline)) double __dmul_rn(double x, double y) {
  return x * y;
}
inline __attribute__((optimize("fp-contract=off"), noinline)) double __dadd_rn(double x, double y) {
  return x + y;
}

inline bool isnan(float x) { return __builtin_isnan(x); }
inline bool isnan(double x) { return __builtin_isnan(x); }
inline bool isinf(float x) { return __builtin_isinf(x); }
inline bool isinf(double x) { return __builtin_isinf(x); }
inline bool isfinite(float x) { return __builtin_isfinite(x); }
inline bool isfinite(double x) { return __builtin_isfinite(x); }
inline bool signbit(float x) { return __builtin_signbit(x); }
inline bool signbit(double x) { return __builtin_signbit(x); }

#define SIM_ORDER(T)                                    \
  inline T min(T x, T y) { return y < x ? y : x; }      \
  inline T max(T x, T y) { return x < y ? y : x; }
SIM_ORDER(int) SIM_ORDER(unsigned) SIM_ORDER(long) SIM_ORDER(unsigned long) SIM_ORDER(long long)
SIM_ORDER(unsigned long long)
inline float min(float x, float y) { return fminf(x, y); }
inline float max(float x, float y) { return fmaxf(x, y); }
inline double min(double x, double y) { return fmin(x, y); }
inline double max(double x, double y) { return fmax(x, y); }

namespace sim {
template <class To, class From>
inline To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}
// Float to integer as the device does it: saturating, NaN to 0 (the smallest for 64 bits).
template <class To>
inline To to_integer(double x, double low, double high, To least, To most, To nan) {
  return x != x ? nan : x <= low ? least : x >= high ? most : To(x);
}
}  // namespace sim

inline int __float_as_int(float x) { return ::sim::bits_as<int>(x); }
inline unsigned __float_as_uint(float x) { return ::sim::bits_as<unsigned>(x); }
inline float __int_as_float(int x) { return ::sim::bits_as<float>(x); }
inline float __uint_as_float(unsigned x) { return ::sim::bits_as<float>(x); }
inline long long __double_as_longlong(double x) { return ::sim::bits_as<long long>(x); }
inline double __longlong_as_double(long long x) { return ::sim::bits_as<double>(x); }

inline int __double2int_rz(double x) {
  return ::sim::to_integer<int>(x, -2147483648.0, 2147483647.0, -2147483647 - 1, 2147483647, 0);
}
inline unsigned __double2uint_rz(double x) {
  return ::sim::to_integer<unsigned>(x, 0.0, 4294967295.0, 0, 4294967295u, 0);
}
inline long long __double2ll_rz(double x) {
  constexpr long long kLeast = -9223372036854775807ll - 1;
  return ::sim::to_integer<long long>(x, -0x1p63, 0x1p63, kLeast, 9223372036854775807ll, kLeast);
}
inline unsigned long long __double2ull_rz(double x) {
  return ::sim::to_integer<unsigned long long>(x, 0.0, 0x1p64, 0, ~0ull, 1ull << 63);
}
inline int __float2int_rz(float x) { return __double2int_rz(x); }
inline int __float2int_rn(float x) { return __double2int_rz(rint(double(x))); }
inline int __float2int_rd(float x) { return __double2int_rz(floor(double(x))); }
inline int __float2int_ru(float x) { return __double2int_rz(ceil(double(x))); }
inline unsigned __float2uint_rz(float x) { return __double2uint_rz(x); }
inline unsigned __float2uint_rn(float x) { return __double2uint_rz(rint(double(x))); }
inline long long __float2ll_rz(float x) { return __double2ll_rz(x); }
inline long long __float2ll_rn(float x) { return __double2ll_rz(rint(double(x))); }
inline unsigned long long __float2ull_rz(float x) { return __double2ull_rz(x); }
inline float __int2float_rn(int x) { return float(x); }
inline float __uint2float_rn(unsigned x) { return float(x); }
inline float __ll2float_rn(long long x) { return float(x); }
inline float __ull2float_rn(unsigned long long x) { return float(x); }
inline float __double2float_rn(double x) { return float(x); }

inline unsigned __umulhi(unsigned x, unsigned y) {
  return unsigned((unsigned long long)x * y >> 32);
}
inline int __mulhi(int x, int y) { return int((long long)x * y >> 32); }
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  return (unsigned long long)((unsigned __int128)x * y >> 64);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __brev(unsigned x) {
  unsigned y = 0;
  for (int i = 0; i < 32; i++) y |= (x >> i & 1) << (31 - i);
  return y;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return unsigned((((unsigned long long)high << 32 | low) << (shift & 31)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return unsigned(((unsigned long long)high << 32 | low) >> (shift & 31));
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  unsigned long long bytes = (unsigned long long)y << 32 | x;
  unsigned out = 0;
  for (int i = 0; i < 4; i++) {
    unsigned pick = selector >> (4 * i);
    unsigned byte = unsigned(bytes >> (8 * (pick & 7))) & 0xff;
    if (pick & 8) byte = byte & 0x80 ? 0xff : 0;
    out |= byte << (8 * i);
  }
  return out;
}
