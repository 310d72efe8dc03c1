// For the programs beside this file: tensors with any memory order, a stream, checks that count failures.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "ops/context.h"

namespace nabla::test {

inline int failures = 0;
inline int checks = 0;

#define CHECK(condition, ...)                                     \
  do {                                                            \
    nabla::test::checks++;                                        \
    if (!(condition) && nabla::test::failures++ < 20) {           \
      std::printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                   \
      std::printf("\n");                                          \
    }                                                             \
  } while (0)

// A format of two bytes with `kFraction` bits of fraction and an exponent bias, by plain arithmetic.
template <int kFraction, int kBias>
struct TwoBytes {
  static constexpr int kQuiet = 1 << (kFraction - 1);
  static double decode(uint16_t bits) {
    const int fraction = bits & ((1 << kFraction) - 1), exponent = (bits & 0x7fff) >> kFraction;
    double x = std::ldexp(exponent ? fraction + (1 << kFraction) : fraction, std::max(exponent, 1) - kBias - kFraction);
    if (exponent == 2 * kBias + 1) x = fraction ? NAN : INFINITY;
    return bits & 0x8000 ? -x : x;
  }
  static uint16_t encode(double x) {
    const int sign = std::signbit(x) ? 0x8000 : 0, infinity = (2 * kBias + 1) << kFraction;
    if (std::isnan(x)) return static_cast<uint16_t>(sign | infinity | 1 << (kFraction - 1));
    const double size = std::fabs(x);
    if (std::isinf(x)) return static_cast<uint16_t>(sign | infinity);
    const int exponent = size == 0 ? 1 - kBias : std::max(std::ilogb(size), 1 - kBias);
    const double steps = std::nearbyint(std::ldexp(size, kFraction - exponent));
    const double bits = std::ldexp(exponent + kBias - 1, kFraction) + steps;
    return static_cast<uint16_t>(sign | static_cast<int>(std::min<double>(bits, infinity)));
  }
};
using Bfloat16Format = TwoBytes<7, 127>;
using Float16Format = TwoBytes<10, 15>;

inline double read(DType dtype, const char* p) {
  switch (dtype) {
    case DType::kFloat32:
      return *reinterpret_cast<const float*>(p);
    case DType::kFloat64:
      return *reinterpret_cast<const double*>(p);
    case DType::kInt32:
      return *reinterpret_cast<const int32_t*>(p);
    case DType::kInt64:
      return static_cast<double>(*reinterpret_cast<const int64_t*>(p));
    case DType::kInt8:
      return *reinterpret_cast<const int8_t*>(p);
    case DType::kBfloat16:
      return Bfloat16Format::decode(*reinterpret_cast<const uint16_t*>(p));
    case DType::kFloat16:
      return Float16Format::decode(*reinterpret_cast<const uint16_t*>(p));
    default:
      return *reinterpret_cast<const uint8_t*>(p);
  }
}

inline void write(DType dtype, char* p, double x) {
  switch (dtype) {
    case DType::kFloat32:
      *reinterpret_cast<float*>(p) = static_cast<float>(x);
      break;
    case DType::kFloat64:
      *reinterpret_cast<double*>(p) = x;
      break;
    case DType::kInt32:
      *reinterpret_cast<int32_t*>(p) = static_cast<int32_t>(x);
      break;
    case DType::kInt64:
      *reinterpret_cast<int64_t*>(p) = static_cast<int64_t>(x);
      break;
    case DType::kUint8:
      *reinterpret_cast<uint8_t*>(p) = static_cast<uint8_t>(static_cast<int64_t>(x));
      break;
    case DType::kBool:
      *reinterpret_cast<uint8_t*>(p) = x != 0;
      break;
    case DType::kInt8:
      *reinterpret_cast<int8_t*>(p) = static_cast<int8_t>(static_cast<int64_t>(x));
      break;
    case DType::kBfloat16:
      *reinterpret_cast<uint16_t*>(p) = Bfloat16Format::encode(static_cast<float>(x));
      break;
    case DType::kFloat16:
      *reinterpret_cast<uint16_t*>(p) = Float16Format::encode(static_cast<float>(x));
      break;
  }
}

class Machine {
 public:
  Machine(Isa isa, int threads) : stream(*new Stream(threads)), ctx{stream, allocator, kernelTable(isa)} {}
  ~Machine() { stream.stop(); }

  // `order` lists the dimensions from the outermost in memory to the innermost; empty: as the shape says. Strides grow
  // by `gap` elements per innermost step.
  // Written at once, so no queued task may still use the memory.
  Tensor make(DType dtype, std::vector<int64_t> shape, std::vector<int> order = {}, int64_t gap = 1) {
    wait();
    Tensor t;
    t.dtype = dtype;
    t.ndim = static_cast<int>(shape.size());
    if (order.empty())
      for (int i = 0; i < t.ndim; i++) order.push_back(i);
    int64_t stride = gap;
    for (int i = 0; i < t.ndim; i++) t.shape[i] = shape[i];
    for (int i = t.ndim - 1; i >= 0; i--) {
      t.strides[order[i]] = stride;
      stride *= shape[order[i]];
    }
    t.storage = new Storage;
    t.storage->owner = &allocator;
    t.storage->bytes = static_cast<size_t>(stride) * itemSize(dtype) + 64;
    t.storage->block = allocator.allocate(t.storage->bytes, stream.completed());
    t.data = static_cast<char*>(t.storage->block->data);
    std::memset(t.data, 0, t.storage->bytes);
    return t;
  }
  Tensor random(DType dtype, std::vector<int64_t> shape, std::vector<int> order = {}, int64_t gap = 1, double low = -2,
                double high = 2) {
    Tensor t = make(dtype, shape, order, gap);
    std::uniform_real_distribution<double> real(low, high);
    each(t, [&](const int64_t*, char* p) {
      write(dtype, p, isFloating(dtype) ? real(generator) : std::round(real(generator)));
    });
    return t;
  }
  void wait() { stream.wait(stream.position(), -1); }

  template <class F>
  static void each(const Tensor& t, F&& f) {
    int64_t index[kMaxDims] = {};
    const int64_t n = t.numel(), size = static_cast<int64_t>(itemSize(t.dtype));
    char* p = t.data;
    for (int64_t i = 0; i < n; i++) {
      f(index, p);
      for (int d = t.ndim - 1; d >= 0; d--) {
        p += t.strides[d] * size;
        if (++index[d] < t.shape[d]) break;
        p -= index[d] * t.strides[d] * size;
        index[d] = 0;
      }
    }
  }
  // The element of `t` that a broadcast to `ndim` dimensions puts at `index`.
  static char* at(const Tensor& t, const int64_t* index, int ndim) {
    int64_t offset = 0;
    for (int i = 0; i < t.ndim; i++)
      if (t.shape[i] != 1) offset += index[ndim - t.ndim + i] * t.strides[i];
    return t.data + offset * static_cast<int64_t>(itemSize(t.dtype));
  }
  static double value(const Tensor& t, const int64_t* index, int ndim) { return read(t.dtype, at(t, index, ndim)); }
  static std::vector<double> values(const Tensor& t) {
    std::vector<double> result;
    result.reserve(static_cast<size_t>(t.numel()));
    each(t, [&](const int64_t*, const char* p) { result.push_back(read(t.dtype, p)); });
    return result;
  }

  Allocator allocator;
  Stream& stream;
  Context ctx;
  std::mt19937_64 generator{42};
};

// Equal bits count as equal, NaN included.
inline bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}
inline bool near(double a, double b, double relative, double absolute = 0) {
  return a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= absolute + relative * std::fabs(b);
}

inline int finish(const char* name) {
  std::printf("%s: %d checks, %d failures\n", name, checks, failures);
  return failures || !checks;
}

inline std::vector<Isa> isas() {
  std::vector<Isa> result;
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512, Isa::kNeon}) {
    if (isaSupported(isa))
      result.push_back(isa);
    else
      std::printf("NOT RUN: %s\n", isaName(isa));
  }
  return result;
}

}  // namespace nabla::test
