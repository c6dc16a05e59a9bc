// Element types of tensors: reading them as float, writing them rounded to nearest even.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sim {

enum class Element { kFloat, kHalf, kBfloat16 };

inline size_t bytes_of(Element e) { return e == Element::kFloat ? 4 : 2; }

inline float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline uint32_t to_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

inline float load(Element e, const void* base, size_t index) {
  if (e == Element::kFloat) return static_cast<const float*>(base)[index];
  if (e == Element::kHalf) return float(static_cast<const _Float16*>(base)[index]);
  return from_bits(uint32_t(static_cast<const uint16_t*>(base)[index]) << 16);
}

inline void store(Element e, void* base, size_t index, float value) {
  if (e == Element::kFloat) {
    static_cast<float*>(base)[index] = value;
  } else if (e == Element::kHalf) {
    static_cast<_Float16*>(base)[index] = _Float16(value);
  } else {
    uint32_t bits = to_bits(value);
    bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? bits | 0x400000u : bits + 0x7fffu + ((bits >> 16) & 1);
    static_cast<uint16_t*>(base)[index] = uint16_t(bits >> 16);
  }
}

// As tensor cores read a float: 10 bits of mantissa, to nearest even.
inline float to_tf32(float value) {
  uint32_t bits = to_bits(value);
  if ((bits & 0x7f800000u) == 0x7f800000u) return value;
  return from_bits((bits + 0xfffu + ((bits >> 13) & 1)) & ~0x1fffu);
}

}  // namespace sim
