// Elements chosen by a mask. How many there are only the values say: those ops wait for the stream.
import { DTypeError, ShapeError } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { broadcastShapes, numelOf } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor, viewOf } from '../../tensor/tensor.js';
import { IndexName, MASK_BLOCK, ScatterMode } from '../codes.js';
import { dataDependent, type Pending } from '../data-dependent.js';
import { addMethods } from '../define.js';
import { changeInPlace, checkInPlace, operandInPlace, recordsInPlace } from '../in-place.js';
import { ne } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { contiguous, expand, narrow, reshape } from '../shape/view.js';
import { checkSameType } from './check.js';
import { fillValue, lookUp, putRows } from './rows.js';

function checkMask(op: string, mask: Tensor): void {
  checkTensor(op, mask, 'mask');
  if (mask.dtype !== 'bool') throw new DTypeError(op, `the mask must be bool, got ${mask.dtype}`, mask.dtype);
}

/**
 * @internal Counts the true elements of a bool tensor and hands their positions in row-major order, `[count]`, to
 * `then`. What `then` needs besides has to outlive the wait: `held` tensors are taken out of their scopes until then.
 */
export function whereTrue<R>(mask: Tensor, then: (positions: Tensor) => R, ...held: readonly Tensor[]): Pending<R> {
  const whole = contiguous(mask.detach()).detach();
  const blocks = Math.ceil(whole.numel / MASK_BLOCK);
  const starts = emptyContiguous([blocks + 1], 'int64');
  native.maskCounts(starts._id, whole._id);
  const counts = viewOf(starts, [1], [1], blocks);
  const kept = [whole, starts, ...held];
  for (const x of [counts, ...kept]) x.keep();
  return {
    counts,
    finish: ([total]) => {
      const positions = emptyContiguous([total], 'int64');
      if (total > 0) native.maskPositions(positions._id, whole._id, starts._id);
      return then(positions);
    },
    release: () => {
      for (const x of kept) x.dispose();
    },
  };
}

/** @internal Coordinates of positions in a row-major shape: `[n, axes]`, or its transpose, whose rows are contiguous. */
export function coordinates(positions: Tensor, shape: readonly number[], transposed: boolean): Tensor {
  const n = positions.numel;
  const axes = shape.length;
  const out = emptyContiguous(transposed ? [axes, n] : [n, axes], 'int64');
  if (n === 0 || axes === 0) return out;
  const rows = transposed ? viewOf(out, [n, axes], [1, n]) : out;
  native.unravel(rows._id, positions._id, shape);
  if (rows !== out) rows.dispose();
  return out;
}

const maskOf = (x: Tensor): Tensor => (x.dtype === 'bool' ? x : ne(x.detach(), 0));

const [nonzeroMatrix, nonzeroMatrixAsync] = dataDependent('nonzero', (x: Tensor): Pending<Tensor> => {
  checkTensor('nonzero', x);
  const { shape } = x;
  return whereTrue(maskOf(x), (positions) => coordinates(positions, shape, false));
});

const [nonzeroLists, nonzeroListsAsync] = dataDependent('nonzero', (x: Tensor): Pending<Tensor[]> => {
  checkTensor('nonzero', x);
  const shape = x.ndim === 0 ? [1] : x.shape;
  return whereTrue(maskOf(x), (positions) => {
    const n = positions.numel;
    const rows = coordinates(positions, shape, true);
    return shape.map((_, i) => viewOf(rows, [n], [1], i * n));
  });
});

/** Options of {@link nonzero}. */
export interface NonzeroOptions {
  /** A list of index tensors, one for each axis, as `index` takes them. Default false. */
  asTuple?: boolean;
}

function asTuple(options: NonzeroOptions): boolean {
  checkOptions('nonzero', options);
  return options.asTuple ?? false;
}

/**
 * The coordinates of the elements that are not 0 (NaN counts), in row-major order: int64 `[count, axes]`; with `asTuple`
 * one tensor `[count]` for each axis. Waits for the values.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nonzero.html
 */
export function nonzero(x: Tensor, options?: { asTuple?: false }): Tensor;
export function nonzero(x: Tensor, options: { asTuple: true }): Tensor[];
export function nonzero(x: Tensor, options?: NonzeroOptions): Tensor | Tensor[];
export function nonzero(x: Tensor, options: NonzeroOptions = {}): Tensor | Tensor[] {
  return asTuple(options) ? nonzeroLists(x) : nonzeroMatrix(x);
}

/** {@link nonzero} that leaves the event loop free while it waits. */
export async function nonzeroAsync(x: Tensor, options?: { asTuple?: false }): Promise<Tensor>;
export async function nonzeroAsync(x: Tensor, options: { asTuple: true }): Promise<Tensor[]>;
export async function nonzeroAsync(x: Tensor, options?: NonzeroOptions): Promise<Tensor | Tensor[]>;
export async function nonzeroAsync(x: Tensor, options: NonzeroOptions = {}): Promise<Tensor | Tensor[]> {
  return asTuple(options) ? nonzeroListsAsync(x) : nonzeroMatrixAsync(x);
}

/** {@link nonzero} as a matrix. */
export const argwhere = (x: Tensor): Tensor => nonzeroMatrix(x);

/** {@link argwhere} that leaves the event loop free while it waits. */
export const argwhereAsync = (x: Tensor): Promise<Tensor> => nonzeroMatrixAsync(x);

const [select, selectAsync] = dataDependent('maskedSelect', (x: Tensor, mask: Tensor): Pending<Tensor> => {
  checkTensor('maskedSelect', x);
  checkMask('maskedSelect', mask);
  const shape = broadcastShapes('maskedSelect', x.shape, mask.shape);
  const line = reshape(expand(x, shape), [numelOf(shape)]);
  const look = (index: Tensor): Tensor =>
    lookUp(line, { indices: [index], dims: [0], negative: false, name: IndexName.index });
  return whereTrue(expand(mask, shape), look, line);
});

/**
 * The elements of `x` where the bool `mask` is true, in row-major order: `[count]`. Both broadcast. Waits for the mask.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.masked_select.html
 */
export const maskedSelect = (x: Tensor, mask: Tensor): Tensor => select(x, mask);

/** {@link maskedSelect} that leaves the event loop free while it waits. */
export const maskedSelectAsync = (x: Tensor, mask: Tensor): Promise<Tensor> => selectAsync(x, mask);

/**
 * `value` (a number or a 0-d tensor) where the bool `mask` is true, `x` elsewhere. Both broadcast; the dtype is that of `x`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.masked_fill_.html
 */
export function maskedFill(x: Tensor, mask: Tensor, value: number | Tensor): Tensor {
  checkTensor('maskedFill', x);
  checkMask('maskedFill', mask);
  return where(mask, fillValue('maskedFill', x, value), x);
}

/** {@link maskedFill} in the memory of `x`, to whose shape the mask broadcasts. */
export function maskedFill_(x: Tensor, mask: Tensor, value: number | Tensor): Tensor {
  checkMask('maskedFill_', mask);
  if (recordsInPlace('maskedFill_', x, value)) {
    return changeInPlace('maskedFill_', x, (old) => maskedFill(old, mask, value));
  }
  checkInPlace('maskedFill_', x, broadcastShapes('maskedFill_', x.shape, mask.shape), x.dtype);
  const filling = fillValue('maskedFill_', x, value);
  native.where(x._id, operandInPlace(x, mask)._id, operandInPlace(x, filling)._id, x._id);
  x._bump();
  return x;
}

const [scatterMask, scatterMaskAsync] = dataDependent(
  'maskedScatter',
  (x: Tensor, mask: Tensor, source: Tensor): Pending<Tensor> => {
    checkTensor('maskedScatter', x);
    checkMask('maskedScatter', mask);
    checkSameType('maskedScatter', 'source', source, x);
    const shape = broadcastShapes('maskedScatter', x.shape, mask.shape);
    const line = reshape(expand(x, shape), [numelOf(shape)]);
    const from = reshape(source, [source.numel]);
    const put = (positions: Tensor): Tensor => {
      const n = positions.numel;
      if (n > from.numel) {
        const message = `the mask is true ${n} times, source has ${from.numel} elements`;
        throw new ShapeError('maskedScatter', message, shape, source.shape);
      }
      const places = { indices: [positions], dims: [0], negative: false, name: IndexName.indexPut };
      return reshape(putRows(line, places, narrow(from, 0, 0, n), ScatterMode.set), shape);
    };
    return whereTrue(expand(mask, shape), put, line, from);
  },
);

/**
 * A copy of `x` in which the elements where `mask` is true are those of `source`, in row-major order. `x` and the mask
 * broadcast. Waits for the mask.
 * @throws ShapeError when `source` has fewer elements than are needed.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.masked_scatter_.html
 */
export const maskedScatter = (x: Tensor, mask: Tensor, source: Tensor): Tensor => scatterMask(x, mask, source);

/** {@link maskedScatter} that leaves the event loop free while it waits. */
export const maskedScatterAsync = (x: Tensor, mask: Tensor, source: Tensor): Promise<Tensor> =>
  scatterMaskAsync(x, mask, source);

/** {@link maskedScatter} in the memory of `x`, to whose shape the mask broadcasts. */
export function maskedScatter_(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  recordsInPlace('maskedScatter_', x, source);
  return changeInPlace('maskedScatter_', x, (old) => maskedScatter(old, mask, source));
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link nonzero}. */
    nonzero(options?: { asTuple?: false }): Tensor;
    nonzero(options: { asTuple: true }): Tensor[];
    nonzero(options?: NonzeroOptions): Tensor | Tensor[];
    /** See {@link nonzeroAsync}. */
    nonzeroAsync(options?: { asTuple?: false }): Promise<Tensor>;
    nonzeroAsync(options: { asTuple: true }): Promise<Tensor[]>;
    nonzeroAsync(options?: NonzeroOptions): Promise<Tensor | Tensor[]>;
    /** See {@link argwhere}. */
    argwhere(): Tensor;
    /** See {@link argwhereAsync}. */
    argwhereAsync(): Promise<Tensor>;
    /** See {@link maskedSelect}. */
    maskedSelect(mask: Tensor): Tensor;
    /** See {@link maskedSelectAsync}. */
    maskedSelectAsync(mask: Tensor): Promise<Tensor>;
    /** See {@link maskedFill}. */
    maskedFill(mask: Tensor, value: number | Tensor): Tensor;
    /** See {@link maskedFill_}. */
    maskedFill_(mask: Tensor, value: number | Tensor): Tensor;
    /** See {@link maskedScatter}. */
    maskedScatter(mask: Tensor, source: Tensor): Tensor;
    /** See {@link maskedScatterAsync}. */
    maskedScatterAsync(mask: Tensor, source: Tensor): Promise<Tensor>;
    /** See {@link maskedScatter_}. */
    maskedScatter_(mask: Tensor, source: Tensor): Tensor;
  }
}

addMethods({
  nonzero: (x: Tensor, options?: NonzeroOptions) => nonzero(x, options),
  nonzeroAsync: (x: Tensor, options?: NonzeroOptions) => nonzeroAsync(x, options),
  argwhere,
  argwhereAsync,
  maskedSelect,
  maskedSelectAsync,
  maskedFill,
  maskedFill_,
  maskedScatter,
  maskedScatterAsync,
  maskedScatter_,
});
