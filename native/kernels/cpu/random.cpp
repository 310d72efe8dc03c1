#include "random.h"

#include "isa.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using nabla::cpu::Chance;
using nabla::cpu::kRandomCounters;
using nabla::cpu::kRandomGroup32;
using nabla::cpu::kRandomGroup64;
using nabla::cpu::NormalParams;
using nabla::cpu::PhiloxState;
using nabla::cpu::RandintParams;
using nabla::cpu::UniformParams;

typedef uint64_t U64 __attribute__((vector_size(NABLA_VECTOR_BYTES)));
constexpr int kLanes64 = NABLA_VECTOR_BYTES / 8;

// Products of the lower halves of the 64-bit lanes.
NABLA_INLINE U64 multiplyLow(U64 a, uint32_t b) {
#if NABLA_VECTOR_BYTES == 64
  return (U64)_mm512_maskz_mul_epu32(0xff, (__m512i)a, _mm512_set1_epi64(b));  // plain form: spurious GCC warning
#elif NABLA_VECTOR_BYTES == 32
  return (U64)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#elif defined(__x86_64__)
  return (U64)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x(b));
#else
  return (a & 0xffffffffull) * static_cast<uint64_t>(b);
#endif
}

// One counter per 64-bit lane; only the lower half of a word counts, the upper is whatever the products left there.
struct Block {
  U64 c[4];

  NABLA_INLINE Block(U64 counter, uint64_t high) {
    c[0] = counter;
    c[1] = counter >> 32;
    c[2] = U64{} + high;
    c[3] = U64{} + (high >> 32);
  }
  NABLA_INLINE void round(uint64_t k0, uint64_t k1) {
    const U64 p0 = multiplyLow(c[0], 0xD2511F53u), p1 = multiplyLow(c[2], 0xCD9E8D57u);
    c[0] = (p1 >> 32) ^ c[1] ^ k0;
    c[1] = p1;
    c[2] = (p0 >> 32) ^ c[3] ^ k1;
    c[3] = p0;
  }
};

// out[w][i] is word w of counter i of the group. Even and odd counters go through side by side, which hides latency.
NABLA_INLINE void philox(const PhiloxState& state, int64_t group, uint32_t (*out)[kRandomCounters]) {
  U64 even;
  for (int i = 0; i < kLanes64; i++) even[i] = static_cast<uint64_t>(2 * i);
  even += state.offset + static_cast<uint64_t>(group) * kRandomCounters;
#pragma GCC unroll 4
  for (int first = 0; first < kRandomCounters; first += 2 * kLanes64) {
    Block a(even, state.high), b(even + 1, state.high);
    uint32_t k0 = state.key[0], k1 = state.key[1];
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
      a.round(k0, k1);
      b.round(k0, k1);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    for (int w = 0; w < 4; w++) {
      const U64 both = (a.c[w] & 0xffffffffull) | (b.c[w] << 32);
      __builtin_memcpy(&out[w][first], &both, sizeof both);
    }
    even += static_cast<uint64_t>(2 * kLanes64);
  }
}

void words(const PhiloxState& state, int64_t group, uint32_t* out) {
  philox(state, group, reinterpret_cast<uint32_t(*)[kRandomCounters]>(out));
}

// Calls convert(words, values) for each group and stores what belongs to [begin, begin + count).
template <class T, int64_t kGroup, class F>
NABLA_INLINE void eachGroup(const PhiloxState& state, int64_t begin, int64_t count, T* out, F convert) {
  alignas(64) uint32_t w[4][kRandomCounters];
  alignas(64) T values[kGroup];
  for (int64_t i = 0; i < count; i += kGroup) {
    philox(state, (begin + i) / kGroup, w);
    convert(w, values, i);
    const int64_t n = count - i < kGroup ? count - i : kGroup;
    __builtin_memcpy(out + i, values, static_cast<size_t>(n) * sizeof(T));
  }
}

void uniformFloat(const PhiloxState& state, int64_t begin, int64_t count, const UniformParams& p, void* out) {
  const float lo = static_cast<float>(p.lo), last = static_cast<float>(p.last);
  const float scale = static_cast<float>(p.width * 0x1p-24);
  eachGroup<float, kRandomGroup32>(state, begin, count, static_cast<float*>(out),
                                   [=](const uint32_t(*w)[kRandomCounters], float* values, int64_t) {
                                     for (int i = 0; i < kRandomGroup32; i++) {
                                       const auto bits = static_cast<int32_t>(w[0][i] >> 8);
                                       const float x = lo + static_cast<float>(bits) * scale;
                                       values[i] = x < last ? x : last;
                                     }
                                   });
}

// 53 random bits as a whole number.
NABLA_INLINE double wholeNumber(uint32_t low, uint32_t high) {
  return static_cast<double>(static_cast<int32_t>(high >> 5)) * 0x1p26 +
         static_cast<double>(static_cast<int32_t>(low >> 6));
}

void uniformDouble(const PhiloxState& state, int64_t begin, int64_t count, const UniformParams& p, void* out) {
  const double lo = p.lo, last = p.last, scale = p.width * 0x1p-53;
  eachGroup<double, kRandomGroup64>(state, begin, count, static_cast<double*>(out),
                                    [=](const uint32_t(*w)[kRandomCounters], double* values, int64_t) {
                                      for (int half = 0; half < 2; half++) {
                                        for (int i = 0; i < kRandomCounters; i++) {
                                          const double bits = wholeNumber(w[2 * half][i], w[2 * half + 1][i]);
                                          const double x = lo + bits * scale;
                                          values[half * kRandomCounters + i] = x < last ? x : last;
                                        }
                                      }
                                    });
}

template <class T, class I>
NABLA_INLINE T fromBits(I bits) {
  T value;
  static_assert(sizeof value == sizeof bits);
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// log(u), u a positive normal number: u = 2^k (1 + f), sqrt(1/2) < 1 + f <= sqrt(2); polynomial of FreeBSD's e_logf.c.
NABLA_INLINE float logOf(float u) {
  const uint32_t bits = fromBits<uint32_t>(u) + (0x3f800000u - 0x3f3504f3u);
  const float k = static_cast<float>(static_cast<int32_t>(bits >> 23) - 127);
  const float f = fromBits<float>((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  const float s = f / (2.0f + f), z = s * s, w = z * z;
  const float r = z * (0.66666662693f + w * 0.28498786688f) + w * (0.40000972152f + w * 0.24279078841f);
  const float half = 0.5f * f * f;
  return s * (half + r) + k * 9.0580006145e-06f - half + f + k * 6.9313812256e-01f;
}
// The same for doubles, e_log.c.
NABLA_INLINE double logOf(double u) {
  const uint64_t bits = fromBits<uint64_t>(u) + (0x3ff0000000000000ull - 0x3fe6a09e00000000ull);
  const double k = static_cast<double>(static_cast<int32_t>(bits >> 52) - 1023);
  const double f = fromBits<double>((bits & 0x000fffffffffffffull) + 0x3fe6a09e00000000ull) - 1.0;
  const double s = f / (2.0 + f), z = s * s, w = z * z;
  const double even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double odd =
      z * (6.666666666666735130e-01 +
           w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double half = 0.5 * f * f;
  return s * (half + even + odd) + k * 1.90821492927058770002e-10 - half + f + k * 6.93147180369123816490e-01;
}

// |x| <= pi / 4.
NABLA_INLINE void sinCos(float x, float* sine, float* cosine) {
  const float z = x * x;
  *sine = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * x + x;
  *cosine = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
}
NABLA_INLINE void sinCos(double x, double* sine, double* cosine) {
  const double z = x * x;
  const double s =
      8.33333333332248946124e-03 +
      z * (-1.98412698298579493134e-04 +
           z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)));
  *sine = x + x * z * (-1.66666666666666324348e-01 + z * s);
  const double c =
      -1.38888888888741095749e-03 +
      z * (2.48015872894767294178e-05 +
           z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)));
  *cosine = 1.0 - (0.5 * z - z * z * (4.16666666666666019037e-02 + z * c));
}

NABLA_INLINE float squareRoot(float x) { return __builtin_sqrtf(x); }
NABLA_INLINE double squareRoot(double x) { return __builtin_sqrt(x); }

// Box-Muller: two independent values from a radius u in (0, 1] and an angle, given as a quadrant and a rest within
// pi / 4 of its axis.
template <class T>
NABLA_INLINE void boxMuller(T u, uint32_t quadrant, T rest, T mean, T std, T* first, T* second) {
  const T radius = squareRoot(T(-2) * logOf(u)) * std;
  T sine, cosine;
  sinCos(rest, &sine, &cosine);
  const bool swap = quadrant & 1;
  const T x = swap ? sine : cosine, y = swap ? cosine : sine;
  *first = mean + radius * (((quadrant + 1) & 2) ? -x : x);
  *second = mean + radius * ((quadrant & 2) ? -y : y);
}

void normalFloat(const PhiloxState& state, int64_t begin, int64_t count, const NormalParams& p, void* out) {
  const float mean = static_cast<float>(p.mean), std = static_cast<float>(p.std);
  eachGroup<float, kRandomGroup32>(
      state, begin, count, static_cast<float*>(out), [=](const uint32_t(*w)[kRandomCounters], float* values, int64_t) {
        for (int pair = 0; pair < 4; pair += 2) {
          for (int i = 0; i < kRandomCounters; i++) {
            const float u = static_cast<float>(static_cast<int32_t>(w[pair][i] >> 1)) * 0x1p-31f + 0x1p-32f;
            const uint32_t angle = w[pair + 1][i];
            const float rest = static_cast<float>(static_cast<int32_t>(angle << 2)) * (0.78539816339744831f * 0x1p-31f);
            boxMuller(u, angle >> 30, rest, mean, std, &values[pair * kRandomCounters + i],
                      &values[(pair + 1) * kRandomCounters + i]);
          }
        }
      });
}

void normalDouble(const PhiloxState& state, int64_t begin, int64_t count, const NormalParams& p, void* out) {
  const double mean = p.mean, std = p.std;
  eachGroup<double, kRandomGroup64>(state, begin, count, static_cast<double*>(out),
                                    [=](const uint32_t(*w)[kRandomCounters], double* values, int64_t) {
                                      for (int i = 0; i < kRandomCounters; i++) {
                                        const double u = wholeNumber(w[0][i], w[1][i]) * 0x1p-53 + 0x1p-54;
                                        const double fine =
                                            static_cast<double>(static_cast<int32_t>(w[2][i] >> 1)) * 0x1p-29;
                                        const double whole = static_cast<double>(static_cast<int32_t>(w[3][i] << 2));
                                        boxMuller(u, w[3][i] >> 30, (whole + fine) * (0.78539816339744831 * 0x1p-31),
                                                  mean, std, &values[i], &values[kRandomCounters + i]);
                                      }
                                    });
}

template <class T>
void bernoulli(const PhiloxState& state, int64_t begin, int64_t count, const Chance& yes, void* out) {
  const uint32_t last = yes.last;
  const T one = yes.some ? T(1) : T(0);
  eachGroup<T, kRandomGroup32>(state, begin, count, static_cast<T*>(out),
                               [=](const uint32_t(*w)[kRandomCounters], T* values, int64_t) {
                                 for (int i = 0; i < kRandomGroup32; i++) values[i] = w[0][i] <= last ? one : T(0);
                               });
}

NABLA_INLINE uint64_t below(uint64_t range, uint64_t draw) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(draw) * range >> 64);
}
NABLA_INLINE uint64_t draw64(uint32_t low, uint32_t high) { return static_cast<uint64_t>(high) << 32 | low; }

template <class T, bool kBool>
void randint(const PhiloxState& state, int64_t begin, int64_t count, const RandintParams& p, void* out) {
  const RandintParams params = p;
  eachGroup<T, kRandomGroup64>(state, begin, count, static_cast<T*>(out),
                               [=](const uint32_t(*w)[kRandomCounters], T* values, int64_t) {
                                 for (int i = 0; i < kRandomGroup64; i++) {
                                   const int word = i / kRandomCounters * 2, at = i % kRandomCounters;
                                   const uint64_t draw = draw64(w[word][at], w[word + 1][at]);
                                   const int64_t value = params.lo + static_cast<int64_t>(below(params.range, draw));
                                   values[i] = kBool ? static_cast<T>(value != 0) : static_cast<T>(value);
                                 }
                               });
}

template <class T>
void dropout(const PhiloxState& state, int64_t begin, int64_t count, const Chance& keep, double scale, const void* x,
             void* out) {
  const uint32_t last = keep.last;
  const T kept = keep.some ? static_cast<T>(scale) : T(0);
  const T* in = static_cast<const T*>(x);
  eachGroup<T, kRandomGroup32>(state, begin, count, static_cast<T*>(out),
                               [=](const uint32_t(*w)[kRandomCounters], T* values, int64_t at) {
                                 if (count - at >= kRandomGroup32) {
                                   for (int i = 0; i < kRandomGroup32; i++)
                                     values[i] = in[at + i] * (w[0][i] <= last ? kept : T(0));
                                 } else {
                                   for (int i = 0; i < count - at; i++)
                                     values[i] = in[at + i] * (w[0][i] <= last ? kept : T(0));
                                 }
                               });
}

// Fisher-Yates from the end; draw j swaps place n - 1 - j.
void randperm(const PhiloxState& state, int64_t n, int64_t* out) {
  for (int64_t i = 0; i < n; i++) out[i] = i;
  alignas(64) uint32_t w[4][kRandomCounters];
  for (int64_t j = 0; j + 1 < n; j++) {
    const int64_t at = j % kRandomGroup64;
    if (at == 0) philox(state, j / kRandomGroup64, w);
    const int64_t word = at / kRandomCounters * 2, lane = at % kRandomCounters, place = n - 1 - j;
    const auto other =
        static_cast<int64_t>(below(static_cast<uint64_t>(place) + 1, draw64(w[word][lane], w[word + 1][lane])));
    const int64_t value = out[place];
    out[place] = out[other];
    out[other] = value;
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(random)(nabla::cpu::RandomKernels* t) {
  t->words = words;
  t->uniform[0] = uniformFloat;
  t->uniform[1] = uniformDouble;
  t->normal[0] = normalFloat;
  t->normal[1] = normalDouble;
  t->dropout[0] = dropout<float>;
  t->dropout[1] = dropout<double>;
  t->randperm = randperm;
#define DTYPE(i, T, isBool)       \
  t->bernoulli[i] = bernoulli<T>; \
  t->randint[i] = randint<T, isBool>;
  DTYPE(0, float, false)
  DTYPE(1, double, false)
  DTYPE(2, int32_t, false)
  DTYPE(3, int64_t, false)
  DTYPE(4, uint8_t, false)
  DTYPE(5, uint8_t, true)
  DTYPE(6, int8_t, false)
#undef DTYPE
}
