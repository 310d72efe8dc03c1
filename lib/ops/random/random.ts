// Random tensors and dropout. The numbers come from a Generator; see lib/tensor/random.ts.
import { ArgumentError, DTypeError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout, getDefaultDType, stridesLike, type TensorOptions } from '../../tensor/create.js';
import { checkDType, type DType, isFloating } from '../../tensor/dtype.js';
import { checkShape, isDense } from '../../tensor/layout.js';
import { counters32, counters64, type Draw, type Generator, generatorOf } from '../../tensor/random.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { BinaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { changeInPlace, checkInPlace, recordsInPlace } from '../in-place.js';

/** Options of functions that draw random numbers. */
export interface RandomOptions {
  /** Default: the one that `manualSeed` seeds. */
  generator?: Generator;
}

/** Options of functions that make random tensors. */
export interface RandomTensorOptions extends TensorOptions, RandomOptions {}

type Fill = (out: Tensor, draw: Draw) => void;

const uniformFill =
  (lo: number, hi: number): Fill =>
  (out, d) =>
    native.uniform(out._id, lo, hi, d.seedLo, d.seedHi, d.offset);
const normalFill =
  (mean: number, std: number): Fill =>
  (out, d) =>
    native.normal(out._id, mean, std, d.seedLo, d.seedHi, d.offset);
const bernoulliFill =
  (p: number): Fill =>
  (out, d) =>
    native.bernoulli(out._id, p, d.seedLo, d.seedHi, d.offset);
const randintFill =
  (low: number, high: number): Fill =>
  (out, d) =>
    native.randint(out._id, low, high, d.seedLo, d.seedHi, d.offset);

const countersFor = (out: Tensor): number => (out.dtype === 'float64' ? counters64(out.numel) : counters32(out.numel));

function checkNumber(op: string, name: string, value: number): void {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new ArgumentError(op, `${name} must be a finite number, got ${valueText(value)}`, value);
  }
}

function checkProbability(op: string, p: number): void {
  if (typeof p !== 'number' || !(p >= 0 && p <= 1)) {
    throw new ArgumentError(op, `the probability has to be between 0 and 1, but got ${valueText(p)}`, p);
  }
}

function checkFloating(op: string, dtype: DType): void {
  if (!isFloating(dtype)) throw new DTypeError(op, `a floating-point dtype is needed, got ${dtype}`, dtype);
}

function checkUniform(op: string, from: number, to: number): void {
  checkNumber(op, 'from', from);
  checkNumber(op, 'to', to);
  if (from > to) throw new ArgumentError(op, `from ${from} is greater than to ${to}`, from);
}

function checkNormal(op: string, mean: number, std: number): void {
  checkNumber(op, 'mean', mean);
  checkNumber(op, 'std', std);
  if (std < 0) throw new ArgumentError(op, `std must be >= 0, got ${std}`, std);
}

function make(op: string, shape: readonly number[], options: RandomTensorOptions, fill: Fill): Tensor {
  checkOptions(op, options);
  const dtype = checkDType(op, options.dtype ?? getDefaultDType());
  checkFloating(op, dtype);
  const generator = generatorOf(op, options.generator);
  const out = emptyContiguous(checkShape(op, shape), dtype);
  fill(out, generator._take(countersFor(out)));
  if (options.requiresGrad) out.requiresGrad = true;
  return out;
}

function makeLike(op: string, like: Tensor, options: RandomTensorOptions, fill: Fill): Tensor {
  checkTensor(op, like);
  checkOptions(op, options);
  const dtype = checkDType(op, options.dtype ?? like.dtype);
  checkFloating(op, dtype);
  const generator = generatorOf(op, options.generator);
  const out = emptyLikeLayout(like, dtype);
  fill(out, generator._take(countersFor(out)));
  if (options.requiresGrad) out.requiresGrad = true;
  return out;
}

/** Uniform numbers of [0, 1). */
export const rand = (shape: readonly number[], options: RandomTensorOptions = {}): Tensor =>
  make('rand', shape, options, uniformFill(0, 1));

/** Normal numbers with mean 0 and variance 1. */
export const randn = (shape: readonly number[], options: RandomTensorOptions = {}): Tensor =>
  make('randn', shape, options, normalFill(0, 1));

/** {@link rand} with the shape, dtype and memory layout of another tensor. */
export const randLike = (like: Tensor, options: RandomTensorOptions = {}): Tensor =>
  makeLike('randLike', like, options, uniformFill(0, 1));

/** {@link randn} with the shape, dtype and memory layout of another tensor. */
export const randnLike = (like: Tensor, options: RandomTensorOptions = {}): Tensor =>
  makeLike('randnLike', like, options, normalFill(0, 1));

/** Normal numbers with this mean and standard deviation. */
export function normal(mean: number, std: number, shape: readonly number[], options: RandomTensorOptions = {}): Tensor {
  checkNormal('normal', mean, std);
  return make('normal', shape, options, normalFill(mean, std));
}

function checkRange(low: number, high: number): void {
  for (const value of [low, high]) {
    if (!Number.isSafeInteger(value)) {
      throw new ArgumentError('randint', `low and high must be safe integers, got ${valueText(value)}`, value);
    }
  }
  if (low >= high) throw new ArgumentError('randint', `low ${low} must be less than high ${high}`, low);
  if (high - low > 2 ** 53) throw new ArgumentError('randint', `at most 2^53 values, got [${low}, ${high})`, high);
}

/** Whole numbers of [low, high), each equally likely; int64 by default. `low` is 0 when omitted. */
export function randint(high: number, shape: readonly number[], options?: RandomTensorOptions): Tensor;
export function randint(low: number, high: number, shape: readonly number[], options?: RandomTensorOptions): Tensor;
export function randint(...args: unknown[]): Tensor {
  const from = typeof args[1] === 'number' ? 1 : 0;
  const low = from ? (args[0] as number) : 0;
  const high = args[from] as number;
  const shape = args[from + 1] as readonly number[];
  const options = (args[from + 2] ?? {}) as RandomTensorOptions;
  checkRange(low, high);
  checkOptions('randint', options);
  const dtype = checkDType('randint', options.dtype ?? 'int64');
  const generator = generatorOf('randint', options.generator);
  const out = emptyContiguous(checkShape('randint', shape), dtype);
  randintFill(low, high)(out, generator._take(counters64(out.numel)));
  if (options.requiresGrad) out.requiresGrad = true;
  return out;
}

/** The numbers 0 to n - 1 in random order; int64 by default. */
export function randperm(n: number, options: RandomTensorOptions = {}): Tensor {
  checkOptions('randperm', options);
  const dtype = checkDType('randperm', options.dtype ?? 'int64');
  const generator = generatorOf('randperm', options.generator);
  const order = emptyContiguous(checkShape('randperm', [n]), 'int64');
  const d = generator._take(counters64(n));
  native.randperm(order._id, d.seedLo, d.seedHi, d.offset);
  if (dtype === 'int64') return order;
  const out = emptyContiguous([n], dtype);
  native.copy(out._id, order._id);
  order.dispose();
  if (options.requiresGrad) out.requiresGrad = true;
  return out;
}

/**
 * Zeros and ones: 1 with probability `p`, or with the probability that each element of `x` states, in the dtype and
 * shape of `x`. Not differentiable.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.bernoulli.html
 */
export function bernoulli(x: Tensor, p?: number | null, options: RandomOptions = {}): Tensor {
  checkTensor('bernoulli', x);
  checkOptions('bernoulli', options);
  const generator = generatorOf('bernoulli', options.generator);
  const out = emptyLikeLayout(x);
  if (p !== undefined && p !== null) {
    checkProbability('bernoulli', p);
    bernoulliFill(p)(out, generator._take(counters32(out.numel)));
    return out;
  }
  checkFloating('bernoulli', x.dtype);
  uniformFill(0, 1)(out, generator._take(countersFor(out)));
  const yes = emptyLikeLayout(x, 'bool');
  native.binary(BinaryOp.lt, yes._id, out._id, x._id);
  native.copy(out._id, yes._id);
  yes.dispose();
  return out;
}

function filled(out: Tensor, fill: Fill, draw: Draw): Tensor {
  fill(out, draw);
  return out;
}

function fillInPlace(op: string, x: Tensor, options: RandomOptions, fill: Fill): Tensor {
  checkOptions(op, options);
  checkInPlace(op, x, x.shape, x.dtype);
  const draw = generatorOf(op, options.generator)._take(countersFor(x));
  if (recordsInPlace(op, x)) return changeInPlace(op, x, (old) => filled(emptyLikeLayout(old), fill, draw));
  if (isDense(x.shape, x.strides)) {
    fill(x, draw);
  } else {
    const dense = emptyContiguous(x.shape, x.dtype);
    fill(dense, draw);
    native.copy(x._id, dense._id);
    dense.dispose();
  }
  x._bump();
  return x;
}

/** Fills `x` with uniform numbers of [from, to). */
export function uniform_(x: Tensor, from = 0, to = 1, options: RandomOptions = {}): Tensor {
  checkTensor('uniform_', x);
  checkFloating('uniform_', x.dtype);
  checkUniform('uniform_', from, to);
  return fillInPlace('uniform_', x, options, uniformFill(from, to));
}

/** Fills `x` with normal numbers. */
export function normal_(x: Tensor, mean = 0, std = 1, options: RandomOptions = {}): Tensor {
  checkTensor('normal_', x);
  checkFloating('normal_', x.dtype);
  checkNormal('normal_', mean, std);
  return fillInPlace('normal_', x, options, normalFill(mean, std));
}

/** Fills `x` with ones (probability `p`) and zeros. */
export function bernoulli_(x: Tensor, p = 0.5, options: RandomOptions = {}): Tensor {
  checkTensor('bernoulli_', x);
  checkProbability('bernoulli_', p);
  return fillInPlace('bernoulli_', x, options, bernoulliFill(p));
}

// The mask is not kept: the gradient draws it again, in the memory order of the output.
const dropoutOp = defineOp({
  name: 'dropout',
  inputs: ['input'],
  forward: (x: Tensor, p: number, draw: Draw, strides: readonly number[]) => {
    const out = emptyStrided(x.shape, strides, x.dtype);
    const alike = x.strides.every((stride, i) => stride === strides[i] || x.shape[i] === 1);
    if (!alike) native.copy(out._id, x._id);
    native.dropout(out._id, alike ? x._id : out._id, p, draw.seedLo, draw.seedHi, draw.offset);
    return out;
  },
  save: (_out, _x, p, draw, strides) => ({ p, draw, strides }),
  backward: ([g], { p, draw, strides }) => [maskAgain(g, p, draw, strides)],
});

function maskAgain(g: Tensor, p: number, draw: Draw, strides: readonly number[]): Tensor {
  return dropoutOp(g, p, draw, strides);
}

/** Options of {@link dropout}. */
export interface DropoutOptions extends RandomOptions {
  /** Without it the input comes back as it is. Default true. */
  training?: boolean;
}

/**
 * Zeroes each element with probability `p` and scales the others by `1 / (1 - p)`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.dropout.html
 */
export function dropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkTensor('dropout', x);
  checkOptions('dropout', options);
  checkProbability('dropout', p);
  const generator = generatorOf('dropout', options.generator);
  if (!(options.training ?? true) || p === 0 || x.numel === 0) return x;
  checkFloating('dropout', x.dtype);
  return dropoutOp(x, p, generator._take(counters32(x.numel)), stridesLike(x, x.shape));
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link bernoulli}. */
    bernoulli(p?: number | null, options?: RandomOptions): Tensor;
    /** See {@link uniform_}. */
    uniform_(from?: number, to?: number, options?: RandomOptions): Tensor;
    /** See {@link normal_}. */
    normal_(mean?: number, std?: number, options?: RandomOptions): Tensor;
    /** See {@link bernoulli_}. */
    bernoulli_(p?: number, options?: RandomOptions): Tensor;
  }
}

addMethods({ bernoulli, uniform_, normal_, bernoulli_ });
