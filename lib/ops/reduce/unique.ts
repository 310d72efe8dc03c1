// Distinct values. How many there are depends on the values: these functions wait for the stream, and have promise twins.
import { ArgumentError, DTypeError, ShapeError, shapeText, ValueError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { ones, zeros } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { checkDim } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { dataDependent, type Pending } from '../data-dependent.js';
import { addMethods } from '../define.js';
import { freeing } from '../elementwise.js';
import { indexAdd, indexSelect } from '../indexing/indexing.js';
import { stack } from '../shape/concat.js';
import { clone, narrow, reshape, to, transpose } from '../shape/view.js';
import { amax, amin } from './reduce.js';
import { sort } from './sort.js';

/** Options of `unique` and `uniqueConsecutive`. */
export interface UniqueOptions {
  /** Whether to sort; the result always is sorted. For `unique`. */
  sorted?: boolean;
  /** Also where each element's value stands in `values`. Default false. */
  returnInverse?: boolean;
  /** Also how often each value occurs. Default false. */
  returnCounts?: boolean;
  /** Distinct slices along this axis instead of distinct elements. */
  dim?: number | null;
}

/** Distinct values, with what was asked for. */
export interface Unique {
  readonly values: Tensor;
  /** int64, in the shape of the input (or of its axis `dim`). Only with `returnInverse`. */
  readonly inverse?: Tensor;
  /** int64, in the shape of `values` (or of its axis `dim`). Only with `returnCounts`. */
  readonly counts?: Tensor;
}

/** The first `n` elements in memory of their own; the whole is freed. */
function firstOf(whole: Tensor, n: number): Tensor {
  if (whole.shape[0] === n) return whole;
  const part = narrow(whole, 0, 0, n);
  return freeing(clone(part), part, whole);
}

function result(values: Tensor, inverse: Tensor | null, counts: Tensor | null): Unique {
  return { values, ...(inverse ? { inverse } : {}), ...(counts ? { counts } : {}) };
}

function uniqueElements(x: Tensor, options: UniqueOptions, sorted: boolean): Pending<Unique> {
  const n = x.numel;
  const flat = reshape(x.detach(), [n]);
  const ordered = sorted ? sort(flat, 0) : null;
  const source = ordered ? ordered.values : flat.isContiguous() ? flat : clone(flat);
  const number = emptyContiguous([1], 'int64');
  const values = emptyContiguous([n], x.dtype);
  const inverse = options.returnInverse ? emptyContiguous([n], 'int64') : null;
  const counts = options.returnCounts ? emptyContiguous([n], 'int64') : null;
  const order = ordered?.indices._id ?? 0;
  native.uniqueRuns(number._id, values._id, inverse?._id ?? 0, counts?._id ?? 0, source._id, order);
  ordered?.indices.dispose();
  source.dispose();
  flat.dispose();
  return {
    counts: number,
    finish: ([found]) =>
      result(
        firstOf(values, found),
        inverse ? reshape(inverse, x.shape) : null,
        counts ? firstOf(counts, found) : null,
      ),
  };
}

function uniqueSlices(op: string, x: Tensor, options: UniqueOptions, sorted: boolean, dim: number): Pending<Unique> {
  if (x.ndim === 0) return uniqueElements(x, options, sorted);
  const n = x.shape[dim];
  if (x.numel === 0 && n > 0) {
    throw new ShapeError(op, `slices along dim ${dim} of ${shapeText(x.shape)} have no elements`, x.shape);
  }
  const kept = x.detach();
  const rows = reshape(transpose(kept, dim, 0), [n, n === 0 ? 0 : x.numel / n]);
  const matrix = rows.isContiguous() ? rows : clone(rows).contiguous();
  const [number, first, inverse, counts] = [1, n, n, n].map((size) => emptyContiguous([size], 'int64'));
  native.uniqueRows(number._id, first._id, inverse._id, counts._id, matrix._id, sorted);
  return {
    counts: number,
    finish: ([found]) =>
      result(
        indexSelect(kept, dim, narrow(first, 0, 0, found)),
        options.returnInverse ? inverse : null,
        options.returnCounts ? firstOf(counts, found) : null,
      ),
  };
}

/** Narrow floats are told apart as float32, which holds each of their values. */
function widened(x: Tensor, begin: (wide: Tensor) => Pending<Unique>): Pending<Unique> {
  const pending = begin(to(x.detach(), 'float32'));
  return {
    ...pending,
    finish: (counts) => {
      const found = pending.finish(counts);
      return { ...found, values: freeing(to(found.values, x.dtype), found.values) };
    },
  };
}

function beginUnique(op: string, sorted: boolean) {
  const begin = (x: Tensor, options: UniqueOptions = {}): Pending<Unique> => {
    checkTensor(op, x);
    checkOptions(op, options);
    const { dim } = options;
    if (x.dtype === 'bfloat16' || x.dtype === 'float16') return widened(x, (wide) => begin(wide, options));
    if (dim === undefined || dim === null) return uniqueElements(x, options, sorted);
    return uniqueSlices(op, x, options, sorted, checkDim(op, dim, x.ndim));
  };
  return begin;
}

const [uniqueNow, uniqueLater] = dataDependent('unique', beginUnique('unique', true));
const [consecutiveNow, consecutiveLater] = dataDependent('uniqueConsecutive', beginUnique('uniqueConsecutive', false));

/**
 * The distinct elements of `x` in ascending order, or with `dim` its distinct slices in lexicographic order. Every `NaN`
 * is distinct. Waits for the values; {@link uniqueAsync} does not block.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.unique.html
 */
export function unique(x: Tensor, options: UniqueOptions = {}): Unique {
  return uniqueNow(x, options);
}

/** {@link unique} as a promise: the event loop stays free. */
export function uniqueAsync(x: Tensor, options: UniqueOptions = {}): Promise<Unique> {
  return uniqueLater(x, options);
}

/**
 * `x` without the elements (or with `dim` the slices) that equal the one before. Waits for the values;
 * {@link uniqueConsecutiveAsync} does not block.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.unique_consecutive.html
 */
export function uniqueConsecutive(x: Tensor, options: UniqueOptions = {}): Unique {
  return consecutiveNow(x, options);
}

/** {@link uniqueConsecutive} as a promise: the event loop stays free. */
export function uniqueConsecutiveAsync(x: Tensor, options: UniqueOptions = {}): Promise<Unique> {
  return consecutiveLater(x, options);
}

/** Options of `bincount`. */
export interface BincountOptions {
  /** At least so many bins. Default 0. */
  minlength?: number;
}

const [bincountNow, bincountLater] = dataDependent(
  'bincount',
  (x: Tensor, weights: Tensor | null, options: BincountOptions): Pending<Tensor> => {
    checkBincount(x, weights, options);
    const { minlength = 0 } = options;
    const index = to(x.detach(), 'int64');
    const limits = x.numel === 0 ? emptyContiguous([0], 'int64') : stack([amin(index), amax(index)]);
    const values = weights ? to(weights.detach(), weights.dtype === 'float32' ? 'float32' : 'float64') : null;
    return {
      counts: limits,
      finish: ([smallest = 0, largest = -1]) => {
        if (smallest < 0) throw new ValueError('bincount', `values must not be negative, got ${smallest}`);
        const start = zeros([Math.max(largest + 1, minlength)], { dtype: values?.dtype ?? 'int64' });
        if (x.numel === 0) return start;
        return indexAdd(start, 0, index, values ?? ones([index.numel], { dtype: 'int64' }));
      },
    };
  },
);

function checkBincount(x: Tensor, weights: Tensor | null, options: BincountOptions): void {
  checkTensor('bincount', x);
  checkOptions('bincount', options);
  const { minlength = 0 } = options;
  if (x.ndim !== 1) throw new ShapeError('bincount', `one axis is needed, got ${shapeText(x.shape)}`, x.shape);
  if (isFloating(x.dtype) || x.dtype === 'bool') {
    throw new DTypeError('bincount', `integers are needed, got ${x.dtype}`, x.dtype);
  }
  if (!Number.isInteger(minlength) || minlength < 0) {
    throw new ArgumentError('bincount', `minlength must be an integer >= 0, got ${valueText(minlength)}`, minlength);
  }
  if (weights === null) return;
  checkTensor('bincount', weights, 'weights');
  if (weights.ndim !== 1 || weights.numel !== x.numel) {
    throw new ShapeError('bincount', `weights ${shapeText(weights.shape)} for ${x.numel} values`, weights.shape);
  }
}

/**
 * How often each of 0, 1, 2, ... occurs in `x` (one axis of integers >= 0), int64; or the sums of their `weights`.
 * Waits for the largest value; {@link bincountAsync} does not block.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.bincount.html
 *
 * @throws ValueError when a value is negative.
 */
export function bincount(x: Tensor, weights: Tensor | null = null, options: BincountOptions = {}): Tensor {
  return bincountNow(x, weights, options);
}

/** {@link bincount} as a promise: the event loop stays free. */
export function bincountAsync(
  x: Tensor,
  weights: Tensor | null = null,
  options: BincountOptions = {},
): Promise<Tensor> {
  return bincountLater(x, weights, options);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link unique}. */
    unique(options?: UniqueOptions): Unique;
    /** See {@link uniqueAsync}. */
    uniqueAsync(options?: UniqueOptions): Promise<Unique>;
    /** See {@link uniqueConsecutive}. */
    uniqueConsecutive(options?: UniqueOptions): Unique;
    /** See {@link uniqueConsecutiveAsync}. */
    uniqueConsecutiveAsync(options?: UniqueOptions): Promise<Unique>;
    /** See {@link bincount}. */
    bincount(weights?: Tensor | null, options?: BincountOptions): Tensor;
    /** See {@link bincountAsync}. */
    bincountAsync(weights?: Tensor | null, options?: BincountOptions): Promise<Tensor>;
  }
}

addMethods({ unique, uniqueAsync, uniqueConsecutive, uniqueConsecutiveAsync, bincount, bincountAsync });
