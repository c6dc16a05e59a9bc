// Element types by code, for kernels that move or compute on more than MORSE_T:
// 0 float32, 1 float16, 2 bfloat16, 3 int32, 4 int64, 5 uint8, 6 bool, 7 float64, 8 int8.
//
// A loaded element is a float (codes 0-2), a double (7) or a long long (the others). Stored numbers
// are rounded once; a real number becomes an integer by truncation, saturated at 64 bits (NaN is 0)
// and then cut to the type's width; anything but zero is true. All as in the plain reference.
#pragma once

#include "common.cuh"

template <int CODE>
struct Element;

template <>
struct Element<0> {
  typedef float Stored;
  typedef float Value;
};
template <>
struct Element<1> {
  typedef half_t Stored;
  typedef float Value;
};
template <>
struct Element<2> {
  typedef bfloat_t Stored;
  typedef float Value;
};
template <>
struct Element<3> {
  typedef int Stored;
  typedef long long Value;
};
template <>
struct Element<4> {
  typedef long long Stored;
  typedef long long Value;
};
template <>
struct Element<5> {
  typedef unsigned char Stored;
  typedef long long Value;
};
template <>
struct Element<6> {
  typedef unsigned char Stored;
  typedef long long Value;
};
template <>
struct Element<7> {
  typedef double Stored;
  typedef double Value;
};
template <>
struct Element<8> {
  typedef signed char Stored;
  typedef long long Value;
};

__device__ __forceinline__ long long to_integer(long long v) { return v; }
__device__ __forceinline__ long long to_integer(double v) {
  if (!(v == v)) {
    return 0;
  }
  if (v >= 9223372036854775808.0) {
    return 9223372036854775807ll;
  }
  return v <= -9223372036854775808.0 ? -9223372036854775807ll - 1 : (long long)v;
}
__device__ __forceinline__ long long to_integer(float v) { return to_integer((double)v); }

// Element `i` of memory of type CODE.
template <int CODE>
__device__ __forceinline__ typename Element<CODE>::Value load(const void* from, long long i) {
  typename Element<CODE>::Stored s = static_cast<const typename Element<CODE>::Stored*>(from)[i];
  if constexpr (CODE <= 2) {
    return to_float(s);
  } else if constexpr (CODE == 6) {
    return s != 0 ? 1 : 0;
  } else {
    return (typename Element<CODE>::Value)s;
  }
}

template <int CODE, class V>
__device__ __forceinline__ void store(void* to, long long i, V v) {
  typedef typename Element<CODE>::Stored Stored;
  Stored* p = static_cast<Stored*>(to);
  if constexpr (CODE <= 2) {
    p[i] = from_float<Stored>((float)v);
  } else if constexpr (CODE == 7) {
    p[i] = (double)v;
  } else if constexpr (CODE == 6) {
    p[i] = v != 0 ? 1 : 0;
  } else {
    p[i] = (Stored)to_integer(v);
  }
}

// Copies one element, bit for bit where the types are equal.
template <int FROM, int TO>
__device__ __forceinline__ void convert(const void* from, long long i, void* to, long long j) {
  if constexpr (FROM == TO) {
    typedef typename Element<TO>::Stored Stored;
    static_cast<Stored*>(to)[j] = static_cast<const Stored*>(from)[i];
  } else {
    store<TO>(to, j, load<FROM>(from, i));
  }
}
