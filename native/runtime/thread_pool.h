// Fork-join pool of one stream: the executor, its helpers and who waits for it. Each takes the chunks of its own share
// of a region first, the same share in every region, so that it finds in its cache what it wrote before; then it helps
// with the others.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

#include "platform.h"

namespace nabla {

class ThreadPool {
 public:
  // queued: changes whenever a thread queues work for the executor; may be null.
  explicit ThreadPool(int threads, const std::atomic<uint64_t>* queued = nullptr);
  ~ThreadPool();

  // Runs f(chunk) for every chunk in [0, n), on any thread, in any order; returns when all are done. Executor only.
  // Which thread runs a chunk must not matter for the result: split work by the problem's size, not by threads.
  template <class F>
  void parallelFor(int64_t n, F&& f) {
    if (n <= 1 || workers_.empty()) {
      for (int64_t i = 0; i < n; i++) f(i);
      return;
    }
    using Fn = std::remove_reference_t<F>;
    run(
        n, [](void* context, int64_t chunk) { (*static_cast<Fn*>(context))(chunk); }, &f);
  }

  // A thread that waits for the executor works with it instead: from `join` to `leave` it takes chunks in `help`, and
  // one helper sleeps in its place. One assistant at a time.
  void join() { assistants_.store(1); }
  void leave() { assistants_.store(0); }
  bool help(uint32_t& seen);  // true if there was a region that `seen` does not name

  // At least `bytes` of 64-byte aligned memory that belongs to the calling thread until it asks again with the same
  // slot. Uninitialised; grows only.
  static void* threadScratch(size_t bytes, int slot = 0);

  int threads() const { return static_cast<int>(workers_.size()) + 1; }
  void resize(int threads);  // executor only
  void setPriority(Priority priority);
  static int64_t scratchBytes();

 private:
  using Body = void (*)(void*, int64_t);
  void run(int64_t n, Body body, void* context);
  void work(int thread);
  void recruit();
  // A helper that sleeps because the thread that waits or queues has its CPU.
  bool replaced(int thread) const {
    return thread == 1 && (assistants_.load(std::memory_order_relaxed) || producing_.load(std::memory_order_relaxed));
  }
  void takeChunks(uint32_t generation, int thread);
  bool takeShare(uint32_t generation, int share, int thread);
  void closeShares(uint32_t generation);
  int64_t startOf(int share) const {
    return chunks_.load(std::memory_order_acquire) * share / shares_.load(std::memory_order_acquire);
  }
  void start(int threads);
  void stop();

  // Generation in the upper half, next chunk in the lower. A claim is a compare-and-swap, so a worker that comes late
  // to a finished region can never take a chunk of the next one with the old body.
  struct alignas(64) Share {
    std::atomic<uint64_t> state{0};
  };
  static constexpr int kMostShares = 8;  // more threads have one in common
  Share share_[kMostShares];
  std::atomic<int> shares_{1};
  alignas(64) std::atomic<int64_t> done_{0};
  std::atomic<int64_t> chunks_{0};
  std::atomic<Body> body_{nullptr};
  std::atomic<void*> context_{nullptr};
  alignas(64) std::atomic<uint32_t> generation_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<int> assistants_{0};
  std::atomic<bool> producing_{false};
  std::atomic<int> executorCpu_{-1};  // when it last woke helpers
  std::atomic<bool> quit_{false};
  std::atomic<bool> failed_{false};
  // Where CPUs are no more than threads, a thread that queues work has that of a helper: with both awake, one of them
  // is preempted with a chunk in hand, and everybody waits for it. Executor only.
  const std::atomic<uint64_t>* queued_;
  bool crowded_ = false;
  uint64_t lastQueued_ = 0;
  double queuedAt_ = 0;
  Priority priority_ = Priority::kNormal;
  std::vector<std::thread> workers_;
};

}  // namespace nabla
