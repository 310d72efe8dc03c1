// Stream-ordered caching allocator: allocate and release happen on the JavaScript thread in the order of enqueued
// tasks.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nabla {

struct KernelError {
  const char* op;
  std::string message;
};

// The owner's fields and the executor's lie on different cache lines: both are used for every small task.
struct alignas(64) Block {
  void* data = nullptr;
  size_t capacity = 0;
  int sizeClass = 0;
  uint64_t releasedAt = 0;  // stream position when it was released: past it, no task touches it
  alignas(64) std::shared_ptr<const KernelError> error;  // read and written by the executor only
};

class Allocator {
 public:
  // 64-byte aligned; nullptr when the system or the byte limit says no. Fresh blocks of 2 MB and more ask for huge
  // pages. `completed` may be a Stream: it is asked only when memory has to come from the system.
  template <class Progress>
  Block* allocate(size_t bytes, const Progress& progress) {
    Block* block = reuse(bytes);
    if (block) return block;
    if constexpr (requires { progress.completed(); })
      return obtain(bytes, progress.completed());
    else
      return obtain(bytes, progress);
  }
  void release(Block* block, uint64_t position);
  // From a thread that does not own this allocator, of a block that was handed over; taken in by the next allocate().
  void releaseRemote(Block* block);
  // A block in the hands of another environment counts as live there: both call these, each on its own thread.
  void count(const Block* block);
  void discount(const Block* block);
  // The owner goes away: what is given back from now on goes to the system.
  void close();
  // Returns cached blocks that no queued task can touch to the system.
  void trim(uint64_t completed);

  int64_t live() const { return live_.load(std::memory_order_relaxed); }
  int64_t cached() const { return cached_.load(std::memory_order_relaxed); }
  int64_t peak() const { return peak_.load(std::memory_order_relaxed); }
  void resetPeak() { peak_.store(live()); }
  void setMaxBytes(int64_t bytes) { maxBytes_ = bytes; }

 private:
  static constexpr int kClasses = 256;
  static int classOf(size_t bytes, size_t* rounded);
  Block* take(int sizeClass);
  Block* reuse(size_t bytes);                       // a cached block, or nullptr
  Block* obtain(size_t bytes, uint64_t completed);  // a new one
  Block* handOut(Block* block);
  bool fits(size_t capacity) const { return live() + static_cast<int64_t>(capacity) <= maxBytes_; }
  void drainRemote();

  std::vector<Block*> free_[kClasses];
  std::atomic<int64_t> live_{0}, cached_{0}, peak_{0};
  int64_t maxBytes_ = INT64_MAX;
  std::mutex remoteMutex_;
  std::vector<Block*> remote_;
  bool closed_ = false;  // under the mutex
  std::atomic<bool> hasRemote_{false};
};

}  // namespace nabla
