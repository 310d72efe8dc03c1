// Elementwise comparison with a derived tolerance. Written so that NaN, an empty set and a wrong shape fail.

export interface Values {
  dtype: string;
  shape: number[];
  data: number[];
}

/** What a tolerance follows from: terms of the longest sum, accuracy of the functions used, size of the numbers. */
export interface Accuracy {
  length: number;
  ulps: number;
  range?: number;
}

const EPSILON: Record<string, number> = {
  float32: 2 ** -23,
  float64: 2 ** -52,
  bfloat16: 2 ** -7,
  float16: 2 ** -10,
};

export const isFloat = (dtype: string): boolean => dtype in EPSILON;

/** The largest finite magnitude. */
export function magnitude(data: Iterable<number>): number {
  let largest = 0;
  for (const value of data) if (Number.isFinite(value) && Math.abs(value) > largest) largest = Math.abs(value);
  return largest;
}

/**
 * Rounding errors of a sum of n terms walk about sqrt(n) roundings of values as large as the range. `range` is the larger
 * of inputs and results: a sum that cancels to nothing still carries the rounding of its terms.
 */
export function tolerance(accuracy: Accuracy, dtype: string, range: number): number {
  if (!isFloat(dtype)) return 0;
  return EPSILON[dtype] * (accuracy.ulps + 2 * Math.sqrt(accuracy.length)) * (accuracy.range ?? range);
}

/** What is wrong with `got`, or undefined. */
export function difference(got: Values, want: Values, accuracy: Accuracy, inputRange: number): string | undefined {
  if (got.dtype !== want.dtype) return `dtype ${got.dtype}, expected ${want.dtype}`;
  if (got.shape.join() !== want.shape.join()) return `shape [${got.shape}], expected [${want.shape}]`;
  const count = want.shape.reduce((product, size) => product * size, 1);
  if (want.data.length !== count) return `the expectation has ${want.data.length} values for shape [${want.shape}]`;
  if (got.data.length !== count) return `${got.data.length} values for shape [${got.shape}]`;
  const allowed = tolerance(accuracy, got.dtype, Math.max(magnitude(want.data), inputRange));
  let worst = -1;
  let worstError = 0;
  let wrong = 0;
  for (let i = 0; i < count; i++) {
    const error =
      Object.is(got.data[i], want.data[i]) || got.data[i] === want.data[i] ? 0 : gap(got.data[i], want.data[i]);
    if (error <= allowed) continue;
    wrong++;
    if (worst < 0 || error > worstError) {
      worst = i;
      worstError = error;
    }
  }
  if (wrong === 0) return undefined;
  const at = `${got.data[worst]} at ${indexText(worst, want.shape)}, expected ${want.data[worst]}`;
  return `${wrong} of ${count} values wrong, worst ${at} (off by ${worstError.toExponential(2)}, allowed ${allowed.toExponential(2)})`;
}

/** Distance of two unequal numbers; NaN or infinity on one side only is infinitely far. */
function gap(a: number, b: number): number {
  const distance = Math.abs(a - b);
  return Number.isNaN(distance) ? Infinity : distance;
}

function indexText(flat: number, shape: number[]): string {
  const index: number[] = [];
  let rest = flat;
  for (let i = shape.length - 1; i >= 0; i--) {
    index.unshift(rest % shape[i]);
    rest = Math.floor(rest / shape[i]);
  }
  return `[${index}]`;
}
