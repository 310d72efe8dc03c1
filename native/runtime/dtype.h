// Element types. The numbers are part of the border: lib/tensor/dtype.ts lists the same ones.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nabla {

enum class DType : uint8_t {
  kFloat32 = 0,
  kFloat64 = 1,
  kInt32 = 2,
  kInt64 = 3,
  kUint8 = 4,
  kBool = 5,
  kInt8 = 6,
  kBfloat16 = 7,
  kFloat16 = 8
};
constexpr int kDTypeCount = 9;

constexpr size_t itemSize(DType t) {
  constexpr size_t sizes[kDTypeCount] = {4, 8, 4, 8, 1, 1, 1, 2, 2};
  return sizes[static_cast<int>(t)];
}
// Storage types: kernels move and convert them, arithmetic converts to float32 first (lib/ops/define.ts).
constexpr bool isNarrow(DType t) { return t >= DType::kBfloat16; }
constexpr bool isFloating(DType t) { return t <= DType::kFloat64 || isNarrow(t); }
constexpr const char* nameOf(DType t) {
  constexpr const char* names[kDTypeCount] = {"float32", "float64", "int32",    "int64",  "uint8",
                                              "bool",    "int8",    "bfloat16", "float16"};
  return names[static_cast<int>(t)];
}

// Calls f with a value of the C++ element type; bool is stored as one byte, 0 or 1.
template <class F>
auto dispatchFloat(DType t, F&& f) {
  return t == DType::kFloat64 ? f(double{}) : f(float{});
}

}  // namespace nabla
