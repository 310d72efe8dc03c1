// Elements more than once: whole tensors side by side, or each element on its own.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { fromTypedArray } from '../../tensor/create.js';
import type { TypedArray } from '../../tensor/dtype.js';
import { checkDim, MAX_DIMS, numelOf } from '../../tensor/layout.js';
import { Tensor } from '../../tensor/tensor.js';
import { addMethods } from '../define.js';
import { indexSelect } from '../indexing/indexing.js';
import { clone, expand, flatten, reshape } from './view.js';

/**
 * Repeats the tensor `repeats[i]` times along each axis; more repeats than axes add axes in front. A copy.
 * @throws ShapeError when there are fewer repeats than axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.repeat.html
 */
export function repeat(x: Tensor, repeats: readonly number[]): Tensor {
  return repeatAs('repeat', x, repeats, true);
}

/**
 * `repeat` that takes fewer repeats than axes: they belong to the last axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.tile.html
 */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  return repeatAs('tile', x, repeats, false);
}

function repeatAs(op: string, x: Tensor, repeats: readonly number[], all: boolean): Tensor {
  checkTensor(op, x);
  if (!Array.isArray(repeats) || !repeats.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new ArgumentError(op, `repeats must be an array of integers >= 0, got ${valueText(repeats)}`, repeats);
  }
  if (all && repeats.length < x.ndim) {
    throw new ShapeError(op, `${repeats.length} repeats for ${shapeText(x.shape)}`, repeats, x.shape);
  }
  const counts = [...new Array<number>(Math.max(0, x.ndim - repeats.length)).fill(1), ...repeats];
  if (counts.length > MAX_DIMS)
    throw new ShapeError(op, `at most ${MAX_DIMS} dimensions, got ${counts.length}`, counts);
  let y = reshape(x, [...new Array<number>(counts.length - x.ndim).fill(1), ...x.shape]);
  const repeated = counts.flatMap((count, i) => (count === 1 ? [] : [i]));
  if (repeated.length === 0) return x === y ? y.clone() : reshape(x.clone(), y.shape);
  // Each repeated axis is an axis more while it is expanded, and there is an end to those.
  const room = Math.max(1, MAX_DIMS - y.ndim);
  if (y.ndim === MAX_DIMS) return repeatSlowly(y, counts);
  for (let i = 0; i < repeated.length; i += room) y = repeatSome(y, counts, repeated.slice(i, i + room));
  return y;
}

/** Repeats along the listed axes. */
function repeatSome(x: Tensor, counts: readonly number[], dims: readonly number[]): Tensor {
  const wide = x.shape.flatMap((size, i) => (dims.includes(i) ? [1, size] : [size]));
  const target = x.shape.flatMap((size, i) => (dims.includes(i) ? [counts[i], size] : [size]));
  return reshape(
    expand(reshape(x, wide), target),
    x.shape.map((size, i) => (dims.includes(i) ? size * counts[i] : size)),
  );
}

/** A tensor of {@link MAX_DIMS} axes: each is repeated as part of a shape with its neighbours joined. */
function repeatSlowly(x: Tensor, counts: readonly number[]): Tensor {
  let y = x;
  for (let d = 0; d < x.ndim; d++) {
    if (counts[d] === 1) continue;
    const outer = numelOf(y.shape.slice(0, d));
    const inner = numelOf(y.shape.slice(d + 1));
    const shape = y.shape.map((size, i) => (i === d ? size * counts[d] : size));
    y = reshape(repeatSome(reshape(y, [outer, y.shape[d], inner]), [1, counts[d], 1], [1]), shape);
  }
  return y;
}

/** Options of {@link repeatInterleave}. */
export interface RepeatInterleaveOptions {
  /** The sum of the repeats, as a check. */
  outputSize?: number;
}

/** The axis to repeat along: without `dim` all elements, as one axis. */
function alongAxis(x: Tensor, dim: number | null | undefined): [Tensor, number] {
  checkTensor('repeatInterleave', x);
  if (dim === undefined || dim === null) return [flatten(x), 0];
  const d = checkDim('repeatInterleave', dim, x.ndim);
  return [x.ndim === 0 ? reshape(x, [1]) : x, d];
}

function repeatEach(x: Tensor, count: number, d: number): Tensor {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new ArgumentError('repeatInterleave', `repeats must be an integer >= 0, got ${valueText(count)}`, count);
  }
  if (count === 1) return clone(x);
  const outer = numelOf(x.shape.slice(0, d));
  const inner = numelOf(x.shape.slice(d + 1));
  const wide = reshape(x, [outer, x.shape[d], 1, inner]);
  return reshape(
    expand(wide, [outer, x.shape[d], count, inner]),
    x.shape.map((size, i) => (i === d ? size * count : size)),
  );
}

function checkRepeats(x: Tensor, repeats: Tensor, d: number): void {
  checkTensor('repeatInterleave', repeats, 'repeats');
  if (repeats.dtype !== 'int64' && repeats.dtype !== 'int32') {
    throw new DTypeError('repeatInterleave', `repeats must be int64 or int32, got ${repeats.dtype}`, repeats.dtype);
  }
  if (repeats.ndim > 1 || (repeats.numel !== 1 && repeats.numel !== x.shape[d])) {
    throw new ShapeError(
      'repeatInterleave',
      `repeats must have 1 or ${x.shape[d]} elements, got ${shapeText(repeats.shape)}`,
      repeats.shape,
      x.shape,
    );
  }
}

/** `x` with position i of the axis `counts[i]` times. */
function repeatBy(x: Tensor, counts: TypedArray, d: number, options: RepeatInterleaveOptions): Tensor {
  const list = Array.from(counts, Number);
  if (list.some((n) => n < 0)) throw new ArgumentError('repeatInterleave', 'repeats must not be negative', list);
  if (list.length === 1) return repeatEach(x, list[0], d);
  const total = list.reduce((sum, n) => sum + n, 0);
  const { outputSize } = options;
  if (outputSize !== undefined && outputSize !== total) {
    throw new ArgumentError(
      'repeatInterleave',
      `outputSize is ${outputSize}, the repeats add up to ${total}`,
      outputSize,
    );
  }
  if (total > 2 ** 32) throw new ArgumentError('repeatInterleave', `${total} repeats are too many`, total);
  const index = new BigInt64Array(total);
  let at = 0;
  list.forEach((n, i) => {
    index.fill(BigInt(i), at, at + n);
    at += n;
  });
  return indexSelect(x, d, fromTypedArray(index, [total], 'int64'));
}

/**
 * Each position of the axis `dim` `repeats` times, one after the other; `repeats` may be a tensor with a number for each
 * position, and then the call waits for its values. Without `dim` (or with null) all elements count as one axis.
 * @throws ShapeError when `repeats` has neither one element nor one for each position.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.repeat_interleave.html
 */
export function repeatInterleave(
  x: Tensor,
  repeats: number | Tensor,
  dim?: number | null,
  options: RepeatInterleaveOptions = {},
): Tensor {
  const [y, d] = alongAxis(x, dim);
  checkOptions('repeatInterleave', options);
  if (!(repeats instanceof Tensor)) return repeatEach(y, repeats, d);
  checkRepeats(y, repeats, d);
  return repeatBy(y, repeats.dataSync(), d, options);
}

/** {@link repeatInterleave} that leaves the event loop free while it waits for `repeats`. */
export async function repeatInterleaveAsync(
  x: Tensor,
  repeats: number | Tensor,
  dim?: number | null,
  options: RepeatInterleaveOptions = {},
): Promise<Tensor> {
  if (!(repeats instanceof Tensor)) return repeatInterleave(x, repeats, dim, options);
  const [y, d] = alongAxis(x, dim);
  checkOptions('repeatInterleave', options);
  checkRepeats(y, repeats, d);
  return repeatBy(y, await repeats.data(), d, options);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link repeat}. */
    repeat(repeats: readonly number[]): Tensor;
    /** See {@link tile}. */
    tile(repeats: readonly number[]): Tensor;
    /** See {@link repeatInterleave}. */
    repeatInterleave(repeats: number | Tensor, dim?: number | null, options?: RepeatInterleaveOptions): Tensor;
    /** See {@link repeatInterleaveAsync}. */
    repeatInterleaveAsync(
      repeats: number | Tensor,
      dim?: number | null,
      options?: RepeatInterleaveOptions,
    ): Promise<Tensor>;
  }
}

addMethods({ repeat, tile, repeatInterleave, repeatInterleaveAsync });
