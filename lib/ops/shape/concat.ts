// Joining tensors and cutting them apart.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { promoteTypes } from '../../tensor/dtype.js';
import { ViewKind } from '../../tensor/graph.js';
import { channelsLastStrides, checkDim, MAX_DIMS, memoryOrder, stridesInOrder } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { narrow, select, to, unsqueeze } from './view.js';

/** Channels-last as soon as one part is, else the memory order of the first part. */
function joinedStrides(shape: readonly number[], parts: readonly Tensor[]): readonly number[] {
  if (parts.some((part) => part.isChannelsLast() && !part.isContiguous())) return channelsLastStrides(shape);
  return stridesInOrder(shape, memoryOrder(parts[0].shape, parts[0].strides));
}

const catOp = defineOp({
  name: 'cat',
  narrow: 'moves',
  inputs: ['tensors...'],
  forward: (parts: readonly Tensor[], dim: number) => {
    const shape = [...parts[0].shape];
    shape[dim] = parts.reduce((sum, part) => sum + part.shape[dim], 0);
    const out = emptyStrided(shape, joinedStrides(shape, parts), parts[0].dtype);
    native.cat(
      out._id,
      parts.map((part) => part._id),
      dim,
    );
    return out;
  },
  save: (_out, parts, dim) => ({ sizes: parts.map((part) => part.shape[dim]), dim }),
  backward: ([g], { sizes, dim }, needs) => {
    let start = 0;
    return sizes.map((size, i) => {
      const from = start;
      start += size;
      return needs[i] ? narrow(g, dim, from, size) : null;
    });
  },
});

/** @internal Throws unless `tensors` is an array of at least one tensor. */
export function checkList(op: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors)) {
    throw new ArgumentError(op, `an array of Tensors is needed, got ${valueText(tensors)}`, tensors);
  }
  if (tensors.length === 0) throw new ArgumentError(op, 'at least one Tensor is needed, got an empty array', tensors);
  tensors.forEach((x, i) => {
    checkTensor(op, x, `tensors[${i}]`);
  });
}

function checkJoinable(op: string, parts: readonly Tensor[], dim: number): void {
  const first = parts[0].shape;
  for (const { shape } of parts) {
    if (shape.length === first.length && shape.every((size, i) => i === dim || size === first[i])) continue;
    throw new ShapeError(
      op,
      `sizes must match except at dim ${dim}: ${shapeText(first)} and ${shapeText(shape)}`,
      first,
      shape,
    );
  }
}

/**
 * The tensors one after the other along `dim`, in their common dtype. They have equal shapes except at `dim`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.cat.html
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  checkList('cat', tensors);
  const dtype = tensors.map((x) => x.dtype).reduce(promoteTypes);
  // As in PyTorch, a tensor of shape [0] goes with any shape.
  const full = tensors.filter((x) => x.ndim !== 1 || x.shape[0] !== 0);
  const parts = full.length > 0 ? full : tensors;
  const scalar = parts.find((x) => x.ndim === 0);
  if (scalar) throw new ShapeError('cat', '0-d tensors cannot be joined; use stack', scalar.shape);
  const d = checkDim('cat', dim, parts[0].ndim);
  checkJoinable('cat', parts, d);
  return catOp(
    parts.map((x) => to(x, dtype)),
    d,
  );
}

/** {@link cat} under the name of `torch.concat`. */
export const concat = cat;

/**
 * The tensors, all of one shape, one after the other along a new axis.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.stack.html
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  checkList('stack', tensors);
  const { ndim } = tensors[0];
  const d = checkDim('stack', dim, ndim + 1);
  if (ndim === MAX_DIMS) throw new ShapeError('stack', `at most ${MAX_DIMS} dimensions`, tensors[0].shape);
  checkJoinable('stack', tensors, -1);
  const dtype = tensors.map((x) => x.dtype).reduce(promoteTypes);
  return catOp(
    tensors.map((x) => unsqueeze(to(x, dtype), d)),
    d,
  );
}

/**
 * Views of `x` along `dim`: pieces of one size (the last may be smaller), or of the listed sizes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.split.html
 */
export function split(x: Tensor, sizeOrSizes: number | readonly number[], dim = 0): Tensor[] {
  checkTensor('split', x);
  if (x.ndim === 0) throw new ShapeError('split', 'a 0-d tensor has no axis to split', x.shape);
  const d = checkDim('split', dim, x.ndim);
  const total = x.shape[d];
  const sizes = typeof sizeOrSizes === 'number' ? equalSizes(sizeOrSizes, total) : sizeOrSizes;
  const fits =
    Array.isArray(sizes) &&
    sizes.every((size) => Number.isSafeInteger(size) && size >= 0) &&
    sizes.reduce((sum, size) => sum + size, 0) === total;
  if (!fits) {
    throw new ArgumentError(
      'split',
      `sizes must be integers >= 0 that add up to ${total}, got ${valueText(sizes)}`,
      sizes,
    );
  }
  let start = 0;
  return sizes.map((size) => {
    const piece = narrow(x, d, start, size);
    start += size;
    return oneOfSeveral(piece);
  });
}

/** @internal Changing one of several views in place is refused where it would have to be recorded, as in PyTorch. */
export function oneOfSeveral(piece: Tensor): Tensor {
  if (piece._viewKind === ViewKind.plain) piece._viewKind = ViewKind.several;
  return piece;
}

function equalSizes(size: number, total: number): number[] {
  if (!Number.isSafeInteger(size) || size < 0 || (size === 0 && total > 0)) {
    throw new ArgumentError('split', `the size must be an integer >= 1, got ${valueText(size)}`, size);
  }
  const count = total === 0 ? 1 : Math.ceil(total / size);
  checkCount('split', count);
  return Array.from({ length: count }, (_, i) => Math.min(size, total - i * size));
}

/**
 * At most `chunks` views of `x` along `dim`, of equal size but for the last.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.chunk.html
 */
export function chunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  checkTensor('chunk', x);
  if (!Number.isSafeInteger(chunks) || chunks < 1) {
    throw new ArgumentError('chunk', `chunks must be an integer >= 1, got ${valueText(chunks)}`, chunks);
  }
  if (x.ndim === 0) throw new ShapeError('chunk', 'a 0-d tensor has no axis to split', x.shape);
  const d = checkDim('chunk', dim, x.ndim);
  const total = x.shape[d];
  if (total > 0) return split(x, Math.ceil(total / chunks), d);
  checkCount('chunk', chunks);
  return split(x, new Array<number>(chunks).fill(0), d);
}

/** Pieces of tensors without elements could be more than memory holds. */
function checkCount(op: string, count: number): void {
  if (count > 2 ** 24) throw new ArgumentError(op, `${count} pieces are too many`, count);
}

/**
 * Views of `x` at each position of `dim`, which goes away.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.unbind.html
 */
export function unbind(x: Tensor, dim = 0): Tensor[] {
  checkTensor('unbind', x);
  if (x.ndim === 0) throw new ShapeError('unbind', 'a 0-d tensor has no axis', x.shape);
  const d = checkDim('unbind', dim, x.ndim);
  checkCount('unbind', x.shape[d]);
  return Array.from({ length: x.shape[d] }, (_, i) => oneOfSeveral(select(x, d, i)));
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link split}. */
    split(sizeOrSizes: number | readonly number[], dim?: number): Tensor[];
    /** See {@link chunk}. */
    chunk(chunks: number, dim?: number): Tensor[];
    /** See {@link unbind}. */
    unbind(dim?: number): Tensor[];
  }
}

addMethods({ split, chunk, unbind });
