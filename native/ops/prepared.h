// What kernels make of weights before they use them (the order of their loops, Winograd's transform), kept with the
// weights until these change. Training changes them in every step, so only what is asked for twice is kept.
#pragma once
#include <array>
#include <cstdint>

#include "../runtime/stream.h"

namespace nabla {

struct Context;

// Which of the many forms: a kind and whatever decides how it lies in memory.
using PreparedKey = std::array<int64_t, 24>;

struct Prepared {
  Storage* source = nullptr;
  const char* data = nullptr;  // first element of the weights
  PreparedKey key{};
  uint64_t writes = 0;          // those of the source when it was asked for
  Storage memory;               // without a block after the first request
  Prepared* sibling = nullptr;  // of the same source
  Prepared *before = nullptr, *after = nullptr;
};

// The forms of all weights of one environment. Used by the thread that queues tasks.
class PreparedCache {
 public:
  // Memory of `bytes` for this form of `source`. `keeps()` is false when it is asked for the first time since the
  // source changed, or when there is no memory; when `fill` is true, the caller queues a task that fills it.
  struct Place {
    Tensor tensor;
    bool fill = false;
    bool keeps() const { return tensor.storage != nullptr; }
  };
  Place find(Context& ctx, const Tensor& source, const PreparedKey& key, size_t bytes);
  // The source goes away.
  void release(Context& ctx, Storage& source);
  // Gives all memory back, for want of it.
  void clear(Context& ctx);

 private:
  void drop(Context& ctx, Prepared* entry);
  Prepared* add(const Tensor& source, const PreparedKey& key);

  Prepared* first_ = nullptr;
};

}  // namespace nabla
