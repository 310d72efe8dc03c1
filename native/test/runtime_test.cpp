// Stream, thread pool and allocator under stress: every chunk runs exactly once, tasks run in order, errors travel with
// the data, a full queue blocks, and stopping never hangs. Runs under ThreadSanitizer too.
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#endif

#include "harness.h"
#include "runtime/stream.h"

using namespace nabla;

namespace {

const bool guarded = guardPages();

// Regions of changing size follow each other closely: a helper that is late must not touch the next region.
// With an assistant too, which comes and goes.
void poolRunsEveryChunkOnce(int threads, int regions, bool assisted) {
  ThreadPool pool(threads);
  std::atomic<bool> over{false};
  std::thread assistant([&] {
    uint32_t seen = 0;
    for (int turn = 0; assisted && !over; turn++) {
      pool.join();
      for (int i = 0; i < turn % 50; i++) pool.help(seen);
      pool.leave();
      if (turn % 20 == 0) sleepMicros(50);
    }
  });
  std::mt19937 random(threads);
  std::vector<std::atomic<int>> counts(64);
  for (int r = 0; r < regions; r++) {
    const int n = static_cast<int>(random() % 12);
    for (auto& count : counts) count.store(0, std::memory_order_relaxed);
    pool.parallelFor(n, [&](int64_t chunk) { counts[static_cast<size_t>(chunk)].fetch_add(1); });
    for (int i = 0; i < 64; i++) CHECK(counts[i].load() == (i < n), "region %d of %d: chunk %d", r, n, i);
  }
  over = true;
  assistant.join();
}

void poolResizes() {
  ThreadPool pool(1);
  for (int round = 0; round < 40; round++) {
    pool.resize(1 + round % 4);
    CHECK(pool.threads() == 1 + round % 4, "%d threads", pool.threads());
    std::atomic<int> sum{0};
    pool.parallelFor(100, [&](int64_t chunk) { sum += static_cast<int>(chunk); });
    CHECK(sum.load() == 4950, "sum %d", sum.load());
  }
}

struct Rig {
  explicit Rig(int threads) : stream(*new Stream(threads)) {}
  ~Rig() { stream.stop(); }
  Tensor tensor(size_t bytes = 64) {
    Tensor t;
    t.storage = new Storage;
    t.storage->block = allocator.allocate(bytes, stream.completed());
    t.data = static_cast<char*>(t.storage->block->data);
    t.ndim = 1;
    t.shape[0] = static_cast<int64_t>(bytes / 4);
    t.strides[0] = 1;
    return t;
  }
  void drain() { CHECK(stream.wait(stream.position(), -1), "wait gave up"); }
  Stream& stream;
  Allocator& allocator = *new Allocator;
};

void tasksRunInOrder() {
  Rig rig(2);
  auto* order = new std::vector<int>;
  for (int i = 0; i < 200000; i++) rig.stream.enqueue("push", {}, {}, [order, i](Exec&) { order->push_back(i); });
  rig.drain();
  CHECK(order->size() == 200000, "%zu tasks", order->size());
  bool sorted = true;
  for (size_t i = 0; i < order->size(); i++) sorted = sorted && (*order)[i] == static_cast<int>(i);
  CHECK(sorted, "tasks ran out of order");
}

void payloadsOfAllSizesFit() {
  Rig rig(1);
  static int64_t sum;
  sum = 0;
  struct Large {
    int64_t values[5000];
  };
  auto* large = new Large{};
  large->values[4999] = 3;
  for (int i = 0; i < 3000; i++) {
    rig.stream.enqueue("small", {}, {}, [i](Exec&) { sum += i; });
    if (i % 7 == 0) rig.stream.enqueue("large", {}, {}, [copy = *large](Exec&) { sum += copy.values[4999]; });
  }
  rig.drain();
  CHECK(sum == 3000 * 2999 / 2 + 3 * 429, "sum %lld", static_cast<long long>(sum));
}

void errorsTravelWithTheData() {
  Rig rig(2);
  Tensor a = rig.tensor(), b = rig.tensor(), c = rig.tensor(), other = rig.tensor();
  static std::atomic<int> ran;
  ran = 0;
  rig.stream.enqueue("bad", {&a}, {}, [](Exec& exec) { exec.fail("value %d", 7); });
  rig.stream.enqueue("next", {&b}, {&a}, [](Exec&) { ran++; });
  rig.stream.enqueue("after", {&c}, {&b}, [](Exec&) { ran++; });
  rig.stream.enqueue("apart", {&other}, {}, [](Exec&) { ran++; });
  rig.stream.enqueue(
      "keep", {&other}, {&c}, [](Exec&) { ran++; }, OnError::kKeep);
  rig.drain();
  CHECK(ran == 1, "%d kernels ran", ran.load());
  const auto error = Stream::errorOf(c);
  CHECK(error && std::string(error->op) == "bad" && error->message == "value 7", "the error was lost");
  CHECK(!Stream::errorOf(other), "an independent tensor was poisoned");
  const auto undelivered = rig.stream.takeUndelivered();
  CHECK(undelivered == error, "not kept for synchronize()");
  CHECK(!rig.stream.takeUndelivered(), "delivered twice");
}

void aReusedBlockIsHealthy() {
  Rig rig(1);
  Tensor a = rig.tensor(4096);
  Block* block = a.storage->block;
  rig.stream.enqueue("bad", {&a}, {}, [](Exec& exec) { exec.fail("x"); });
  rig.allocator.release(block, rig.stream.position());
  Tensor again = rig.tensor(4096);
  CHECK(again.storage->block == block, "the block was not reused");
  rig.stream.enqueue("good", {&again}, {}, [](Exec&) {});
  rig.drain();
  CHECK(!Stream::errorOf(again), "the old error stuck to the block");
}

void stopsAtAnyMoment() {
  for (int round = 0; round < 60; round++) {
    Rig rig(1 + round % 3);
    for (int i = 0; i < round * 20; i++)
      rig.stream.enqueue("work", {}, {}, [](Exec& exec) {
        exec.parallelFor(4, [](int64_t) {
          for (int k = 0; k < 100; k++) spinPause();
        });
      });
    if (round % 2) sleepMicros(round * 10);
    rig.stream.stop();
    rig.stream.stop();
  }
}

void waitsInSlices() {
  Rig rig(1);
  rig.stream.enqueue("slow", {}, {}, [](Exec&) { sleepMicros(60000); });
  CHECK(!rig.stream.wait(rig.stream.position(), 5000), "returned before the task was done");
  CHECK(rig.stream.wait(rig.stream.position(), -1), "did not wait");
}

// Who waits takes part: with its helper asleep the pool still has two threads.
void waitingThreadsWork() {
  Rig rig(2);
  const auto waiter = std::this_thread::get_id();
  std::atomic<int> own{0};
  for (int attempt = 0; attempt < 200 && own == 0; attempt++) {
    rig.stream.enqueue("parallel", {}, {}, [&own, waiter](Exec& exec) {
      exec.parallelFor(64, [&](int64_t) {
        if (std::this_thread::get_id() == waiter) own++;
        sleepMicros(20);
      });
    });
    rig.drain();
  }
  CHECK(own > 0, "the waiting thread ran no chunk");
}

void allocatorKeepsCount() {
  Allocator& allocator = *new Allocator;
  std::mt19937 random(5);
  std::vector<Block*> held;
  for (int i = 0; i < 20000; i++) {
    if (held.size() > 50 || (!held.empty() && random() % 2)) {
      const size_t at = random() % held.size();
      allocator.release(held[at], 0);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    } else {
      const size_t bytes = random() % (random() % 8 ? 5000 : 6000000);
      Block* block = allocator.allocate(bytes, 1);
      CHECK(block && block->capacity >= bytes, "%zu bytes", bytes);
      CHECK(guarded || reinterpret_cast<uintptr_t>(block->data) % 64 == 0, "not aligned");
      for (Block* other : held) CHECK(other != block, "a block was handed out twice");
      held.push_back(block);
    }
  }
  int64_t live = 0;
  for (Block* block : held) live += static_cast<int64_t>(block->capacity);
  CHECK(allocator.live() == live, "live %lld, held %lld", static_cast<long long>(allocator.live()),
        static_cast<long long>(live));
  for (Block* block : held) allocator.release(block, 0);
  allocator.trim(1);
  CHECK(allocator.live() == 0 && allocator.cached() == 0, "%lld live, %lld cached",
        static_cast<long long>(allocator.live()), static_cast<long long>(allocator.cached()));
  allocator.setMaxBytes(1 << 20);
  CHECK(!allocator.allocate(2 << 20, 1), "the byte limit was ignored");
}

// Blocks that another thread gives back, also when the allocator they came from has closed.
void blocksComeBackFromOtherThreads() {
  Allocator& allocator = *new Allocator;
  Allocator& receiver = *new Allocator;
  std::vector<Block*> held;
  for (int i = 0; i < 400; i++) {
    Block* block = allocator.allocate(i % 7 ? 5000 : 3000000, 1);
    allocator.discount(block);
    receiver.count(block);
    held.push_back(block);
  }
  CHECK(allocator.live() == 0 && receiver.live() > 0, "%lld live in the owner",
        static_cast<long long>(allocator.live()));
  for (Block* block : held) receiver.discount(block);
  CHECK(receiver.live() == 0, "%lld live in the receiver", static_cast<long long>(receiver.live()));
  std::thread other([&] {
    for (Block* block : held) allocator.releaseRemote(block);
  });
  int64_t allocated = 0;
  std::vector<Block*> late;
  for (int i = 0; i < 200; i++) {  // meanwhile the owner goes on, and takes in what is back
    Block* block = allocator.allocate(5000, 1);
    allocated += static_cast<int64_t>(block->capacity);
    if (i == 150) allocator.close();
    if (i > 150) {
      late.push_back(block);
      continue;
    }
    allocator.release(block, 0);
    allocated -= static_cast<int64_t>(block->capacity);
  }
  other.join();
  CHECK(allocator.live() == allocated, "live %lld, held %lld", static_cast<long long>(allocator.live()),
        static_cast<long long>(allocated));
  for (Block* block : late) allocator.releaseRemote(block);
  allocator.trim(UINT64_MAX);
  CHECK(allocator.cached() == 0, "%lld cached", static_cast<long long>(allocator.cached()));
}

#if !defined(_WIN32)
// The gate's own test: with NABLA_GUARD_PAGES one byte past a block ends the process.
void guardsCatchOverruns() {
  Allocator& allocator = *new Allocator;
  for (size_t bytes : {8, 64, 4096, 5000, 3000000}) {
    Block* block = allocator.allocate(bytes, 0);
    auto* data = static_cast<volatile char*>(block->data);
    data[0] = 1;
    data[block->capacity - 1] = 1;
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGSEGV, SIG_DFL);
      close(STDERR_FILENO);  // a sanitizer's report, which is expected
      data[block->capacity] = 1;
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) != 0, "a write past %zu bytes went unnoticed", bytes);
  }
}
#endif

// Mistakes on purpose: scripts/sanitize.mjs expects a report of each.
int mistake(const std::string& name) {
  static int shared = 0;
  Rig rig(3);
  Tensor a = rig.tensor(4096);
  volatile char* data = a.data;
  if (name == "race")
    for (int i = 0; i < 1000; i++)
      rig.stream.enqueue("race", {}, {}, [](Exec& exec) { exec.parallelFor(64, [](int64_t) { shared++; }); });
  else if (name == "order")  // read before the stream got there
    for (int i = 0; i < 1000; i++) {
      rig.stream.enqueue("order", {&a}, {}, [](Exec&) { shared++; });
      if (shared < 0) return 1;
    }
  else if (name == "overflow")
    rig.stream.enqueue("overflow", {&a}, {}, [data](Exec&) { data[4096] = 1; });
  else if (name == "use-after-free") {
    rig.allocator.release(a.storage->block, 0);
    rig.allocator.trim(1);
    rig.stream.enqueue("use-after-free", {}, {}, [data](Exec&) { data[7] = 1; });
  } else if (name == "undefined")
    rig.stream.enqueue("undefined", {}, {}, [](Exec& exec) {
      volatile int n = INT32_MAX;
      exec.parallelFor(1, [&](int64_t) { n = n + 1; });
    });
  else
    return 2;
  rig.drain();
  std::printf("%s went unnoticed\n", name.c_str());
  return 0;
}

// While timing is on every task is noted once, in order, with the position at which it was queued; fillers are not.
void tasksAreTimed() {
  Rig rig(2);
  const auto sleep = [](Exec&) { sleepMicros(2000); };
  const auto nothing = [](Exec&) {};
  rig.stream.enqueue("before", {}, {}, nothing);
  rig.stream.startTiming(1000000);
  std::vector<uint64_t> positions;
  constexpr int kTasks = 40000;  // more than fit into the queue
  for (int i = 0; i < kTasks; i++) {
    positions.push_back(rig.stream.position());
    rig.stream.enqueue("nothing", {}, {}, nothing);
  }
  const uint64_t slow = rig.stream.position();
  rig.stream.enqueue("sleep", {}, {}, sleep);
  const TaskTimes times = rig.stream.stopTiming();
  rig.stream.enqueue("after", {}, {}, nothing);
  CHECK(times.tasks.size() == kTasks + 1 && times.dropped == 0, "%zu tasks", times.tasks.size());
  double last = 0;
  bool ordered = true, placed = true;
  for (size_t i = 0; i < times.tasks.size() && i < positions.size(); i++) {
    const TaskTime& task = times.tasks[i];
    ordered = ordered && task.start >= last && task.end >= task.start;
    last = task.end;
    // A filler at the end of the ring comes between the producer's look and the task.
    placed = placed && task.position >= positions[i] && (i + 1 == positions.size() || task.position < positions[i + 1]);
  }
  CHECK(ordered, "times go back");
  CHECK(placed, "a task has another position");
  if (times.tasks.size() == kTasks + 1) {
    const TaskTime& task = times.tasks.back();
    CHECK(std::strcmp(task.op, "sleep") == 0, "%s", task.op);
    CHECK(task.position >= slow && task.end - task.start >= 2000, "%g us", task.end - task.start);
  }
  rig.stream.startTiming(3);
  for (int i = 0; i < 10; i++) rig.stream.enqueue("nothing", {}, {}, nothing);
  const TaskTimes few = rig.stream.stopTiming();
  CHECK(few.tasks.size() == 3 && few.dropped == 7, "%zu kept, %d dropped", few.tasks.size(),
        static_cast<int>(few.dropped));
  const TaskTimes none = rig.stream.stopTiming();
  CHECK(none.tasks.empty() && none.dropped == 0, "%zu tasks without timing", none.tasks.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::strcmp(argv[1], "--mistake") == 0) return mistake(argv[2]);
  const int regions = argc > 1 ? std::atoi(argv[1]) : 200000;
  for (int threads : {2, 3, 4})
    for (bool assisted : {false, true}) poolRunsEveryChunkOnce(threads, regions / threads / 2, assisted);
  poolResizes();
  tasksRunInOrder();
  payloadsOfAllSizesFit();
  errorsTravelWithTheData();
  if (!guarded) aReusedBlockIsHealthy();  // guarded blocks are not used again
  stopsAtAnyMoment();
  waitsInSlices();
  tasksAreTimed();
  waitingThreadsWork();
  allocatorKeepsCount();
  blocksComeBackFromOtherThreads();
#if !defined(_WIN32)
  if (guarded) guardsCatchOverruns();
#endif
  std::printf("runtime: %d checks, %d failures\n", test::checks, test::failures);
  return test::failures != 0 || test::checks == 0;
}
