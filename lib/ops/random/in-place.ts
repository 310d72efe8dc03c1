// Random numbers in the memory of a tensor. Its old values count for nothing: their gradient is 0.
import { ArgumentError, DTypeError, valueText } from '../../errors.js';
import { checkTensor } from '../../tensor/check.js';
import type { DType } from '../../tensor/dtype.js';
import { Tensor } from '../../tensor/tensor.js';
import { addMethods } from '../define.js';
import { copy_ } from '../pointwise/inplace.js';
import { expand } from '../shape/view.js';
import {
  cauchyNumbers,
  checkFloating,
  checkNormal,
  checkNumber,
  checkProbability,
  checkWhole,
  coinFlips,
  drawInPlace,
  exponentialNumbers,
  geometricNumbers,
  logNormalNumbers,
  normalNumbers,
  type RandomOptions,
  uniformNumbers,
  wholeNumbers,
} from './draw.js';
import { bernoulli } from './sample.js';

function checkPositive(op: string, name: string, value: number): void {
  checkNumber(op, name, value);
  if (value <= 0) throw new ArgumentError(op, `${name} must be > 0, got ${value}`, value);
}

function checkContinuous(op: string, x: Tensor): void {
  checkTensor(op, x);
  checkFloating(op, x.dtype);
}

/** Fills `x` with uniform numbers of [from, to). */
export function uniform_(x: Tensor, from = 0, end = 1, options: RandomOptions = {}): Tensor {
  checkContinuous('uniform_', x);
  checkNumber('uniform_', 'from', from);
  checkNumber('uniform_', 'to', end);
  if (from > end) throw new ArgumentError('uniform_', `from ${from} is greater than to ${end}`, from);
  return drawInPlace('uniform_', x, uniformNumbers(from, end), options);
}

/** Fills `x` with normal numbers. */
export function normal_(x: Tensor, mean = 0, std = 1, options: RandomOptions = {}): Tensor {
  checkContinuous('normal_', x);
  checkNormal('normal_', mean, std);
  return drawInPlace('normal_', x, normalNumbers(mean, std), options);
}

/**
 * Fills `x` with ones and zeros; ones with probability `p` (default 0.5), or with the probability that each element of a
 * tensor states, which broadcasts.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.bernoulli_.html
 */
export function bernoulli_(x: Tensor, p: Tensor | number = 0.5, options: RandomOptions = {}): Tensor {
  checkTensor('bernoulli_', x);
  if (!(p instanceof Tensor)) {
    checkProbability('bernoulli_', p);
    return drawInPlace('bernoulli_', x, coinFlips(p), options);
  }
  checkContinuous('bernoulli_', p);
  const probabilities = expand(p.detach(), x.shape);
  const drawn = bernoulli(probabilities, null, options);
  copy_(x, drawn);
  drawn.dispose();
  probabilities.dispose();
  return x;
}

/**
 * Fills `x` with exponentially distributed numbers: density `lambda * e ** (-lambda * x)`, all above 0.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.exponential_.html
 * @throws ArgumentError when `lambda` (default 1) is not above 0.
 */
export function exponential_(x: Tensor, lambda = 1, options: RandomOptions = {}): Tensor {
  checkContinuous('exponential_', x);
  checkPositive('exponential_', 'lambda', lambda);
  return drawInPlace('exponential_', x, exponentialNumbers(lambda), options);
}

/**
 * Fills `x` with geometrically distributed numbers 1, 2, ...: how many throws the first success of probability `p` takes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.geometric_.html
 * @throws ArgumentError when `p` is not in (0, 1).
 */
export function geometric_(x: Tensor, p: number, options: RandomOptions = {}): Tensor {
  checkTensor('geometric_', x);
  if (x.dtype === 'bool') throw new DTypeError('geometric_', 'does not take bool tensors', x.dtype);
  if (typeof p !== 'number' || !(p > 0 && p < 1)) {
    throw new ArgumentError('geometric_', `p must be in (0, 1), got ${valueText(p)}`, p);
  }
  return drawInPlace('geometric_', x, geometricNumbers(p), options);
}

/**
 * Fills `x` with numbers of Cauchy's distribution, by default of median 0 and scale 1.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.cauchy_.html
 * @throws ArgumentError when `sigma` is not above 0.
 */
export function cauchy_(x: Tensor, median = 0, sigma = 1, options: RandomOptions = {}): Tensor {
  checkContinuous('cauchy_', x);
  checkNumber('cauchy_', 'median', median);
  checkPositive('cauchy_', 'sigma', sigma);
  return drawInPlace('cauchy_', x, cauchyNumbers(median, sigma), options);
}

/**
 * Fills `x` with numbers whose logarithm is normal with `mean` (default 1) and `std` (default 2).
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.log_normal_.html
 * @throws ArgumentError when `std` is not above 0.
 */
export function logNormal_(x: Tensor, mean = 1, std = 2, options: RandomOptions = {}): Tensor {
  checkContinuous('logNormal_', x);
  checkNumber('logNormal_', 'mean', mean);
  checkPositive('logNormal_', 'std', std);
  return drawInPlace('logNormal_', x, logNormalNumbers(mean, std), options);
}

/** How many whole numbers from 0 on a dtype holds without a gap. */
const WHOLE: Readonly<Record<DType, number>> = {
  bool: 2,
  uint8: 2 ** 8,
  int8: 2 ** 7,
  int32: 2 ** 31,
  int64: 2 ** 63,
  bfloat16: 2 ** 8 + 1,
  float16: 2 ** 11 + 1,
  float32: 2 ** 24 + 1,
  float64: 2 ** 53,
};

/**
 * Fills `x` with whole numbers of [from, to), each equally likely. `from` is 0 when omitted; without both, all numbers
 * from 0 on that the dtype holds exactly.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.random_.html
 */
export function random_(x: Tensor, options?: RandomOptions): Tensor;
export function random_(x: Tensor, to: number, options?: RandomOptions): Tensor;
export function random_(x: Tensor, from: number, to: number, options?: RandomOptions): Tensor;
export function random_(x: Tensor, ...args: unknown[]): Tensor {
  checkTensor('random_', x);
  const numbers = args.filter((value): value is number => typeof value === 'number');
  const options = (args[numbers.length] ?? {}) as RandomOptions;
  const end = numbers.at(-1);
  if (end === undefined) return drawInPlace('random_', x, wholeNumbers(0, WHOLE[x.dtype]), options);
  const from = numbers.length > 1 ? numbers[0] : 0;
  checkWhole('random_', from, end, x.dtype);
  return drawInPlace('random_', x, wholeNumbers(from, end), options);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link uniform_}. */
    uniform_(from?: number, to?: number, options?: RandomOptions): Tensor;
    /** See {@link normal_}. */
    normal_(mean?: number, std?: number, options?: RandomOptions): Tensor;
    /** See {@link bernoulli_}. */
    bernoulli_(p?: Tensor | number, options?: RandomOptions): Tensor;
    /** See {@link exponential_}. */
    exponential_(lambda?: number, options?: RandomOptions): Tensor;
    /** See {@link geometric_}. */
    geometric_(p: number, options?: RandomOptions): Tensor;
    /** See {@link cauchy_}. */
    cauchy_(median?: number, sigma?: number, options?: RandomOptions): Tensor;
    /** See {@link logNormal_}. */
    logNormal_(mean?: number, std?: number, options?: RandomOptions): Tensor;
    /** See {@link random_}. */
    random_(options?: RandomOptions): Tensor;
    random_(to: number, options?: RandomOptions): Tensor;
    random_(from: number, to: number, options?: RandomOptions): Tensor;
  }
}

addMethods({ uniform_, normal_, bernoulli_, exponential_, geometric_, cauchy_, logNormal_, random_ });
