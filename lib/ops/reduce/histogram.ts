// Counting elements: by equal intervals, and by membership in a set.
import { ArgumentError, DTypeError, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import { type DType, isFloating } from '../../tensor/dtype.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { addMethods } from '../define.js';
import { promote, scalarTensor } from '../elementwise.js';
import { scatterAdd } from '../indexing/indexing.js';
import { take } from '../indexing/rows.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { eq, ge, le, logicalAnd, logicalNot } from '../pointwise/compare.js';
import { clamp, where } from '../pointwise/select.js';
import { floor } from '../pointwise/unary.js';
import { reshape, to } from '../shape/view.js';
import { max, min } from './reduce.js';
import { searchsorted } from './search.js';
import { sort } from './sort.js';

/** Options of {@link histc}. */
export interface HistcOptions {
  /** Lower end. With equal ends (the default, 0 and 0) the smallest and largest elements are taken. */
  min?: number;
  /** Upper end, part of the last interval. */
  max?: number;
}

function checkEnds(bins: unknown, low: unknown, high: unknown): void {
  if (typeof bins !== 'number' || !Number.isInteger(bins) || bins < 1) {
    throw new ArgumentError('histc', `bins must be an integer >= 1, got ${valueText(bins)}`, bins);
  }
  for (const [name, value] of Object.entries({ min: low, max: high })) {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new ArgumentError('histc', `${name} must be a finite number, got ${valueText(value)}`, value);
    }
  }
  if (Number(low) > Number(high)) {
    throw new ArgumentError('histc', `max ${high} must not be less than min ${low}`, high);
  }
}

/** The ends as tensors: those of the data where none are given, one apart on each side where all data are equal. */
function endsOf(x: Tensor, low: number, high: number): [Tensor, Tensor] {
  if (low !== high || x.numel === 0) return [scalarTensor(low, x.dtype), scalarTensor(high, x.dtype)];
  const [least, most] = [min(x), max(x)];
  const same = eq(least, most);
  return [where(same, sub(least, 1), least), where(same, add(most, 1), most)];
}

/**
 * How many elements of `x` lie in each of `bins` equal intervals from `min` to `max`, in the dtype of `x`. Elements
 * outside, and NaN, count nowhere. Not differentiable.
 *
 * @throws DTypeError unless `x` is floating-point.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.histc.html
 */
export function histc(x: Tensor, bins = 100, options: HistcOptions = {}): Tensor {
  checkTensor('histc', x);
  checkOptions('histc', options);
  if (!isFloating(x.dtype)) throw new DTypeError('histc', `floating-point numbers are needed, got ${x.dtype}`, x.dtype);
  const { min: low = 0, max: high = 0 } = options;
  checkEnds(bins, low, high);
  const dtype: DType = x.dtype === 'float64' ? 'float64' : 'float32';
  return noGrad(() => {
    const values = to(reshape(x.detach(), [x.numel]), dtype);
    const [from, upTo] = endsOf(values, low, high);
    const inside = logicalAnd(ge(values, from), le(values, upTo));
    const position = floor(mul(div(sub(where(inside, values, from), from), sub(upTo, from)), bins));
    const index = to(clamp(position, 0, bins - 1), 'int64');
    return to(scatterAdd(zeros([bins], { dtype }), 0, index, to(inside, dtype)), x.dtype);
  });
}

/** Options of {@link isin}. */
export interface IsinOptions {
  /** True where an element is not in the set. Default false. */
  invert?: boolean;
}

/**
 * True for each element of `elements` that occurs in `testElements`. NaN is in no set.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.isin.html
 */
export function isin(elements: Tensor, testElements: Tensor, options: IsinOptions = {}): Tensor {
  checkTensor('isin', elements, 'elements');
  checkTensor('isin', testElements, 'testElements');
  checkOptions('isin', options);
  return noGrad(() => {
    const found = contained(elements.detach(), testElements.detach());
    return options.invert === true ? logicalNot(found) : found;
  });
}

function contained(elements: Tensor, testElements: Tensor): Tensor {
  if (testElements.numel === 0) return zeros(elements.shape, { dtype: 'bool' });
  const [x, set] = promote(elements, reshape(testElements, [testElements.numel]));
  const sorted = sort(set).values;
  const position = clamp(searchsorted(sorted, x), 0, set.numel - 1);
  return eq(take(sorted, position), x);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link histc}. */
    histc(bins?: number, options?: HistcOptions): Tensor;
  }
}

addMethods({ histc });
