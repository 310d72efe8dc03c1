// What every op function gets: where to queue, where to allocate, which kernels to run.
#pragma once
#include <stdexcept>
#include <string>

#include "../kernels/cpu/table.h"
#include "../runtime/cpu_features.h"
#include "../runtime/stream.h"
#include "prepared.h"

namespace nabla {

struct OutOfMemory {
  size_t bytes;
};

struct Context;

// Temporary memory of one op. Released when the object goes, which is safe as soon as the tasks that use it are queued:
// later tasks run later.
class Scratch {
 public:
  Scratch(Context& ctx, size_t bytes);
  ~Scratch() { allocator_.release(block_, stream_.position()); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(block_->data);
  }

 private:
  Allocator& allocator_;
  Stream& stream_;
  Block* block_;
};

struct Context {
  Stream& stream;
  Allocator& allocator;
  const cpu::KernelTable& kernels;
  // Outputs of so many bytes are gone from the caches before anybody reads them: they are written past them.
  size_t streamedBytes = size_t{16} << 20;
  bool allowWinograd = true;  // false: convolutions add up their products as they are, which rounds less
  PreparedCache prepared;
  Scratch scratch(size_t bytes) { return Scratch(*this, bytes); }
};

// The table for the chosen instruction set.
const cpu::KernelTable& kernelTable(Isa isa);

// A kernel of a table by dtype. A missing one is an error at the call: run later, it would end the process.
template <class F>
F kernelFor(F kernel, const char* op, DType dtype) {
  if (!kernel) throw std::runtime_error(std::string(op) + " has no kernel for " + nameOf(dtype));
  return kernel;
}

// Whether a result goes past the caches, row by row of `width` elements.
inline bool streamsRows(const Context& ctx, const Tensor& out, int64_t width) {
  const auto item = static_cast<int64_t>(itemSize(out.dtype));
  return ctx.kernels.copy.stream && static_cast<size_t>(out.numel() * item) >= ctx.streamedBytes &&
         reinterpret_cast<uintptr_t>(out.data) % 64 == 0 && width * item % 64 == 0;
}

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace nabla
