#include "thread_pool.h"

#include <algorithm>
#include <new>

namespace nabla {

namespace {
constexpr double kSpinMicros = 100;
constexpr double kProducerMicros = 100;  // work was queued so shortly ago: more will be
constexpr int kScratchSlots = 4;
constexpr uint32_t kClosed = UINT32_MAX;  // chunk number of a region that is being set up
std::atomic<int64_t> totalScratch{0};

void unmapScratch(void* data, size_t bytes) { guardPages() ? unmapGuarded(data, bytes) : unmapPages(data, bytes); }

// Freed when its thread ends; threads of a pool are always joined.
struct ThreadScratch {
  void* data[kScratchSlots] = {};
  size_t bytes[kScratchSlots] = {};
  ~ThreadScratch() {
    for (int i = 0; i < kScratchSlots; i++) {
      if (!data[i]) continue;
      unmapScratch(data[i], bytes[i]);
      totalScratch -= static_cast<int64_t>(bytes[i]);
    }
  }
};
thread_local ThreadScratch scratch;
}  // namespace

ThreadPool::ThreadPool(int threads, const std::atomic<uint64_t>* queued) : queued_(queued) { start(threads); }
ThreadPool::~ThreadPool() { stop(); }

void* ThreadPool::threadScratch(size_t bytes, int slot) {
  if (scratch.bytes[slot] < bytes) {
    const size_t size = guardPages() ? (bytes + 63) & ~size_t{63} : (bytes + (bytes >> 2) + 65535) & ~size_t{65535};
    void* data = guardPages() ? mapGuarded(size) : mapPages(size);
    if (!data) throw std::bad_alloc();
    if (scratch.data[slot]) unmapScratch(scratch.data[slot], scratch.bytes[slot]);
    totalScratch += static_cast<int64_t>(size - scratch.bytes[slot]);
    scratch.data[slot] = data;
    scratch.bytes[slot] = size;
  }
  return scratch.data[slot];
}

int64_t ThreadPool::scratchBytes() { return totalScratch.load(); }

void ThreadPool::start(int threads) {
  quit_ = false;
  crowded_ = queued_ && availableCpus() <= threads;
  producing_ = false;
  closeShares(generation_.load());  // who waits may still look at the last region
  shares_.store(std::clamp(threads, 1, kMostShares), std::memory_order_release);
  for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { work(i); });
}

void ThreadPool::stop() {
  quit_ = true;
  generation_.fetch_add(1);
  wakeAddress(generation_, true);
  for (auto& worker : workers_) worker.join();
  workers_.clear();
}

void ThreadPool::resize(int threads) {
  if (threads == this->threads()) return;
  stop();
  start(threads);
}

// A running thread cannot lower and raise its priority again without privileges, so the threads are made anew.
void ThreadPool::setPriority(Priority priority) {
  if (priority == priority_) return;
  const int count = threads();
  stop();
  priority_ = priority;
  start(count);
}

void ThreadPool::closeShares(uint32_t generation) {
  for (Share& share : share_) {
    share.state.store(static_cast<uint64_t>(generation) << 32 | kClosed, std::memory_order_relaxed);
  }
}

// False if a new region has begun.
bool ThreadPool::takeShare(uint32_t generation, int share, int thread) {
  std::atomic<uint64_t>& shared = share_[share].state;
  uint64_t state = shared.load(std::memory_order_acquire);
  for (;;) {
    if (static_cast<uint32_t>(state >> 32) != generation) return false;
    const int64_t chunk = static_cast<uint32_t>(state);
    if (chunk >= startOf(share + 1)) return true;
    if (!shared.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    try {
      body_.load(std::memory_order_relaxed)(context_.load(std::memory_order_relaxed), chunk);
    } catch (...) {  // only threadScratch throws; run() passes it on
      failed_.store(true, std::memory_order_relaxed);
    }
    done_.fetch_add(1, std::memory_order_release);
    if (thread == 0) recruit();
    state = shared.load(std::memory_order_acquire);
  }
}

void ThreadPool::takeChunks(uint32_t generation, int thread) {
  const int shares = shares_.load(std::memory_order_acquire);
  for (int i = 0; i < shares; i++) {
    if (!takeShare(generation, (thread + i) % shares, thread)) return;
  }
}

// Wakes helpers that are wanted; the executor asks at the start of a region and after each of its chunks.
void ThreadPool::recruit() {
  if (crowded_) {
    const uint64_t queued = queued_->load(std::memory_order_relaxed);
    const double now = nowMicros();
    if (queued != lastQueued_) lastQueued_ = queued, queuedAt_ = now;
    const bool producing = now - queuedAt_ < kProducerMicros;
    if (producing != producing_.load(std::memory_order_relaxed)) producing_.store(producing);
  }
  if (sleepers_.load(std::memory_order_seq_cst) > (replaced(1) ? 1 : 0)) {
    executorCpu_.store(currentCpu(), std::memory_order_relaxed);
    wakeAddress(generation_, true);
  }
}

void ThreadPool::run(int64_t n, Body body, void* context) {
  const uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  const uint64_t upper = static_cast<uint64_t>(generation) << 32;
  const int shares = shares_.load(std::memory_order_relaxed);
  // First of all: a helper that still looks at the finished region could otherwise pass its end by the new chunk count.
  for (int i = 0; i < shares; i++) share_[i].state.store(upper | kClosed, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  chunks_.store(n, std::memory_order_release);
  body_.store(body, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  for (int i = 0; i < shares; i++) {
    share_[i].state.store(upper | static_cast<uint64_t>(startOf(i)), std::memory_order_release);
  }
  generation_.exchange(generation, std::memory_order_seq_cst);  // as in Stream::publish
  recruit();
  takeChunks(generation, 0);
  for (int spins = 0; done_.load(std::memory_order_acquire) != n; spins++) {
    spinPause();
    if (spins > 2000) {  // a helper was preempted with a chunk in hand
      std::this_thread::yield();
      spins = 1000;
    }
  }
  if (failed_.exchange(false)) throw std::bad_alloc();
}

bool ThreadPool::help(uint32_t& seen) {
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (generation == seen) return false;
  seen = generation;
  takeChunks(generation, 1);
  return true;
}

void ThreadPool::work(int thread) {
  setThreadPriority(priority_);
  uint32_t seen = generation_.load();
  double idleSince = nowMicros();
  while (!quit_.load(std::memory_order_relaxed)) {
    const uint32_t generation = generation_.load(std::memory_order_acquire);
    if (generation != seen && !replaced(thread)) {
      seen = generation;
      takeChunks(generation, thread);
      idleSince = nowMicros();
      continue;
    }
    for (int i = 0; i < 32; i++) spinPause();
    if (!replaced(thread) && nowMicros() - idleSince < kSpinMicros) continue;
    sleepers_.fetch_add(1);
    // A wake that falls between this and the sleep comes again with the next chunk.
    const uint32_t now = generation_.load();
    if ((now == seen || replaced(thread)) && !quit_) {
      waitOnAddress(generation_, now, -1);
      leaveCpu(executorCpu_.load(std::memory_order_relaxed));
    }
    sleepers_.fetch_sub(1);
    idleSince = nowMicros();
  }
}

}  // namespace nabla
