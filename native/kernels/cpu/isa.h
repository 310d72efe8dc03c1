// The head of every file that is compiled once per instruction set. Such a file keeps all it defines in an unnamed
// namespace and includes no header with shared inline code: the linker might keep the AVX-512 copy for everyone.
#pragma once
#include <stddef.h>
#include <stdint.h>

// NABLA_ISA is baseline, avx2, avx512 or neon; NABLA_VECTOR_BYTES goes with it. Both come from CMakeLists.txt.
#define NABLA_PASTE2(a, b) a##__##b
#define NABLA_PASTE(a, b) NABLA_PASTE2(a, b)
// The one visible symbol of a kernel file: nabla_register_<family>__<isa>.
#define NABLA_REGISTER(family) NABLA_PASTE(nabla_register_##family, NABLA_ISA)
#define NABLA_INLINE __attribute__((always_inline)) inline
// Before a loop whose output equals an input or does not overlap it: the lanes are independent.
#if defined(__clang__)
#define NABLA_LANES _Pragma("clang loop vectorize(assume_safety)")
#else
#define NABLA_LANES _Pragma("GCC ivdep")
#endif
