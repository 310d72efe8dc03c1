#include "platform.h"

#include <chrono>
#include <cstdlib>
#include <thread>

#if defined(_WIN32)
#define NOMINMAX
#include <malloc.h>
#include <windows.h>
#else
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#else
#include <condition_variable>
#include <mutex>
#endif

namespace nabla {

double nowMicros() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void sleepMicros(int64_t micros) { std::this_thread::sleep_for(std::chrono::microseconds(micros)); }

#if defined(__linux__)

int availableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  const unsigned n = std::thread::hardware_concurrency();
  return n ? static_cast<int>(n) : 1;
}

int currentCpu() { return sched_getcpu(); }

void leaveCpu(int cpu) {
  if (cpu < 0 || cpu != sched_getcpu()) return;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  cpu_set_t others = allowed;
  CPU_CLR(cpu, &others);
  if (sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof allowed, &allowed);
}

void waitOnAddress(std::atomic<uint32_t>& word, uint32_t expected, int64_t timeoutMicros) {
  timespec limit{timeoutMicros / 1000000, (timeoutMicros % 1000000) * 1000};
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, timeoutMicros < 0 ? nullptr : &limit, nullptr, 0);
}

void wakeAddress(std::atomic<uint32_t>& word, bool all) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, all ? INT32_MAX : 1, nullptr, nullptr, 0);
}

#else

int currentCpu() { return -1; }
void leaveCpu(int) {}

int availableCpus() {
  const unsigned n = std::thread::hardware_concurrency();
  return n ? static_cast<int>(n) : 1;
}

namespace {
struct Bucket {
  std::mutex mutex;
  std::condition_variable changed;
};
// Leaked on purpose: threads may still wait here while the process runs its static destructors.
Bucket& bucketOf(const void* address) {
  static Bucket* buckets = new Bucket[64];
  return buckets[(reinterpret_cast<uintptr_t>(address) >> 6) & 63];
}
}  // namespace

void waitOnAddress(std::atomic<uint32_t>& word, uint32_t expected, int64_t timeoutMicros) {
  Bucket& bucket = bucketOf(&word);
  std::unique_lock lock(bucket.mutex);
  if (word.load() != expected) return;
  if (timeoutMicros < 0)
    bucket.changed.wait(lock);
  else
    bucket.changed.wait_for(lock, std::chrono::microseconds(timeoutMicros));
}

void wakeAddress(std::atomic<uint32_t>& word, bool) {
  Bucket& bucket = bucketOf(&word);
  std::lock_guard lock(bucket.mutex);
  bucket.changed.notify_all();
}

#endif

#if defined(_WIN32)

void* mapPages(size_t bytes) { return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE); }
void unmapPages(void* data, size_t) { VirtualFree(data, 0, MEM_RELEASE); }
bool guardPages() { return false; }
void* mapGuarded(size_t) { return nullptr; }
void unmapGuarded(void*, size_t) {}
void* alignedAlloc(size_t bytes) { return _aligned_malloc(bytes, 64); }
void alignedFree(void* data) { _aligned_free(data); }
void setThreadPriority(Priority priority) {
  SetThreadPriority(GetCurrentThread(),
                    priority == Priority::kBackground ? THREAD_PRIORITY_IDLE : THREAD_PRIORITY_NORMAL);
}

#else

void* mapPages(size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
  madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}
void unmapPages(void* data, size_t bytes) { munmap(data, bytes); }

#if defined(__SANITIZE_ADDRESS__)

// The sanitizer guards each block, and tells where it was made and freed.
bool guardPages() { return true; }

void* mapGuarded(size_t bytes) {
  void* data;
  return posix_memalign(&data, 64, bytes) == 0 ? data : nullptr;
}

void unmapGuarded(void* data, size_t) { std::free(data); }

#else

bool guardPages() {
  static const bool guard = std::getenv("NABLA_GUARD_PAGES") != nullptr;
  return guard;
}

namespace {
size_t pagesFor(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}
}  // namespace

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

void* alignedAlloc(size_t bytes) { return std::aligned_alloc(64, (bytes + 63) & ~size_t{63}); }
void alignedFree(void* data) { std::free(data); }

void setThreadPriority(Priority priority) {
  if (priority != Priority::kBackground) return;
#if defined(__linux__)
  sched_param param{};
  if (sched_setscheduler(0, SCHED_IDLE, &param) == 0) return;
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10);
#elif defined(__APPLE__)
  pthread_set_qos_class_self_np(QOS_CLASS_BACKGROUND, 0);
#endif
}

#endif

}  // namespace nabla
