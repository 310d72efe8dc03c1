// Random tensors. The numbers come from a Generator; see lib/tensor/random.ts.
import { ArgumentError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout, getDefaultDType } from '../../tensor/create.js';
import { checkDType, computeDType, type DType } from '../../tensor/dtype.js';
import { broadcastShapes, checkShape } from '../../tensor/layout.js';
import { counters64, generatorOf } from '../../tensor/random.js';
import { emptyContiguous, Tensor } from '../../tensor/tensor.js';
import { freeing } from '../elementwise.js';
import { add, mul } from '../pointwise/arithmetic.js';
import { to } from '../shape/view.js';
import {
  checkFloating,
  checkNormal,
  checkWhole,
  type Distribution,
  denseOf,
  drawInto,
  normalNumbers,
  type RandomOptions,
  type RandomTensorOptions,
  uniformNumbers,
  wholeNumbers,
} from './draw.js';

function drawn(op: string, out: Tensor, distribution: Distribution, options: RandomTensorOptions): Tensor {
  drawInto(out, distribution, generatorOf(op, options.generator));
  if (options.requiresGrad) out.requiresGrad = true;
  return out;
}

function make(op: string, shape: readonly number[], options: RandomTensorOptions, distribution: Distribution): Tensor {
  checkOptions(op, options);
  const dtype = checkDType(op, options.dtype ?? getDefaultDType());
  checkFloating(op, dtype);
  generatorOf(op, options.generator);
  return drawn(op, emptyContiguous(checkShape(op, shape), dtype), distribution, options);
}

function makeLike(op: string, like: Tensor, options: RandomTensorOptions, distribution: Distribution): Tensor {
  checkTensor(op, like);
  checkOptions(op, options);
  const dtype = checkDType(op, options.dtype ?? like.dtype);
  checkFloating(op, dtype);
  generatorOf(op, options.generator);
  return drawn(op, emptyLikeLayout(like, dtype), distribution, options);
}

/** Uniform numbers of [0, 1). */
export const rand = (shape: readonly number[], options: RandomTensorOptions = {}): Tensor =>
  make('rand', shape, options, uniformNumbers(0, 1));

/** Normal numbers with mean 0 and variance 1. */
export const randn = (shape: readonly number[], options: RandomTensorOptions = {}): Tensor =>
  make('randn', shape, options, normalNumbers(0, 1));

/** {@link rand} with the shape, dtype and memory layout of another tensor. */
export const randLike = (like: Tensor, options: RandomTensorOptions = {}): Tensor =>
  makeLike('randLike', like, options, uniformNumbers(0, 1));

/** {@link randn} with the shape, dtype and memory layout of another tensor. */
export const randnLike = (like: Tensor, options: RandomTensorOptions = {}): Tensor =>
  makeLike('randnLike', like, options, normalNumbers(0, 1));

/**
 * Normal numbers with this mean and standard deviation (default 1). Either may be a tensor: both then broadcast, and the
 * result has the dtype of the mean if it is a tensor, else of `std`. Two numbers need a shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.normal.html
 * @throws ArgumentError for a negative `std`; one in a tensor rejects the reads of the result with a `ValueError`.
 */
export function normal(mean: number, std: number, shape: readonly number[], options?: RandomTensorOptions): Tensor;
export function normal(mean: Tensor, std?: Tensor | number, options?: RandomOptions): Tensor;
export function normal(mean: number, std: Tensor, options?: RandomOptions): Tensor;
export function normal(mean: Tensor | number, std: Tensor | number = 1, ...rest: unknown[]): Tensor {
  if (mean instanceof Tensor || std instanceof Tensor) return normalOf(mean, std, (rest[0] ?? {}) as RandomOptions);
  checkNormal('normal', mean, std);
  return make('normal', rest[0] as number[], (rest[1] ?? {}) as RandomTensorOptions, normalNumbers(mean, std));
}

function normalOf(mean: Tensor | number, std: Tensor | number, options: RandomOptions): Tensor {
  checkOptions('normal', options);
  const first = (mean instanceof Tensor ? mean : std) as Tensor;
  for (const x of [mean, std]) {
    if (!(x instanceof Tensor)) continue;
    checkTensor('normal', x);
    checkFloating('normal', x.dtype);
  }
  checkNormal('normal', mean instanceof Tensor ? 0 : mean, std instanceof Tensor ? 1 : std);
  const shapeOf = (x: Tensor | number): readonly number[] => (x instanceof Tensor ? x.shape : []);
  const shape = broadcastShapes('normal', shapeOf(mean), shapeOf(std));
  const plain = (x: Tensor | number): Tensor | number => (x instanceof Tensor ? x.detach() : x);
  const [m, s] = [plain(mean), plain(std)];
  const noise = emptyContiguous(shape, computeDType(first.dtype));
  drawInto(noise, normalNumbers(0, 1), generatorOf('normal', options.generator));
  const deviation = mul(noise, s);
  const sum = add(deviation, m);
  const out = to(sum, first.dtype);
  if (s instanceof Tensor) checkDeviation(out, s);
  freeing(out, noise, deviation, ...[m, s].filter((x) => x instanceof Tensor));
  return sum === out ? out : freeing(out, sum);
}

/** A number below 0 in `std` fails `out`. */
function checkDeviation(out: Tensor, std: Tensor): void {
  const wide = to(std, computeDType(std.dtype));
  const dense = denseOf(wide);
  native.checkDomain(out._id, dense._id, 1);
  for (const x of new Set([wide, dense])) if (x !== std) x.dispose();
}

function makeWhole(
  op: string,
  out: (dtype: DType) => Tensor,
  bounds: readonly [number, number],
  dtype: DType,
  options: RandomTensorOptions,
): Tensor {
  checkDType(op, dtype);
  const [low, high] = bounds;
  checkWhole(op, low, high, dtype);
  generatorOf(op, options.generator);
  return drawn(op, out(dtype), wholeNumbers(low, high), options);
}

/** Whole numbers of [low, high), each equally likely; int64 by default. `low` is 0 when omitted. */
export function randint(high: number, shape: readonly number[], options?: RandomTensorOptions): Tensor;
export function randint(low: number, high: number, shape: readonly number[], options?: RandomTensorOptions): Tensor;
export function randint(...args: unknown[]): Tensor {
  const from = typeof args[1] === 'number' ? 1 : 0;
  const low = from ? (args[0] as number) : 0;
  const shape = args[from + 1] as readonly number[];
  const options = (args[from + 2] ?? {}) as RandomTensorOptions;
  checkOptions('randint', options);
  const out = (dtype: DType): Tensor => emptyContiguous(checkShape('randint', shape), dtype);
  return makeWhole('randint', out, [low, args[from] as number], options.dtype ?? 'int64', options);
}

/** {@link randint} with the shape, dtype and memory layout of another tensor. */
export function randintLike(like: Tensor, high: number, options?: RandomTensorOptions): Tensor;
export function randintLike(like: Tensor, low: number, high: number, options?: RandomTensorOptions): Tensor;
export function randintLike(like: Tensor, ...args: unknown[]): Tensor {
  checkTensor('randintLike', like);
  const from = typeof args[1] === 'number' ? 1 : 0;
  const low = from ? (args[0] as number) : 0;
  const options = (args[from + 1] ?? {}) as RandomTensorOptions;
  checkOptions('randintLike', options);
  const out = (dtype: DType): Tensor => emptyLikeLayout(like, dtype);
  return makeWhole('randintLike', out, [low, args[from] as number], options.dtype ?? like.dtype, options);
}

/** The numbers 0 to n - 1 in random order; int64 by default. */
export function randperm(n: number, options: RandomTensorOptions = {}): Tensor {
  checkOptions('randperm', options);
  const dtype = checkDType('randperm', options.dtype ?? 'int64');
  const generator = generatorOf('randperm', options.generator);
  if (!Number.isSafeInteger(n)) throw new ArgumentError('randperm', `n must be an integer, got ${valueText(n)}`, n);
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
