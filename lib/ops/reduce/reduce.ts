// Reductions over any set of axes.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { checkDType, type DType, isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { checkDims, numelOf } from '../../tensor/layout.js';
import { emptyStrided, Tensor } from '../../tensor/tensor.js';
import { ReduceOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { div, maximum, minimum, mul } from '../pointwise/arithmetic.js';
import { eq } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { expand, reshape, to } from '../shape/view.js';
import { type Extremum, extremumAlong } from './extremum.js';
import { productOfOthers } from './product.js';

/** One axis, several, or (undefined, null or empty) all of them. */
export type Dims = number | readonly number[] | null;

/** Options of reductions. */
export interface ReduceOptions {
  /** Keep the reduced axes with size 1. Default false. */
  keepdim?: boolean;
}

/** Options of `sum`, `mean` and `prod`. */
export interface SumOptions extends ReduceOptions {
  /** Convert to this dtype first. */
  dtype?: DType;
}

/** The axes of a reduction and the shapes that follow from them. */
interface Axes {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  /** The input's shape with size 1 along `dims`. */
  readonly kept: readonly number[];
  readonly count: number;
}

function axesOf(op: string, x: Tensor, dims: Dims | undefined, options: ReduceOptions): Axes {
  checkOptions(op, options);
  if (dims !== undefined && dims !== null && typeof dims !== 'number' && !Array.isArray(dims)) {
    throw new ArgumentError(op, `dim must be an axis or an array of axes, got ${valueText(dims)}`, dims);
  }
  const all = Array.isArray(dims) && dims.length === 0;
  const list = checkDims(op, all ? undefined : dims, x.ndim).filter((d) => d < x.ndim);
  const kept = x.shape.map((size, i) => (list.includes(i) ? 1 : size));
  return { dims: list, keepdim: options.keepdim === true, kept, count: numelOf(list.map((d) => x.shape[d])) };
}

/** Runs a reduction kernel; the result lies in memory like the input. */
function runReduce(code: number, x: Tensor, axes: Axes, dtype: DType): Tensor {
  const strides = stridesLike(x, axes.kept);
  const stays = (_: number, i: number) => axes.keepdim || !axes.dims.includes(i);
  const out = emptyStrided(axes.kept.filter(stays), strides.filter(stays), dtype);
  native.reduce(code, out._id, x._id, axes.dims);
  return out;
}

/** A gradient or result of the reduced shape, repeated over the reduced axes. */
const spread = (g: Tensor, axes: Axes, shape: readonly number[]): Tensor => expand(reshape(g, axes.kept), shape);

const sumOp = defineOp({
  name: 'sum',
  inputs: ['input'],
  forward: (x: Tensor, axes: Axes) => runReduce(ReduceOp.sum, x, axes, isFloating(x.dtype) ? x.dtype : 'int64'),
  save: (_out, x, axes) => ({ shape: x.shape, axes }),
  backward: ([g], { shape, axes }) => [spread(g, axes, shape)],
});

const meanOp = defineOp({
  name: 'mean',
  inputs: ['input'],
  forward: (x: Tensor, axes: Axes) => runReduce(ReduceOp.mean, x, axes, x.dtype),
  save: (_out, x, axes) => ({ shape: x.shape, axes }),
  backward: ([g], { shape, axes }) => [spread(div(g, axes.count), axes, shape)],
});

const prodOp = defineOp({
  name: 'prod',
  inputs: ['input'],
  forward: (x: Tensor, axes: Axes) => runReduce(ReduceOp.prod, x, axes, isFloating(x.dtype) ? x.dtype : 'int64'),
  save: (_out, x, axes) => ({ x, axes }),
  backward: ([g], { x, axes }) => [mul(spread(g, axes, x.shape), productOfOthers(x, axes.dims, isGradEnabled()))],
});

/** `amax`, `amin`, and `max`, `min` of all elements: the gradient is shared equally among ties. */
function extremumOp(name: string, code: number) {
  return defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor, axes: Axes) => runReduce(code, x, axes, x.dtype),
    save: (out, x, axes) => ({ out, x, axes }),
    backward: ([g], { out, x, axes }) => {
      const winners = eq(x, reshape(out.detach(), axes.kept));
      const ties = sum(winners, axes.dims, { keepdim: true });
      return [where(winners, div(reshape(g, axes.kept), ties), 0)];
    },
  });
}

const amaxOp = extremumOp('amax', ReduceOp.max);
const aminOp = extremumOp('amin', ReduceOp.min);

const anyOp = defineOp({
  name: 'any',
  inputs: ['input'],
  forward: (x: Tensor, axes: Axes) => runReduce(ReduceOp.any, x, axes, 'bool'),
});

const allOp = defineOp({
  name: 'all',
  inputs: ['input'],
  forward: (x: Tensor, axes: Axes) => runReduce(ReduceOp.all, x, axes, 'bool'),
});

function converted(op: string, x: Tensor, dtype: DType | undefined): Tensor {
  checkTensor(op, x);
  return dtype === undefined ? x : to(x, checkDType(op, dtype));
}

function checkNotEmpty(op: string, x: Tensor, axes: Axes): void {
  if (axes.count === 0)
    throw new ShapeError(op, `nothing to choose from along [${axes.dims}] of ${shapeText(x.shape)}`, x.shape);
}

/** The sum over `dim`; integers and bool add up to int64. */
export function sum(x: Tensor, dim?: Dims, options: SumOptions = {}): Tensor {
  checkTensor('sum', x);
  const axes = axesOf('sum', x, dim, options);
  return sumOp(converted('sum', x, options.dtype), axes);
}

/** The mean over `dim`; of no elements `NaN`. @throws DTypeError for integers and bool. */
export function mean(x: Tensor, dim?: Dims, options: SumOptions = {}): Tensor {
  checkTensor('mean', x);
  const axes = axesOf('mean', x, dim, options);
  const input = converted('mean', x, options.dtype);
  if (!isFloating(input.dtype)) {
    throw new DTypeError('mean', `a floating-point tensor is needed, got ${input.dtype}; pass a dtype`, input.dtype);
  }
  return meanOp(input, axes);
}

/** The product over `dim`; integers and bool multiply to int64. */
export function prod(x: Tensor, dim?: Dims, options: SumOptions = {}): Tensor {
  checkTensor('prod', x);
  const axes = axesOf('prod', x, dim, options);
  return prodOp(converted('prod', x, options.dtype), axes);
}

/** The largest element over `dim`; `NaN` wins. The gradient is shared equally among ties. */
export function amax(x: Tensor, dim?: Dims, options: ReduceOptions = {}): Tensor {
  checkTensor('amax', x);
  const axes = axesOf('amax', x, dim, options);
  checkNotEmpty('amax', x, axes);
  return amaxOp(x, axes);
}

/** The smallest element over `dim`; `NaN` wins. The gradient is shared equally among ties. */
export function amin(x: Tensor, dim?: Dims, options: ReduceOptions = {}): Tensor {
  checkTensor('amin', x);
  const axes = axesOf('amin', x, dim, options);
  checkNotEmpty('amin', x, axes);
  return aminOp(x, axes);
}

/** The largest element; with an axis the largest elements along it and where they are; with a tensor {@link maximum}. */
export function max(x: Tensor): Tensor;
export function max(x: Tensor, other: Tensor): Tensor;
export function max(x: Tensor, dim: number, options?: ReduceOptions): Extremum;
export function max(x: Tensor, dim?: Tensor | number, options: ReduceOptions = {}): Tensor | Extremum {
  checkTensor('max', x);
  if (dim instanceof Tensor) return maximum(x, dim);
  return dim === undefined ? amax(x) : extremumAlong('max', x, dim, options);
}

/** The smallest element; with an axis the smallest elements along it and where they are; with a tensor {@link minimum}. */
export function min(x: Tensor): Tensor;
export function min(x: Tensor, other: Tensor): Tensor;
export function min(x: Tensor, dim: number, options?: ReduceOptions): Extremum;
export function min(x: Tensor, dim?: Tensor | number, options: ReduceOptions = {}): Tensor | Extremum {
  checkTensor('min', x);
  if (dim instanceof Tensor) return minimum(x, dim);
  return dim === undefined ? amin(x) : extremumAlong('min', x, dim, options);
}

/** Whether any element over `dim` is not 0. */
export function any(x: Tensor, dim?: Dims, options: ReduceOptions = {}): Tensor {
  checkTensor('any', x);
  return anyOp(x, axesOf('any', x, dim, options));
}

/** Whether all elements over `dim` are not 0. */
export function all(x: Tensor, dim?: Dims, options: ReduceOptions = {}): Tensor {
  checkTensor('all', x);
  return allOp(x, axesOf('all', x, dim, options));
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link sum}. */
    sum(dim?: Dims, options?: SumOptions): Tensor;
    /** See {@link mean}. */
    mean(dim?: Dims, options?: SumOptions): Tensor;
    /** See {@link prod}. */
    prod(dim?: Dims, options?: SumOptions): Tensor;
    /** See {@link amax}. */
    amax(dim?: Dims, options?: ReduceOptions): Tensor;
    /** See {@link amin}. */
    amin(dim?: Dims, options?: ReduceOptions): Tensor;
    /** The largest element. See {@link max}. */
    max(): Tensor;
    /** The larger of each pair. See {@link maximum}. */
    max(other: Tensor): Tensor;
    /** The largest elements along an axis and where they are. See {@link max}. */
    max(dim: number, options?: ReduceOptions): Extremum;
    /** The smallest element. See {@link min}. */
    min(): Tensor;
    /** The smaller of each pair. See {@link minimum}. */
    min(other: Tensor): Tensor;
    /** The smallest elements along an axis and where they are. See {@link min}. */
    min(dim: number, options?: ReduceOptions): Extremum;
    /** See {@link any}. */
    any(dim?: Dims, options?: ReduceOptions): Tensor;
    /** See {@link all}. */
    all(dim?: Dims, options?: ReduceOptions): Tensor;
  }
}

addMethods({ sum, mean, prod, amax, amin, max, min, any, all });
