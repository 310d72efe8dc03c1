// Colours of images: contract. Planes are rows of pixels side by side; tables have the rows uint8, float32, float64.
#pragma once
#include <cstdint>

namespace nabla::cpu {

// What a step of a chain does, with its numbers a and b. Those from kContrast on look at the whole image first.
enum class ColorStep : int32_t {
  kNothing = 0,
  kBrightness = 1,  // a: factor
  kSaturation = 2,  // a: factor
  kHue = 3,         // a: turn in [-0.5, 0.5]
  kGamma = 4,       // a: exponent, b: gain
  kPosterize = 5,   // a: bits
  kSolarize = 6,    // a: threshold
  kInvert = 7,
  kGray = 8,
  kContrast = 9,  // a: factor
  kAutocontrast = 10,
  kEqualize = 11,
};

struct ColorImage {
  const void* in;
  void* out;       // may be `in`
  int64_t planes;  // 1 or 3: red, green, blue
  int64_t pixels;  // of a plane
};

struct ColorKernels {
  // Pixels [from, to); all of them where a step looks at the whole image. `steps`: `count` times (step, a, b).
  void (*chain[3])(const ColorImage& image, const double* steps, int64_t count, int64_t from, int64_t to);
  // (x * scale - mean) * inverse; bytes become float32.
  void (*normalize[3])(const void* in, void* out, int64_t n, double scale, double mean, double inverse);
  // Rows [from, to) of a plane, blended with the mean of their neighbours. The border stays.
  void (*sharpen[3])(const void* in, void* out, int64_t height, int64_t width, double factor, int64_t from, int64_t to);
};

}  // namespace nabla::cpu
