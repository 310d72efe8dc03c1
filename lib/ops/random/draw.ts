// What every random function shares: distributions, the checks of their parameters, drawing into a tensor.
import { ArgumentError, DTypeError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { emptyLikeLayout, type TensorOptions } from '../../tensor/create.js';
import { computeDType, type DType, isFloating, isNarrow } from '../../tensor/dtype.js';
import { isDense } from '../../tensor/layout.js';
import { counters32, counters64, type Draw, type Generator, generatorOf } from '../../tensor/random.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { BinaryOp, UnaryOp } from '../codes.js';
import { changeInPlace, checkInPlace, recordsInPlace } from '../in-place.js';
import { copyTo } from '../narrow.js';

/** Options of functions that draw random numbers. */
export interface RandomOptions {
  /** Default: the one that `manualSeed` seeds. */
  generator?: Generator;
}

/** Options of functions that make random tensors. */
export interface RandomTensorOptions extends TensorOptions, RandomOptions {}

/** How the elements of a dense tensor are drawn. */
export interface Distribution {
  /** Writes to a tensor of {@link dtype}. `into` is the dtype that the numbers are wanted in. */
  fill(out: Tensor, draw: Draw, into: DType): void;
  /** What to draw in for a result of a dtype. Default: that dtype, float32 for a narrow one. */
  dtype?(wanted: DType): DType;
  /** Bits of one draw. Default 64 for float64, else 32. */
  bits?: 64 | 32;
}

const scale = (x: Tensor, factor: number): void => native.binaryScalar(BinaryOp.mul, x._id, x._id, factor, false);
const shift = (x: Tensor, by: number): void => native.binaryScalar(BinaryOp.add, x._id, x._id, by, false);

const fillUniform = (out: Tensor, lo: number, hi: number, d: Draw): void =>
  native.uniform(out._id, lo, hi, d.seedLo, d.seedHi, d.offset);

/** Numbers of [lo, hi). Narrow dtypes get as many random bits as they hold, so that rounding does not reach 1. */
export const uniformNumbers = (lo: number, hi: number): Distribution => ({
  fill: (out, draw, into) => {
    if (!isNarrow(into)) return fillUniform(out, lo, hi, draw);
    const steps = into === 'bfloat16' ? 2 ** 8 : 2 ** 11;
    fillUniform(out, 0, steps, draw);
    native.unary(UnaryOp.floor, out._id, out._id);
    scale(out, (hi - lo) / steps);
    if (lo !== 0) shift(out, lo);
  },
});

export const normalNumbers = (mean: number, std: number): Distribution => ({
  fill: (out, d) => native.normal(out._id, mean, std, d.seedLo, d.seedHi, d.offset),
});

/** 1 with probability `p`, else 0. */
export const coinFlips = (p: number): Distribution => ({
  fill: (out, d) => native.bernoulli(out._id, p, d.seedLo, d.seedHi, d.offset),
  bits: 32,
});

/** Whole numbers of [low, high). */
export const wholeNumbers = (low: number, high: number): Distribution => ({
  fill: (out, d) => native.randint(out._id, low, high, d.seedLo, d.seedHi, d.offset),
  bits: 64,
});

/** log(u) for uniform u of (0, 1]. */
function fillLogarithms(out: Tensor, draw: Draw): void {
  fillUniform(out, 0, 1, draw);
  native.binaryScalar(BinaryOp.sub, out._id, out._id, 1, true);
  native.unary(UnaryOp.log, out._id, out._id);
}

/** Density lambda * e ** (-lambda * x), x > 0: by inversion. */
export const exponentialNumbers = (lambda: number): Distribution => ({
  fill: (out, draw) => {
    fillLogarithms(out, draw);
    scale(out, -1 / lambda);
    // u = 1 would give 0, which is no such number.
    native.clamp(out._id, out._id, 2 ** (out.dtype === 'float64' ? -54 : -25) / lambda, Infinity);
  },
});

const inFloat64 = (): DType => 'float64';

/** The number of throws up to the first success of probability `p`: by inversion. */
export const geometricNumbers = (p: number): Distribution => ({
  dtype: inFloat64,
  fill: (out, draw) => {
    fillLogarithms(out, draw);
    scale(out, 1 / Math.log1p(-p));
    native.unary(UnaryOp.ceil, out._id, out._id);
    native.clamp(out._id, out._id, 1, Infinity);
  },
});

/** Density of Cauchy's distribution: by inversion. */
export const cauchyNumbers = (median: number, sigma: number): Distribution => ({
  dtype: inFloat64,
  fill: (out, draw) => {
    fillUniform(out, -Math.PI / 2, Math.PI / 2, draw);
    native.unary(UnaryOp.tan, out._id, out._id);
    scale(out, sigma);
    shift(out, median);
  },
});

/** e to the power of normal numbers. */
export const logNormalNumbers = (mean: number, std: number): Distribution => ({
  fill: (out, d) => {
    native.normal(out._id, mean, std, d.seedLo, d.seedHi, d.offset);
    native.unary(UnaryOp.exp, out._id, out._id);
  },
});

/** Draws all elements of a dense tensor. */
export function drawInto(out: Tensor, distribution: Distribution, generator: Generator): Tensor {
  const dtype = distribution.dtype?.(out.dtype) ?? computeDType(out.dtype);
  const wide = (distribution.bits ?? (dtype === 'float64' ? 64 : 32)) === 64;
  const draw = generator._take(wide ? counters64(out.numel) : counters32(out.numel));
  if (dtype === out.dtype) {
    distribution.fill(out, draw, out.dtype);
    return out;
  }
  const drawn = emptyLikeLayout(out, dtype);
  distribution.fill(drawn, draw, out.dtype);
  native.copy(out._id, drawn._id);
  drawn.dispose();
  return out;
}

/** Draws all elements of `x`, in its memory. */
export function drawInPlace(op: string, x: Tensor, distribution: Distribution, options: RandomOptions): Tensor {
  checkOptions(op, options);
  checkInPlace(op, x, x.shape, x.dtype);
  const generator = generatorOf(op, options.generator);
  if (recordsInPlace(op, x)) {
    return changeInPlace(op, x, (old) => drawInto(emptyLikeLayout(old), distribution, generator));
  }
  if (isDense(x.shape, x.strides)) {
    drawInto(x, distribution, generator);
  } else {
    const dense = drawInto(emptyContiguous(x.shape, x.dtype), distribution, generator);
    native.copy(x._id, dense._id);
    dense.dispose();
  }
  x._bump();
  return x;
}

export function checkNumber(op: string, name: string, value: number): void {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new ArgumentError(op, `${name} must be a finite number, got ${valueText(value)}`, value);
  }
}

export function checkProbability(op: string, p: number): void {
  if (typeof p !== 'number' || !(p >= 0 && p <= 1)) {
    throw new ArgumentError(op, `the probability has to be between 0 and 1, but got ${valueText(p)}`, p);
  }
}

export function checkFloating(op: string, dtype: DType): void {
  if (!isFloating(dtype)) throw new DTypeError(op, `a floating-point dtype is needed, got ${dtype}`, dtype);
}

export function checkNormal(op: string, mean: number, std: number): void {
  checkNumber(op, 'mean', mean);
  checkNumber(op, 'std', std);
  if (std < 0) throw new ArgumentError(op, `std must be >= 0, got ${std}`, std);
}

const LIMITS: Partial<Readonly<Record<DType, readonly [number, number]>>> = {
  bool: [0, 1],
  uint8: [0, 255],
  int8: [-128, 127],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** Checks the bounds of whole numbers of [low, high) in a dtype. */
export function checkWhole(op: string, low: number, high: number, dtype: DType): void {
  for (const value of [low, high]) {
    if (!Number.isSafeInteger(value)) {
      throw new ArgumentError(op, `low and high must be safe integers, got ${valueText(value)}`, value);
    }
  }
  if (low >= high) throw new ArgumentError(op, `low ${low} must be less than high ${high}`, low);
  if (high - low > 2 ** 53) throw new ArgumentError(op, `at most 2^53 values, got [${low}, ${high})`, high);
  const limits = LIMITS[dtype];
  if (limits && low < limits[0]) throw new ArgumentError(op, `low ${low} is out of bounds for ${dtype}`, low);
  if (limits && high - 1 > limits[1]) {
    throw new ArgumentError(op, `high - 1 = ${high - 1} is out of bounds for ${dtype}`, high);
  }
}

/** The elements in dense memory, whatever its order: a copy when they are not. The caller disposes it when it is one. */
export const denseOf = (x: Tensor): Tensor => (isDense(x.shape, x.strides) ? x : copyTo(x, x.dtype));
