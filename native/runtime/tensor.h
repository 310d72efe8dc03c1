// A tensor as the native side sees it: plain data that a queued task may copy.
#pragma once
#include <atomic>
#include <cstdint>

#include "allocator.h"
#include "dtype.h"

namespace nabla {

constexpr int kMaxDims = 8;

struct Prepared;

// Memory shared by a tensor and its views. Reference counts change on the JavaScript thread that owns the allocator;
// a count of zero gives the block back at once: the stream runs in order, so a later task may write to it.
struct Storage {
  std::atomic<int> refs{1};
  Block* block = nullptr;
  Allocator* owner = nullptr;
  size_t bytes = 0;
  bool fresh = true;             // no task has been queued that writes it
  uint64_t writes = 0;           // how often it was written
  Prepared* prepared = nullptr;  // other forms of its contents, see ops/prepared.h
};

struct Tensor {
  Storage* storage = nullptr;
  char* data = nullptr;  // address of element [0, ..., 0]
  DType dtype = DType::kFloat32;
  int ndim = 0;
  int64_t shape[kMaxDims] = {};
  int64_t strides[kMaxDims] = {};  // in elements

  int64_t numel() const {
    int64_t n = 1;
    for (int i = 0; i < ndim; i++) n *= shape[i];
    return n;
  }
  template <class T>
  T* ptr() const {
    return reinterpret_cast<T*>(data);
  }
  bool isContiguous() const {
    int64_t expected = 1;
    for (int i = ndim - 1; i >= 0; i--) {
      if (shape[i] != 1 && strides[i] != expected) return numel() == 0;
      expected *= shape[i];
    }
    return true;
  }
  // [N, C, H, W] whose memory runs N, H, W, C.
  bool isChannelsLast() const {
    if (ndim != 4) return false;
    constexpr int order[4] = {1, 3, 2, 0};
    int64_t expected = 1;
    for (int i : order) {
      if (shape[i] != 1 && strides[i] != expected) return numel() == 0;
      expected *= shape[i];
    }
    return true;
  }
};

}  // namespace nabla
