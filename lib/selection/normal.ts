// The normal distribution in float64, also far out in its tails.

const SQRT_PI = Math.sqrt(Math.PI);
export const LOG_SQRT_2PI = 0.5 * Math.log(2 * Math.PI);

/** `exp(x²) erfc(x)` for x >= 2, by its continued fraction. */
function erfcxFar(x: number): number {
  let below = x;
  for (let k = 80; k >= 1; k--) below = x + k / 2 / below;
  return 1 / (SQRT_PI * below);
}

/** `erf(x)` for |x| < 2.5: all terms have one sign. */
function erfNear(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
    if (Math.abs(term) < 1e-18 * Math.abs(sum)) break;
  }
  return (2 / SQRT_PI) * Math.exp(-x * x) * sum;
}

/** @internal Complementary error function. */
export function erfc(x: number): number {
  if (x < -2) return 2 - erfc(-x);
  return x < 2 ? 1 - erfNear(x) : Math.exp(-x * x) * erfcxFar(x);
}

/** @internal `exp(x²) erfc(x)`, which does not underflow, for x >= 0. */
export function erfcx(x: number): number {
  return x < 2 ? Math.exp(x * x) * (1 - erfNear(x)) : erfcxFar(x);
}

/** @internal Distribution function. */
export const normalCdf = (x: number): number => 0.5 * erfc(-x / Math.SQRT2);

/** @internal Density. */
export const normalPdf = (x: number): number => Math.exp(-0.5 * x * x - LOG_SQRT_2PI);

/** @internal The inverse of {@link normalCdf}; -Infinity at 0, Infinity at 1. */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -lowerQuantile(1 - p);
  return lowerQuantile(p);
}

/** Newton's method on the logarithm, which is concave and nearly a parabola: it converges from everywhere. */
function lowerQuantile(p: number): number {
  if (!(p > 0)) return p === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  const goal = Math.log(p);
  let x = -Math.sqrt(Math.max(0, -2 * Math.log(2 * p)));
  for (let i = 0; i < 60; i++) {
    const { log, slope } = logCdf(x);
    const step = (log - goal) / slope;
    x -= step;
    if (Math.abs(step) < 1e-15 * (1 + Math.abs(x))) break;
  }
  return x;
}

/** Logarithm of the distribution function and its derivative, for x <= 0 or a little above. */
function logCdf(x: number): { log: number; slope: number } {
  if (x > 0) {
    const cdf = normalCdf(x);
    return { log: Math.log(cdf), slope: normalPdf(x) / cdf };
  }
  const scaled = 0.5 * erfcx(-x / Math.SQRT2);
  return { log: Math.log(scaled) - 0.5 * x * x, slope: Math.exp(-LOG_SQRT_2PI) / scaled };
}

/**
 * @internal Logarithm of `pdf(z) + z cdf(z)`, the expected improvement in units of the deviation, and its derivative.
 * Far below, where that is 0 in floating point, it goes on as an asymptotic series.
 * Source: Ament et al., "Unexpected Improvements to Expected Improvement" (2023), section 4.1.
 */
export function logImprovement(z: number): { log: number; slope: number } {
  if (z > -1) {
    const cdf = normalCdf(z);
    const value = normalPdf(z) + z * cdf;
    return { log: Math.log(value), slope: cdf / value };
  }
  // pdf(z) (1 - |z| m) with Mills' ratio m = cdf / pdf.
  const mills = Math.sqrt(Math.PI / 2) * erfcx(-z / Math.SQRT2);
  const rest = z < -100 ? 1 / (z * z) - 3 / z ** 4 + 15 / z ** 6 : 1 + z * mills;
  return { log: -0.5 * z * z - LOG_SQRT_2PI + Math.log(rest), slope: mills / rest };
}
