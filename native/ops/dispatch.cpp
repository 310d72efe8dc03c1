#include <mutex>

#include "context.h"

namespace nabla {

#define DECLARE(family, Table, isa) extern "C" void nabla_register_##family##__##isa(Table* table);
#if defined(__aarch64__)
#define FAMILY(name, Table) DECLARE(name, cpu::Table, neon)
#elif defined(__x86_64__) && !defined(NABLA_ONLY_BASELINE)
#define FAMILY(name, Table)           \
  DECLARE(name, cpu::Table, baseline) \
  DECLARE(name, cpu::Table, avx2)     \
  DECLARE(name, cpu::Table, avx512)
#else
#define FAMILY(name, Table) DECLARE(name, cpu::Table, baseline)
#endif
#include "../kernels/cpu/families.inc"
#undef FAMILY

const cpu::KernelTable& kernelTable(Isa isa) {
  // Leaked: threads may run kernels until the process is gone.
  static auto* tables = new cpu::KernelTable[4]();
  static auto* filled = new bool[4]();
  static auto* mutex = new std::mutex;
  std::lock_guard lock(*mutex);
  cpu::KernelTable& table = tables[static_cast<int>(isa)];
  if (filled[static_cast<int>(isa)]) return table;
  filled[static_cast<int>(isa)] = true;
#if defined(__aarch64__)
#define FAMILY(name, Table) nabla_register_##name##__neon(&table.name);
#include "../kernels/cpu/families.inc"
#undef FAMILY
#else
#define FAMILY(name, Table) nabla_register_##name##__baseline(&table.name);
#include "../kernels/cpu/families.inc"
#undef FAMILY
#if defined(__x86_64__) && !defined(NABLA_ONLY_BASELINE)
#define FAMILY(name, Table) nabla_register_##name##__avx2(&table.name);
  if (isa == Isa::kAvx2 || isa == Isa::kAvx512) {
#include "../kernels/cpu/families.inc"
  }
#undef FAMILY
#define FAMILY_UP_TO_AVX2(name, Table)
#define FAMILY(name, Table) nabla_register_##name##__avx512(&table.name);
  if (isa == Isa::kAvx512) {
#include "../kernels/cpu/families.inc"
  }
#undef FAMILY
#endif
#endif
  return table;
}

Scratch::Scratch(Context& ctx, size_t bytes)
    : allocator_(ctx.allocator), stream_(ctx.stream), block_(allocator_.allocate(bytes, stream_)) {
  if (block_) return;
  ctx.prepared.clear(ctx);
  allocator_.trim(stream_.completed());
  block_ = allocator_.allocate(bytes, stream_);
  if (!block_) throw OutOfMemory{bytes};
}

}  // namespace nabla
