// What this machine can do at best: multiplications and additions on registers alone, and a stream of memory read and
// copied. bench/peak.ts compiles it for the machine it runs on. Prints JSON; the argument is the number of threads.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
typedef float Vec __attribute__((vector_size(kBytes)));
typedef float Loose __attribute__((vector_size(kBytes), aligned(4)));
constexpr int kChains = 12;  // enough to hide the latency of an addition, few enough for the registers

static double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The best of several runs on all threads at once, in seconds.
static double best(int threads, int runs, const std::function<void(int)>& work) {
  double least = 1e30;
  for (int run = 0; run < runs; run++) {
    const double start = seconds();
    std::vector<std::thread> pool;
    for (int t = 0; t < threads; t++) pool.emplace_back(work, t);
    for (auto& thread : pool) thread.join();
    least = std::min(least, seconds() - start);
  }
  return least;
}

static volatile float factor = 0.999f, addend = 0.001f, sink;

static void arithmetic(long rounds) {
  Vec chains[kChains], a, b;
  for (size_t i = 0; i < kBytes / sizeof(float); i++) a[i] = factor, b[i] = addend;
  for (int c = 0; c < kChains; c++) chains[c] = a + static_cast<float>(c);
  for (long r = 0; r < rounds; r++)
    for (int c = 0; c < kChains; c++) chains[c] = chains[c] * a + b;
  float sum = 0;
  for (const Vec& chain : chains) sum += chain[0];
  sink = sum;
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const long rounds = 20000000;
  const double flops = 2.0 * (kBytes / sizeof(float)) * kChains * static_cast<double>(rounds) * threads;
  const double gflops = flops / best(threads, 5, [&](int) { arithmetic(rounds); }) / 1e9;

  const size_t each = size_t{256} << 20;
  std::vector<std::vector<char>> from(threads, std::vector<char>(each, 1)), to(threads, std::vector<char>(each, 2));
  const double read = best(threads, 7, [&](int t) {
    const Loose* p = reinterpret_cast<const Loose*>(from[t].data());
    Vec sums[8] = {};
    for (size_t i = 0; i + 8 <= each / kBytes; i += 8)
      for (int s = 0; s < 8; s++) sums[s] += p[i + s];
    for (int s = 1; s < 8; s++) sums[0] += sums[s];
    sink = sums[0][0];
  });
  const double copy = best(threads, 7, [&](int t) { std::memcpy(to[t].data(), from[t].data(), each); });
  const double bytes = static_cast<double>(each) * threads / 1e9;
  std::printf("{\"gflops\": %.1f, \"readGBs\": %.1f, \"copyGBs\": %.1f, \"threads\": %d}\n", gflops, bytes / read,
              2 * bytes / copy, threads);
}
