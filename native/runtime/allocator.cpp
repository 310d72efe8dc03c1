#include "allocator.h"

#include <bit>
#include <cstdlib>

#include "platform.h"

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace nabla {

namespace {
constexpr size_t kMinBytes = 64;
constexpr size_t kMappedBytes = size_t{2} << 20;
constexpr int64_t kCacheFloor = int64_t{1} << 30;
constexpr int kGuardedTrim = 1024;  // allocations between two trims: each block takes two of the system's mappings

// NABLA_GUARD_PAGES=1, for tests: each block ends at a page that no one may touch and is never used twice, so that a
// kernel that reads or writes past a tensor, or uses a freed one, crashes at that instruction.
#if defined(_WIN32)
constexpr bool kGuarded = false;
void* mapGuarded(size_t) { return nullptr; }
void unmapGuarded(void*, size_t) {}
#else
const bool kGuarded = std::getenv("NABLA_GUARD_PAGES") != nullptr;

size_t pagesFor(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

void* mapGuarded(size_t bytes) {
  const size_t body = pagesFor(bytes), guard = pagesFor(1);
  void* base = mmap(nullptr, body + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  mprotect(static_cast<char*>(base) + body, guard, PROT_NONE);
  return static_cast<char*>(base) + body - bytes;
}

void unmapGuarded(void* data, size_t bytes) {
  const size_t body = pagesFor(bytes);
  munmap(static_cast<char*>(data) + bytes - body, body + pagesFor(1));
}
#endif

void* obtain(size_t capacity) {
  if (kGuarded) return mapGuarded(capacity);
  return capacity >= kMappedBytes ? mapPages(capacity) : alignedAlloc(capacity);
}

void giveBack(void* data, size_t capacity) {
  if (kGuarded)
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
  cached_ -= static_cast<int64_t>(block->capacity);
  return block;
}

Block* Allocator::allocate(size_t bytes, uint64_t completed) {
  if (hasRemote_.load(std::memory_order_acquire)) drainRemote();
  if (bytes > (size_t{1} << 62)) return nullptr;
  size_t capacity;
  const int sizeClass = classOf(bytes, &capacity);
  if (kGuarded) capacity = (bytes + 7) & ~size_t{7};
  if (live() + static_cast<int64_t>(capacity) > maxBytes_) return nullptr;
  Block* block = kGuarded ? nullptr : take(sizeClass);
  // Large blocks may serve a request of up to half their size less: varying batch sizes then share memory.
  for (int up = 1; !kGuarded && !block && capacity >= kMappedBytes && up <= 2 && sizeClass + up < kClasses; up++)
    block = take(sizeClass + up);
  if (!block) {
    thread_local int guardedAllocations = 0;
    const bool full = cached() > kCacheFloor && cached() > live();
    if (full || (kGuarded && ++guardedAllocations % kGuardedTrim == 0)) trim(completed);
    void* data = obtain(capacity);
    if (!data && cached() > 0) {
      trim(completed);
      data = obtain(capacity);
    }
    if (!data) return nullptr;
    block = new Block;
    block->data = data;
    block->capacity = capacity;
    block->sizeClass = sizeClass;
  }
  const int64_t live = live_ += static_cast<int64_t>(block->capacity);
  if (live > peak()) peak_.store(live, std::memory_order_relaxed);
  return block;
}

void Allocator::release(Block* block, uint64_t position) {
  block->releasedAt = position;
  live_ -= static_cast<int64_t>(block->capacity);
  cached_ += static_cast<int64_t>(block->capacity);
  free_[block->sizeClass].push_back(block);
}

void Allocator::releaseRemote(Block* block) {
  std::lock_guard lock(remoteMutex_);
  remote_.push_back(block);
  hasRemote_.store(true, std::memory_order_release);
}

void Allocator::drainRemote() {
  std::lock_guard lock(remoteMutex_);
  for (Block* block : remote_) release(block, block->releasedAt);
  remote_.clear();
  hasRemote_.store(false, std::memory_order_release);
}

void Allocator::trim(uint64_t completed) {
  for (auto& list : free_) {
    std::erase_if(list, [&](Block* block) {
      if (block->releasedAt > completed) return false;
      cached_ -= static_cast<int64_t>(block->capacity);
      giveBack(block->data, block->capacity);
      delete block;
      return true;
    });
  }
}

}  // namespace nabla
