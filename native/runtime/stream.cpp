#include "stream.h"

#include <cstdio>
#include <exception>

namespace nabla {

namespace {
constexpr double kSpinMicros = 100;     // executor, after the last task
constexpr int kPollPauses = 64;         // between two looks: each takes the producer's cache line away from it
constexpr double kPatienceMicros = 20;  // of a thread that waits while nothing happens, before it looks where it runs
// A thread that waits for the stream, without work of its own. Longer than a sleeping CPU of a virtual machine needs
// to wake (up to 1 ms): else executor and waiter fall asleep in turns.
constexpr double kWaitSpinMicros = 3000;
}  // namespace

void Exec::fail(const char* format, ...) {
  if (failed_.exchange(true)) return;
  va_list args;
  va_start(args, format);
  vsnprintf(message_, sizeof message_, format, args);
  va_end(args);
}

Stream::Stream(int threads) : ring_(new Granule[kGranules]), pool_(threads, &tail_) {
  thread_ = std::thread([this] {
    loop();
    exited_.store(true);
  });
}

void Stream::reserve(uint64_t granules) {
  const uint64_t tail = next_;
  if (tail + granules - knownHead_ <= kGranules) return;
  knownHead_ = completed();
  if (tail + granules - knownHead_ <= kGranules) return;
  // Back-pressure: wait for some room, not for half the queue, so that no single call stalls for long.
  const uint64_t room = granules > kResumeRoom ? granules : kResumeRoom;
  wait(tail + room - kGranules, -1);
  knownHead_ = completed();
}

Stream::Task* Stream::begin(const char* op, const Tensor* const* outs, size_t outCount, const Tensor* const* ins,
                            size_t inCount, size_t payloadBytes, OnError onError) {
  const size_t offset = (sizeof(Task) + (outCount + inCount) * sizeof(Block*) + 15) & ~size_t{15};
  const uint64_t granules = (offset + payloadBytes + sizeof(Granule) - 1) / sizeof(Granule);
  uint64_t tail = next_;
  const uint64_t untilEnd = kGranules - tail % kGranules;
  if (granules > untilEnd) {
    reserve(untilEnd);
    auto* filler = reinterpret_cast<Task*>(&ring_[tail % kGranules]);
    filler->run = nullptr;
    filler->granules = static_cast<uint32_t>(untilEnd);
    pending_ = untilEnd;
    publish();
    tail = next_;
  }
  reserve(granules);
  auto* task = reinterpret_cast<Task*>(&ring_[tail % kGranules]);
  task->op = op;
  task->granules = static_cast<uint32_t>(granules);
  task->onError = onError;
  task->freshOuts = 0;
  task->payloadOffset = static_cast<uint32_t>(offset);
  Block** list = blocks(task);
  uint16_t count = 0;
  for (size_t i = 0; i < outCount; i++) {
    if (!outs[i]) continue;
    Storage* storage = outs[i]->storage;
    if (storage->fresh && count < 32) task->freshOuts |= 1u << count;
    storage->fresh = false;
    storage->writes++;
    list[count++] = storage->block;
  }
  task->outs = count;
  for (size_t i = 0; i < inCount; i++)
    if (ins[i]) list[count++] = ins[i]->storage->block;
  task->ins = static_cast<uint16_t>(count - task->outs);
  pending_ = granules;
  return task;
}

void Stream::publish() {
  // Each side writes its word and then looks at the other's. An exchange and not a store: it costs the same on x86, and
  // qemu lets a load of ARM code pass an earlier seq_cst store, which loses the wake-up.
  next_ += pending_;
  tail_.exchange(next_, std::memory_order_seq_cst);
  // Claim the wake-up: a woken thread needs 25-100 us to run, and without the exchange every task until then would
  // cost a system call.
  if (sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(0)) {
    producerCpu_.store(currentCpu(), std::memory_order_relaxed);
    wakeAddress(sleeping_, false);
  }
}

void Stream::execute(Task* task) {
  Block** list = blocks(task);
  std::shared_ptr<const KernelError> error;
  for (int i = 0; i < task->outs; i++)
    if (task->freshOuts >> i & 1 && list[i]->error) list[i]->error.reset();
  for (int i = task->outs; i < task->outs + task->ins && !error; i++) error = list[i]->error;
  if (error && task->onError == OnError::kKeep) return;
  if (!error) {
    Exec exec(pool_, stopping_);
    try {
      task->run(exec, payload(task));
    } catch (const std::bad_alloc&) {
      exec.fail("out of memory for scratch space");
    } catch (const std::exception& e) {
      exec.fail("%s", e.what());
    }
    if (exec.failed_.load()) {
      error = std::make_shared<const KernelError>(KernelError{task->op, exec.message_});
      record(error);
    }
  }
  if (error)
    for (int i = 0; i < task->outs; i++)
      if (!list[i]->error) list[i]->error = error;
}

void Stream::executeTimed(Task* task, uint64_t position) {
  const double start = nowMicros();
  execute(task);
  if (!timing_) return;  // that was the end of it
  if (times_.tasks.size() == timingLimit_)
    times_.dropped++;
  else
    times_.tasks.push_back({task->op, position, start, nowMicros()});
}

void Stream::startTiming(size_t limit) {
  enqueue("startTiming", {}, {}, [this, limit](Exec&) {
    times_ = {};
    times_.tasks.reserve(limit < 65536 ? limit : 65536);
    timingLimit_ = limit;
    timing_ = true;
  });
}

TaskTimes Stream::stopTiming() {
  enqueue("stopTiming", {}, {}, [this](Exec&) { timing_ = false; });
  if (!wait(next_, -1)) return {};
  TaskTimes taken = std::move(times_);
  times_ = {};
  return taken;
}

void Stream::loop() {
  uint64_t head = 0, tail = 0;
  for (;;) {
    if (stopping_.load(std::memory_order_relaxed)) return;
    // While there is known work the producer keeps its word to itself.
    if (tail == head) tail = tail_.load(std::memory_order_acquire);
    if (tail != head) {
      auto* task = reinterpret_cast<Task*>(&ring_[head % kGranules]);
      executorCpu_.store(currentCpu(), std::memory_order_relaxed);
      if (task->run) timing_ ? executeTimed(task, head) : execute(task);
      head += task->granules;
      head_.exchange(head, std::memory_order_seq_cst);
      if (waiters_.load(std::memory_order_seq_cst)) {
        signal_.fetch_add(1);
        wakeAddress(signal_, true);
      }
      continue;
    }
    const double idleSince = nowMicros();
    while (tail_.load(std::memory_order_acquire) == head && !stopping_.load(std::memory_order_relaxed)) {
      for (int i = 0; i < kPollPauses; i++) spinPause();
      if (nowMicros() - idleSince < kSpinMicros) continue;
      sleeping_.exchange(1, std::memory_order_seq_cst);
      if (tail_.load(std::memory_order_seq_cst) == head && !stopping_.load()) {
        waitOnAddress(sleeping_, 1, -1);
        leaveCpu(producerCpu_.load(std::memory_order_relaxed));
      }
      sleeping_.store(0);
    }
  }
}

bool Stream::wait(uint64_t position, int64_t timeoutMicros) {
  if (completed() >= position) return true;
  const double start = nowMicros();
  double idleSince = start;
  uint32_t region = 0;
  pool_.join();
  const auto finish = [this](bool done) {
    pool_.leave();
    return done;
  };
  for (;;) {
    if (completed() >= position) return finish(true);
    if (stopping_.load() || exited_.load()) return finish(false);
    const bool helped = pool_.help(region);
    const double now = nowMicros();
    if (timeoutMicros >= 0 && now - start >= static_cast<double>(timeoutMicros)) return finish(false);
    if (helped) idleSince = now;
    if (now - idleSince < kWaitSpinMicros) {
      if (!helped) {
        for (int i = 0; i < 32; i++) spinPause();
        if (now - idleSince > kPatienceMicros) {  // the executor may be waiting for this CPU
          leaveCpu(executorCpu_.load(std::memory_order_relaxed));
          std::this_thread::yield();
        }
      }
      continue;
    }
    pool_.leave();
    waiters_.fetch_add(1, std::memory_order_seq_cst);
    const uint32_t seen = signal_.load();
    const int64_t left = timeoutMicros < 0 ? 100000 : timeoutMicros - static_cast<int64_t>(now - start);
    if (head_.load(std::memory_order_seq_cst) < position) waitOnAddress(signal_, seen, left > 0 ? left : 1);
    leaveCpu(executorCpu_.load(std::memory_order_relaxed));
    waiters_.fetch_sub(1);
    pool_.join();
  }
}

void Stream::record(std::shared_ptr<const KernelError> error) {
  std::lock_guard lock(errorMutex_);
  if (!undelivered_) undelivered_ = std::move(error);
}

void Stream::markDelivered(const std::shared_ptr<const KernelError>& error) {
  std::lock_guard lock(errorMutex_);
  if (undelivered_ == error) undelivered_.reset();
}

std::shared_ptr<const KernelError> Stream::takeUndelivered() {
  std::lock_guard lock(errorMutex_);
  return std::move(undelivered_);
}

void Stream::setPriority(Priority priority) {
  enqueue("setPriority", {}, {}, [priority](Exec& exec) { exec.pool.setPriority(priority); });
}

void Stream::stop() {
  stopping_.store(true);
  while (thread_.joinable() && !exited_.load()) {  // a wake can fall between the check and the sleep: repeat
    sleeping_.store(0);
    wakeAddress(sleeping_, true);
    sleepMicros(20);
  }
  if (thread_.joinable()) thread_.join();
  pool_.resize(1);
  ring_.reset();  // nobody queues any more
}

}  // namespace nabla
