#include "allocator.h"

#include <bit>

#include "platform.h"

namespace nabla {

namespace {
constexpr size_t kMinBytes = 64;
constexpr size_t kMaxBytes = size_t{1} << 62;
constexpr size_t kMappedBytes = size_t{2} << 20;
constexpr int64_t kCacheFloor = int64_t{1} << 30;
constexpr int kGuardedTrim = 1024;  // allocations between two trims: each block takes two of the system's mappings

void* fromSystem(size_t capacity) {
  if (guardPages()) return mapGuarded(capacity);
  return capacity >= kMappedBytes ? mapPages(capacity) : alignedAlloc(capacity);
}

// One thread writes the counters, others may read them: no locked instruction is needed.
void add(std::atomic<int64_t>& counter, int64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

void giveBack(void* data, size_t capacity) {
  if (guardPages())
    unmapGuarded(data, capacity);
  else if (capacity >= kMappedBytes)
    unmapPages(data, capacity);
  else
    alignedFree(data);
}
}  // namespace

// Four classes per power of two, so at most a quarter of a block is unused.
int Allocator::classOf(size_t bytes, size_t* rounded) {
  if (bytes < kMinBytes) bytes = kMinBytes;
  const int exponent = 63 - std::countl_zero(static_cast<uint64_t>(bytes));
  const size_t base = size_t{1} << exponent, step = base >> 2;
  const size_t k = (bytes - base + step - 1) / step;
  *rounded = (base + k * step + 63) & ~size_t{63};
  return (exponent - 6) * 4 + static_cast<int>(k);
}

Block* Allocator::take(int sizeClass) {
  auto& list = free_[sizeClass];
  if (list.empty()) return nullptr;
  Block* block = list.back();
  list.pop_back();
  add(cached_, -static_cast<int64_t>(block->capacity));
  return block;
}

void Allocator::count(const Block* block) {
  add(live_, static_cast<int64_t>(block->capacity));
  if (live() > peak()) peak_.store(live(), std::memory_order_relaxed);
}

void Allocator::discount(const Block* block) { add(live_, -static_cast<int64_t>(block->capacity)); }

Block* Allocator::handOut(Block* block) {
  count(block);
  return block;
}

Block* Allocator::reuse(size_t bytes) {
  if (hasRemote_.load(std::memory_order_acquire)) drainRemote();
  if (bytes > kMaxBytes || guardPages()) return nullptr;  // with guard pages a block is never used again
  size_t capacity;
  const int sizeClass = classOf(bytes, &capacity);
  if (!fits(capacity)) return nullptr;
  Block* block = take(sizeClass);
  // Large blocks may serve a request of up to half their size less: varying batch sizes then share memory.
  for (int up = 1; !block && capacity >= kMappedBytes && up <= 2 && sizeClass + up < kClasses; up++)
    block = take(sizeClass + up);
  return block ? handOut(block) : nullptr;
}

Block* Allocator::obtain(size_t bytes, uint64_t completed) {
  if (bytes > kMaxBytes) return nullptr;
  size_t capacity;
  const int sizeClass = classOf(bytes, &capacity);
  const bool guarded = guardPages();
  if (guarded) capacity = (bytes + 7) & ~size_t{7};
  if (!fits(capacity)) return nullptr;
  thread_local int guardedAllocations = 0;
  const bool full = cached() > kCacheFloor && cached() > live();
  if (full || (guarded && ++guardedAllocations % kGuardedTrim == 0)) trim(completed);
  void* data = fromSystem(capacity);
  if (!data && cached() > 0) {
    trim(completed);
    data = fromSystem(capacity);
  }
  if (!data) return nullptr;
  auto* block = new Block;
  block->data = data;
  block->capacity = capacity;
  block->sizeClass = sizeClass;
  return handOut(block);
}

void Allocator::release(Block* block, uint64_t position) {
  block->releasedAt = position;
  discount(block);
  add(cached_, static_cast<int64_t>(block->capacity));
  free_[block->sizeClass].push_back(block);
}

void Allocator::releaseRemote(Block* block) {
  {
    std::lock_guard lock(remoteMutex_);
    if (!closed_) {
      remote_.push_back(block);
      hasRemote_.store(true, std::memory_order_release);
      return;
    }
  }
  giveBack(block->data, block->capacity);
  delete block;
}

void Allocator::drainRemote() {
  std::lock_guard lock(remoteMutex_);
  for (Block* block : remote_) {
    count(block);
    release(block, block->releasedAt);
  }
  remote_.clear();
  hasRemote_.store(false, std::memory_order_release);
}

void Allocator::close() {
  {
    std::lock_guard lock(remoteMutex_);
    closed_ = true;
  }
  drainRemote();
}

void Allocator::trim(uint64_t completed) {
  for (auto& list : free_) {
    std::erase_if(list, [&](Block* block) {
      if (block->releasedAt > completed) return false;
      add(cached_, -static_cast<int64_t>(block->capacity));
      giveBack(block->data, block->capacity);
      delete block;
      return true;
    });
  }
}

}  // namespace nabla
