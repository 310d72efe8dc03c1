// Element types. The numbers are part of the border: lib/tensor/dtype.ts lists the same ones.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nabla {

enum class DType : uint8_t { kFloat32 = 0, kFloat64 = 1, kInt32 = 2, kInt64 = 3, kUint8 = 4, kBool = 5 };
constexpr int kDTypeCount = 6;

constexpr size_t itemSize(DType t) {
  constexpr size_t sizes[kDTypeCount] = {4, 8, 4, 8, 1, 1};
  return sizes[static_cast<int>(t)];
}
constexpr bool isFloating(DType t) { return t == DType::kFloat32 || t == DType::kFloat64; }

// Calls f with a value of the C++ element type; bool is stored as one byte, 0 or 1.
template <class F>
auto dispatchFloat(DType t, F&& f) {
  return t == DType::kFloat64 ? f(double{}) : f(float{});
}

}  // namespace nabla
