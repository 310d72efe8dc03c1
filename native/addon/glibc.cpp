// Binaries of the newest Debian run on glibc 2.28: newer versions of old functions are bound to the old versions, whose
// results are the same. CMakeLists.txt sends calls here with --wrap; scripts/check-binary.mjs looks for what was
// forgotten.
#include <pthread.h>
#if defined(__linux__) && defined(__GLIBC__)

#if defined(__x86_64__)
#define NABLA_OLD "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define NABLA_OLD "GLIBC_2.17"
#endif

#ifdef NABLA_OLD
#define NABLA_BIND(name) __asm__(".symver old_" #name "," #name "@" NABLA_OLD)

#define NABLA_UNARY(name)               \
  extern "C" double old_##name(double); \
  NABLA_BIND(name);                     \
  extern "C" double __wrap_##name(double x) { return old_##name(x); }

#define NABLA_BINARY(name, type)          \
  extern "C" type old_##name(type, type); \
  NABLA_BIND(name);                       \
  extern "C" type __wrap_##name(type a, type b) { return old_##name(a, b); }

NABLA_UNARY(exp)
NABLA_UNARY(exp2)
NABLA_UNARY(log)
NABLA_UNARY(log2)
NABLA_BINARY(pow, double)
NABLA_BINARY(hypot, double)
NABLA_BINARY(hypotf, float)

extern "C" int old_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
NABLA_BIND(pthread_create);
extern "C" int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                                     void* data) {
  return old_pthread_create(thread, attributes, run, data);
}
extern "C" int old_pthread_join(pthread_t, void**);
NABLA_BIND(pthread_join);
extern "C" int __wrap_pthread_join(pthread_t thread, void** result) { return old_pthread_join(thread, result); }

// libstdc++ asks whether it may count references without a lock. It may not.
extern "C" {
char __libc_single_threaded = 0;
}
#endif
#endif
