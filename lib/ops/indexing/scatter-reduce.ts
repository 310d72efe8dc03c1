// Reductions by index: sum, product, mean, largest and smallest of what falls on each element.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { onesLike, zerosLike } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { checkDim, sameShape } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { BinaryOp, IndexName, ScatterMode } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { scalarTensor } from '../elementwise.js';
import { changeInPlace, recordsInPlace } from '../in-place.js';
import { div, mul } from '../pointwise/arithmetic.js';
import { eq, gt, logicalAnd } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { expand, reshape, to } from '../shape/view.js';
import { checkSameType, checkVector, startOf } from './check.js';
import { addByIndex, addByIndex_, gather, scatterAdd, scatterSource, setByIndex, setByIndex_ } from './indexing.js';

/** What {@link scatterReduce} does with the elements that fall on one. */
export type ScatterReduction = 'sum' | 'prod' | 'mean' | 'amax' | 'amin';

const MODES: Readonly<Record<ScatterReduction, number>> = {
  sum: ScatterMode.add,
  mean: ScatterMode.add,
  prod: ScatterMode.mul,
  amax: ScatterMode.max,
  amin: ScatterMode.min,
};

/** Divides every element by how many values it was made of. */
function divideByCount(out: Tensor, dim: number, index: Tensor, includeSelf: boolean): void {
  const counts = emptyStrided(out.shape, out.strides, out.dtype);
  native.fill(counts._id, includeSelf ? 1 : 0);
  const one = scalarTensor(1, out.dtype);
  const ones = expand(one, index.shape);
  native.scatter(counts._id, dim, index._id, ones._id, ScatterMode.add, IndexName.scatterReduce);
  native.clamp(counts._id, counts._id, 1, Infinity);
  native.binary(isFloating(out.dtype) ? BinaryOp.div : BinaryOp.floorDiv, out._id, out._id, counts._id);
  for (const x of [counts, one, ones]) x.dispose();
}

const scatterReduceOp = defineOp({
  name: 'scatterReduce',
  inputs: ['input', 'index', 'src'],
  forward: (x: Tensor, index: Tensor, src: Tensor, dim: number, reduce: ScatterReduction, includeSelf: boolean) => {
    const out = startOf(x, x.shape, x.strides, src);
    const put = (values: Tensor, mode: number) =>
      native.scatter(out._id, dim, index._id, values._id, mode, IndexName.scatterReduce);
    if (!includeSelf) {
      // Any of the values is a start for the largest and the smallest.
      const start = reduce === 'amax' || reduce === 'amin' ? null : scalarTensor(reduce === 'prod' ? 1 : 0, x.dtype);
      put(start ? expand(start, index.shape) : src, ScatterMode.set);
    }
    put(src, MODES[reduce]);
    if (reduce === 'mean') divideByCount(out, dim, index, includeSelf);
    return out;
  },
  save: (out, x, index, src, dim, reduce, includeSelf) => {
    const linear = reduce === 'sum' || reduce === 'mean';
    return {
      index,
      dim,
      reduce,
      includeSelf,
      x: linear ? null : x,
      src: linear ? null : src,
      out: linear ? null : out,
    };
  },
  backward: ([g], { index, dim, reduce, includeSelf, x, src, out }, needs) => {
    let [own, other]: [Tensor, Tensor] = [g, g];
    if (reduce === 'sum') other = gather(g, dim, index);
    else if (reduce === 'mean') [own, other] = meanGradients(g, index, dim, includeSelf);
    else if (reduce === 'prod')
      [own, other] = prodGradients(g, index, dim, includeSelf, x as Tensor, src as Tensor, out as Tensor);
    else [own, other] = extremumGradients(g, index, dim, includeSelf, x as Tensor, src as Tensor, out as Tensor);
    if (!includeSelf && needs[0]) own = setByIndex(own, dim, index, 0);
    return [needs[0] ? own : null, null, needs[2] ? other : null];
  },
});

type Pair = [own: Tensor, src: Tensor];

function meanGradients(g: Tensor, index: Tensor, dim: number, includeSelf: boolean): Pair {
  const start = includeSelf ? onesLike(g) : zerosLike(g);
  const found = scatterAdd(start, dim, index, expand(scalarTensor(1, g.dtype), index.shape));
  const share = div(g, where(eq(found, 0), 1, found));
  return [share, gather(share, dim, index)];
}

/** The gradient goes in equal parts to all values that equal the result. */
function extremumGradients(
  g: Tensor,
  index: Tensor,
  dim: number,
  includeSelf: boolean,
  x: Tensor,
  src: Tensor,
  out: Tensor,
): Pair {
  const own = to(eq(x, out), g.dtype).detach();
  const other = to(eq(src, gather(out, dim, index)), g.dtype).detach();
  const start = includeSelf ? own : setByIndex(own, dim, index, 0);
  const share = div(g, scatterAdd(start, dim, index, other));
  return [mul(own, share), mul(other, gather(share, dim, index))];
}

/** Each factor's gradient is the product of the others: the result through it, with care for zeros. */
function prodGradients(
  g: Tensor,
  index: Tensor,
  dim: number,
  includeSelf: boolean,
  x: Tensor,
  src: Tensor,
  out: Tensor,
): Pair {
  const multiply = (start: Tensor, factors: Tensor): Tensor =>
    scatterReduce(start, dim, index, factors, 'prod', { includeSelf });
  const filledSelf = where(eq(x, 0), 1, x);
  const own = div(mul(g, multiply(filledSelf, src)), filledSelf);
  const isZero = eq(src, 0);
  const zeros = gather(scatterAdd(zerosLike(g), dim, index, to(isZero, g.dtype)), dim, index);
  const onlyZero = logicalAnd(isZero, eq(zeros, 1));
  const rest = multiply(x, where(onlyZero, 1, src));
  const filled = where(isZero, 1, src);
  const other = where(onlyZero, gather(mul(g, rest), dim, index), div(gather(mul(g, out), dim, index), filled));
  return [own, where(gt(zeros, 1), 0, other)];
}

/** Options of {@link scatterReduce}. */
export interface ScatterReduceOptions {
  /** Whether the elements of `x` take part. Default true. */
  includeSelf?: boolean;
}

function checkReduction(op: string, reduce: ScatterReduction, options: ScatterReduceOptions): boolean {
  checkOptions(op, options);
  if (typeof reduce !== 'string' || !Object.hasOwn(MODES, reduce)) {
    throw new ArgumentError(
      op,
      `reduce must be 'sum', 'prod', 'mean', 'amax' or 'amin', got ${valueText(reduce)}`,
      reduce,
    );
  }
  return options.includeSelf ?? true;
}

/**
 * A copy of `x` in which the elements `src[i][j]` that fall on `out[i][index[i][j]]` (dim 1) are reduced with it, or
 * replace it with their reduction (`includeSelf: false`). A mean of integers is rounded down.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.scatter_reduce_.html
 */
export function scatterReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  options: ScatterReduceOptions = {},
): Tensor {
  checkTensor('scatterReduce', x);
  const includeSelf = checkReduction('scatterReduce', reduce, options);
  const d = checkDim('scatterReduce', dim, x.ndim);
  checkTensor('scatterReduce', src, 'src');
  const part = scatterSource('scatterReduce', x, d, index, src);
  return index.numel === 0 ? x.clone() : scatterReduceOp(x, index, part, d, reduce, includeSelf);
}

/** {@link scatterReduce} in the memory of `x`. */
export function scatterReduce_(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  options: ScatterReduceOptions = {},
): Tensor {
  recordsInPlace('scatterReduce_', x, src);
  return changeInPlace('scatterReduce_', x, (old) => scatterReduce(old, dim, index, src, reduce, options));
}

/** Options of {@link scatter}. */
export interface ScatterOptions {
  /** Add to or multiply the elements instead of replacing them. */
  reduce?: 'add' | 'multiply';
}

function checkReduce(op: string, options: ScatterOptions): 'add' | 'multiply' | undefined {
  checkOptions(op, options);
  const { reduce } = options;
  if (reduce === undefined || reduce === 'add' || reduce === 'multiply') return reduce;
  throw new ArgumentError(op, `reduce must be 'add' or 'multiply', got ${valueText(reduce)}`, reduce);
}

/**
 * A copy of `x` with `out[i][index[i][j]] = src[i][j]` (dim 1), `src` a tensor of x's dtype or a number. Of equal
 * indices the last one along `dim` counts. `reduce` adds to, or multiplies, what is there.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.scatter_.html
 */
export function scatter(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor | number,
  options: ScatterOptions = {},
): Tensor {
  const reduce = checkReduce('scatter', options);
  if (reduce === 'add') return addByIndex(x, dim, index, src);
  if (reduce === undefined) return setByIndex(x, dim, index, src);
  checkTensor('scatter', x);
  const part = scatterSource('scatter', x, checkDim('scatter', dim, x.ndim), index, src);
  return scatterReduce(x, dim, index, part, 'prod');
}

/** {@link scatter} in the memory of `x`. */
export function scatter_(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor | number,
  options: ScatterOptions = {},
): Tensor {
  const reduce = checkReduce('scatter_', options);
  if (reduce === 'add') return addByIndex_(x, dim, index, src);
  if (reduce === undefined) return setByIndex_(x, dim, index, src);
  recordsInPlace('scatter_', x, src);
  return changeInPlace('scatter_', x, (old) => scatter(old, dim, index, src, options));
}

/**
 * A copy of `x` in which the slices of `source` that `index` (one-dimensional) puts on a position of `dim` are reduced
 * with it: `'prod'`, `'mean'`, `'amax'` or `'amin'`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.index_reduce_.html
 */
export function indexReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: Exclude<ScatterReduction, 'sum'>,
  options: ScatterReduceOptions = {},
): Tensor {
  checkTensor('indexReduce', x);
  const d = checkDim('indexReduce', dim, x.ndim);
  checkVector('indexReduce', index);
  checkSameType('indexReduce', 'source', source, x);
  const includeSelf = checkReduction('indexReduce', reduce, options);
  if ((reduce as string) === 'sum') throw new ArgumentError('indexReduce', `reduce 'sum' is indexAdd`, reduce);
  const wanted = x.shape.map((size, i) => (i === d ? index.numel : size));
  if (!sameShape(source.shape, wanted)) {
    throw new ShapeError(
      'indexReduce',
      `source has shape ${shapeText(source.shape)}, ${shapeText(wanted)} is needed`,
      source.shape,
      wanted,
    );
  }
  if (source.numel === 0) return x.clone();
  const line = reshape(
    index,
    x.shape.map((_, i) => (i === d ? index.numel : 1)),
  );
  return scatterReduceOp(x, expand(line, source.shape), source, d, reduce, includeSelf);
}

/** {@link indexReduce} in the memory of `x`. */
export function indexReduce_(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: Exclude<ScatterReduction, 'sum'>,
  options: ScatterReduceOptions = {},
): Tensor {
  recordsInPlace('indexReduce_', x, source);
  return changeInPlace('indexReduce_', x, (old) => indexReduce(old, dim, index, source, reduce, options));
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link scatter}. */
    scatter(dim: number, index: Tensor, src: Tensor | number, options?: ScatterOptions): Tensor;
    /** See {@link scatter_}. */
    scatter_(dim: number, index: Tensor, src: Tensor | number, options?: ScatterOptions): Tensor;
    /** See {@link scatterReduce}. */
    scatterReduce(
      dim: number,
      index: Tensor,
      src: Tensor,
      reduce: ScatterReduction,
      options?: ScatterReduceOptions,
    ): Tensor;
    /** See {@link scatterReduce_}. */
    scatterReduce_(
      dim: number,
      index: Tensor,
      src: Tensor,
      reduce: ScatterReduction,
      options?: ScatterReduceOptions,
    ): Tensor;
    /** See {@link indexReduce}. */
    indexReduce(
      dim: number,
      index: Tensor,
      source: Tensor,
      reduce: Exclude<ScatterReduction, 'sum'>,
      options?: ScatterReduceOptions,
    ): Tensor;
    /** See {@link indexReduce_}. */
    indexReduce_(
      dim: number,
      index: Tensor,
      source: Tensor,
      reduce: Exclude<ScatterReduction, 'sum'>,
      options?: ScatterReduceOptions,
    ): Tensor;
  }
}

addMethods({ scatter, scatter_, scatterReduce, scatterReduce_, indexReduce, indexReduce_ });
