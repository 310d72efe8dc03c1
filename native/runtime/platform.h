// What differs between operating systems: pages, waiting on an address, thread priority, a spin hint.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace nabla {

inline void spinPause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

double nowMicros();
void sleepMicros(int64_t micros);
int availableCpus();

// The CPU that runs the calling thread; -1 where that cannot be told.
int currentCpu();
// Moves the calling thread elsewhere if it runs on this CPU and may run on another. A woken thread is often put beside
// the one that woke it, which goes on: the two then take turns for milliseconds while another CPU is idle.
void leaveCpu(int cpu);

// After non-temporal stores, before others may read what they wrote.
inline void storeFence() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_sfence();
#else
  std::atomic_thread_fence(std::memory_order_release);
#endif
}

// Sleeps while `word` holds `expected`, at most `timeoutMicros` (negative: no limit). May return early.
void waitOnAddress(std::atomic<uint32_t>& word, uint32_t expected, int64_t timeoutMicros);
void wakeAddress(std::atomic<uint32_t>& word, bool all);

void* mapPages(size_t bytes);
void unmapPages(void* data, size_t bytes);
void* alignedAlloc(size_t bytes);
// NABLA_GUARD_PAGES=1, for tests: memory ends at a page that no one may touch, so that reading or writing past it
// crashes at that instruction. Never true on Windows.
bool guardPages();
void* mapGuarded(size_t bytes);
void unmapGuarded(void* data, size_t bytes);
void alignedFree(void* data);

enum class Priority { kNormal, kBackground };
// Of the calling thread. Background is the idle class where there is one.
void setThreadPriority(Priority priority);

}  // namespace nabla
