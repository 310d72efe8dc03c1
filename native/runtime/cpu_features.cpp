#include "cpu_features.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace nabla {

namespace {
constexpr Isa kAll[] = {Isa::kAvx512, Isa::kAvx2, Isa::kNeon, Isa::kBaseline};
}

const char* isaName(Isa isa) {
  switch (isa) {
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kNeon:
      return "neon";
    default:
      return "baseline";
  }
}

bool isaSupported(Isa isa) {
#if defined(NABLA_ONLY_BASELINE) && !defined(__aarch64__)
  if (isa != Isa::kBaseline) return false;
#endif
#if defined(__x86_64__)
  __builtin_cpu_init();
  switch (isa) {
    case Isa::kBaseline:
      return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    case Isa::kAvx512:
      return isaSupported(Isa::kAvx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    default:
      return false;
  }
#elif defined(__aarch64__)
  return isa == Isa::kNeon;
#else
  return isa == Isa::kBaseline;
#endif
}

bool chooseIsa(Isa* chosen, char* message, int size) {
  const char* forced = std::getenv("NABLA_CPU_ISA");
  if (forced && *forced) {
    for (Isa isa : kAll) {
      if (std::strcmp(forced, isaName(isa)) != 0) continue;
      if (isaSupported(isa)) {
        *chosen = isa;
        return true;
      }
      snprintf(message, size, "NABLA_CPU_ISA=%s: this processor or build does not support it", forced);
      return false;
    }
    snprintf(message, size, "NABLA_CPU_ISA=%.40s is unknown (baseline, avx2, avx512, neon)", forced);
    return false;
  }
  for (Isa isa : kAll) {
    if (!isaSupported(isa)) continue;
    *chosen = isa;
    return true;
  }
  snprintf(message, size, "this processor lacks SSE4.2, which the oldest kernels need");
  return false;
}

}  // namespace nabla
