// bfloat16 and float16 as bits, to and from float: round to nearest, ties to even. Integer arithmetic on the bits,
// which compilers vectorise on every instruction set; F16C gives the same bits.
#pragma once
#include "isa.h"

namespace {

struct Bfloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};

NABLA_INLINE uint32_t bitsOf(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
NABLA_INLINE float floatOf(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

NABLA_INLINE float toFloat(Bfloat16 x) { return floatOf(static_cast<uint32_t>(x.bits) << 16); }

NABLA_INLINE Bfloat16 toBfloat16(float x) {
  const uint32_t u = bitsOf(x);
  const uint32_t rounded = (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
  const uint32_t quiet = u >> 16 | 0x40u;
  return {static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded)};
}

NABLA_INLINE float toFloat(Float16 h) {
  const uint32_t magnitude = h.bits & 0x7fffu, sign = static_cast<uint32_t>(h.bits & 0x8000u) << 16;
  const uint32_t shifted = magnitude << 13;
  // Subnormal numbers get an exponent by a subtraction: 2^-14 * 1.m - 2^-14.
  const uint32_t small = bitsOf(floatOf(shifted + (113u << 23)) - floatOf(113u << 23));
  const uint32_t quiet = magnitude > 0x7c00u ? 0x00400000u : 0u;
  const uint32_t large = shifted + (224u << 23);  // infinity and NaN: the exponent becomes 255
  const uint32_t finite = magnitude < 0x0400u ? small : shifted + (112u << 23);
  return floatOf(sign | (magnitude >= 0x7c00u ? large | quiet : finite));
}

NABLA_INLINE Float16 toFloat16(float x) {
  const uint32_t u = bitsOf(x), magnitude = u & 0x7fffffffu, sign = u >> 16 & 0x8000u;
  // Below 2^-14 the addition of 0.5 rounds at 2^-24, the last place of a subnormal number.
  const uint32_t small = bitsOf(floatOf(magnitude) + 0.5f) - bitsOf(0.5f);
  const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  const uint32_t nan = 0x7e00u | (magnitude >> 13 & 0x3ffu);
  const uint32_t finite = magnitude < (113u << 23) ? small : normal;
  const uint32_t huge = magnitude > 0x7f800000u ? nan : 0x7c00u;
  return {static_cast<uint16_t>(sign | (magnitude >= (143u << 23) ? huge : finite))};
}

}  // namespace
