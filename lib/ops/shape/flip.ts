// Elements in another order along axes: copies of whole blocks, some of them backwards.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout } from '../../tensor/create.js';
import { checkDim, checkDims } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { copyPart, cut, type Part, reversed, wholeOf } from './raw.js';
import { clone, flatten, reshape, transpose } from './view.js';

const flipOp = defineOp({
  name: 'flip',
  narrow: 'moves',
  inputs: ['input'],
  forward: (x: Tensor, dims: readonly number[]) => {
    const out = emptyLikeLayout(x);
    copyPart(out, wholeOf(out), x, reversed(wholeOf(x), dims));
    return out;
  },
  save: (_out, _x, dims) => ({ dims }),
  backward: ([g], { dims }) => [flip(g, dims)],
});

/**
 * The elements in reverse order along the listed axes. A copy.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.flip.html
 */
export function flip(x: Tensor, dims: number | readonly number[]): Tensor {
  checkTensor('flip', x);
  const list = checkDims('flip', dims ?? [], x.ndim);
  return x.ndim === 0 ? clone(x) : flipOp(x, list);
}

/** {@link flip} of axis 1. @throws ShapeError below two axes. */
export function fliplr(x: Tensor): Tensor {
  checkTensor('fliplr', x);
  if (x.ndim < 2) throw new ShapeError('fliplr', `at least 2 dimensions, got ${shapeText(x.shape)}`, x.shape);
  return flip(x, [1]);
}

/** {@link flip} of axis 0. @throws ShapeError for a 0-d tensor. */
export function flipud(x: Tensor): Tensor {
  checkTensor('flipud', x);
  if (x.ndim < 1) throw new ShapeError('flipud', 'at least 1 dimension, got []', x.shape);
  return flip(x, [0]);
}

const rollOp = defineOp({
  name: 'roll',
  narrow: 'moves',
  inputs: ['input'],
  forward: (x: Tensor, shifts: readonly number[], dims: readonly number[]) => {
    const out = emptyLikeLayout(x);
    // Each rolled axis is two blocks that change places.
    const move = (i: number, to: Part, from: Part): void => {
      if (i === dims.length) {
        copyPart(out, to, x, from);
        return;
      }
      const d = dims[i];
      const rest = x.shape[d] - shifts[i];
      move(i + 1, cut(to, d, shifts[i], rest), cut(from, d, 0, rest));
      move(i + 1, cut(to, d, 0, shifts[i]), cut(from, d, rest, shifts[i]));
    };
    move(0, wholeOf(out), wholeOf(x));
    return out;
  },
  save: (_out, x, shifts, dims) => ({ dims, back: shifts.map((shift, i) => x.shape[dims[i]] - shift) }),
  backward: ([g], { dims, back }) => [roll(g, back, dims)],
});

function integers(op: string, name: string, value: number | readonly number[]): readonly number[] {
  const list = typeof value === 'number' ? [value] : value;
  if (Array.isArray(list) && list.every((n) => Number.isSafeInteger(n))) return list;
  throw new ArgumentError(op, `${name} must be an integer or an array of integers, got ${valueText(value)}`, value);
}

/**
 * Shifts the elements along axes; what leaves at one end comes back at the other. Without `dims` all elements count as
 * one axis. A copy.
 * @throws ShapeError when there are not as many shifts as axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.roll.html
 */
export function roll(x: Tensor, shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
  checkTensor('roll', x);
  const by = integers('roll', 'shifts', shifts);
  if (dims === undefined) {
    if (by.length !== 1) throw new ShapeError('roll', `${by.length} shifts need as many dims, got none`, by);
    return reshape(roll(flatten(x), by, [0]), x.shape);
  }
  const axes = integers('roll', 'dims', dims).map((d) => checkDim('roll', d, x.ndim));
  if (by.length !== axes.length || by.length === 0) {
    throw new ShapeError('roll', `${by.length} shifts for ${axes.length} dims`, by, axes);
  }
  if (x.ndim === 0) throw new ShapeError('roll', 'a 0-d tensor has no axis to roll', x.shape);
  const total = new Map<number, number>();
  axes.forEach((d, i) => {
    const size = Math.max(x.shape[d], 1);
    const sum = ((total.get(d) ?? 0) + (by[i] % size)) % size;
    total.set(d, sum < 0 ? sum + size : sum);
  });
  const moved = [...total].filter(([, shift]) => shift !== 0);
  if (moved.length === 0) return clone(x);
  return rollOp(
    x,
    moved.map(([, shift]) => shift),
    moved.map(([d]) => d),
  );
}

/**
 * Turns the plane of two axes by `k` quarters, from the first axis towards the second. Default k 1, dims [0, 1].
 * @throws ShapeError when `dims` are not two distinct axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.rot90.html
 */
export function rot90(x: Tensor, k = 1, dims: readonly number[] = [0, 1]): Tensor {
  checkTensor('rot90', x);
  if (!Number.isSafeInteger(k)) throw new ArgumentError('rot90', `k must be an integer, got ${valueText(k)}`, k);
  if (!Array.isArray(dims) || dims.length !== 2) {
    throw new ArgumentError('rot90', `dims must be two axes, got ${valueText(dims)}`, dims);
  }
  if (x.ndim < 2) throw new ShapeError('rot90', `at least 2 dimensions, got ${shapeText(x.shape)}`, x.shape);
  const [a, b] = checkDims('rot90', dims, x.ndim);
  const quarters = ((k % 4) + 4) % 4;
  if (quarters === 0) return clone(x);
  if (quarters === 2) return flip(x, [a, b]);
  return transpose(flip(x, quarters === 1 ? b : a), a, b);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link flip}. */
    flip(dims: number | readonly number[]): Tensor;
    /** See {@link fliplr}. */
    fliplr(): Tensor;
    /** See {@link flipud}. */
    flipud(): Tensor;
    /** See {@link roll}. */
    roll(shifts: number | readonly number[], dims?: number | readonly number[]): Tensor;
    /** See {@link rot90}. */
    rot90(k?: number, dims?: readonly number[]): Tensor;
  }
}

addMethods({ flip, fliplr, flipud, roll, rot90 });
