// In-order stream of one environment: a single producer (the JavaScript thread) and one executor thread.
#pragma once
#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <type_traits>
#include <vector>

#include "tensor.h"
#include "thread_pool.h"

namespace nabla {

// What a running task may use.
class Exec {
 public:
  Exec(ThreadPool& pool, const std::atomic<bool>& stopping) : pool(pool), stopping_(stopping) {}
  ThreadPool& pool;

  template <class F>
  void parallelFor(int64_t chunks, F&& f) {
    pool.parallelFor(chunks, f);
  }
  // A mistake in values. The first one wins; may be called from any chunk. printf format, op name not included.
  void fail(const char* format, ...) __attribute__((format(printf, 2, 3)));
  bool failed() const { return failed_.load(); }
  // Long kernels look here between chunks; the environment is going away and nobody will read the result.
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

 private:
  friend class Stream;
  const std::atomic<bool>& stopping_;
  std::atomic<bool> failed_{false};
  char message_[240];
};

// What happens to the outputs of a task with a poisoned input: its kernel is not run, and the outputs are poisoned too,
// or (optimizer steps) keep their last good value.
enum class OnError : uint8_t { kPoison, kKeep };

// When a task ran, in microseconds of nowMicros(). `position` is the stream's before it was queued.
struct TaskTime {
  const char* op;
  uint64_t position;
  double start, end;
};

struct TaskTimes {
  std::vector<TaskTime> tasks;
  uint64_t dropped = 0;  // for want of room
};

class Stream {
 public:
  explicit Stream(int threads);

  // Queues kernel(exec). `outs` and `ins` are the tensors it writes and reads; the callable is copied as bytes.
  template <class F>
  void enqueue(const char* op, std::initializer_list<const Tensor*> outs, std::initializer_list<const Tensor*> ins,
               F kernel, OnError onError = OnError::kPoison) {
    enqueueList(op, outs.begin(), outs.size(), ins.begin(), ins.size(), kernel, onError);
  }
  // Null tensors in the lists are skipped.
  template <class F>
  void enqueueList(const char* op, const Tensor* const* outs, size_t outCount, const Tensor* const* ins, size_t inCount,
                   F kernel, OnError onError = OnError::kPoison) {
    static_assert(std::is_trivially_copyable_v<F> && std::is_trivially_destructible_v<F>);
    static_assert(alignof(F) <= 16 && sizeof(F) <= kMaxPayload);
    Task* task = begin(op, outs, outCount, ins, inCount, sizeof(F), onError);
    new (payload(task)) F(kernel);
    task->run = [](Exec& exec, void* data) { (*static_cast<F*>(data))(exec); };
    publish();
  }

  uint64_t position() const { return next_; }  // for the producer
  uint64_t completed() const { return head_.load(std::memory_order_acquire); }
  // True when everything before `position` has run; gives up after `timeoutMicros` (negative: never) or when stopping.
  bool wait(uint64_t position, int64_t timeoutMicros);

  // The first error since the last call that no read has delivered.
  std::shared_ptr<const KernelError> takeUndelivered();

  void stop();  // drops what is queued, joins the threads; idempotent
  bool stopping() const { return stopping_.load(); }
  ThreadPool& pool() { return pool_; }
  void setPriority(Priority priority);  // queued

  // Notes when each task runs, from here on (queued) until stopTiming(), which waits for the stream; at most `limit`
  // tasks. Costs nothing while it is off.
  void startTiming(size_t limit);
  TaskTimes stopTiming();

  // A read in stream order, for the border: on the executor, after copying, gets the error of the tensor or null.
  static std::shared_ptr<const KernelError> errorOf(const Tensor& tensor) { return tensor.storage->block->error; }
  void markDelivered(const std::shared_ptr<const KernelError>& error);

  static constexpr size_t kMaxPayload = 48 * 1024;

 private:
  struct alignas(64) Granule {
    unsigned char bytes[64];
  };
  struct Task {
    void (*run)(Exec&, void*);  // null: filler up to the end of the ring
    const char* op;
    uint32_t granules;
    uint16_t outs, ins;
    OnError onError;
    uint32_t freshOuts;  // bit i: output i holds nothing yet
    uint32_t payloadOffset;
  };
  static constexpr uint64_t kGranules = 16384;
  static constexpr uint64_t kResumeRoom = 256;

  static Block** blocks(Task* task) { return reinterpret_cast<Block**>(task + 1); }
  static void* payload(Task* task) { return reinterpret_cast<char*>(task) + task->payloadOffset; }
  Task* begin(const char* op, const Tensor* const* outs, size_t outCount, const Tensor* const* ins, size_t inCount,
              size_t payloadBytes, OnError onError);
  void publish();
  void reserve(uint64_t granules);
  void loop();
  void execute(Task* task);
  void executeTimed(Task* task, uint64_t position);
  void record(std::shared_ptr<const KernelError> error);

  std::unique_ptr<Granule[]> ring_;
  uint64_t next_ = 0;       // producer: where the next task goes
  uint64_t pending_ = 0;    // producer: granules of the task being written
  uint64_t knownHead_ = 0;  // producer: last head seen
  alignas(64) std::atomic<uint64_t> tail_{0};
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<uint32_t> sleeping_{0};
  std::atomic<uint32_t> waiters_{0};
  std::atomic<int> producerCpu_{-1};  // of the thread that woke the executor
  std::atomic<int> executorCpu_{-1};  // when its last task began
  std::atomic<uint32_t> signal_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> exited_{false};
  bool timing_ = false;  // the executor's; so are the next two while it is on
  size_t timingLimit_ = 0;
  TaskTimes times_;
  std::mutex errorMutex_;
  std::shared_ptr<const KernelError> undelivered_;
  ThreadPool pool_;
  std::thread thread_;
};

}  // namespace nabla
