// Tensors as regions of memory: what gradients of strided views and of changes in place are made of.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { ITEM_SIZES } from '../../tensor/dtype.js';
import { checkShape, numelOf } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor, viewOf } from '../../tensor/tensor.js';
import { BinaryOp, IndexName, ScatterMode } from '../codes.js';
import { addMethods, defineOp } from '../define.js';

/** Where the elements of a tensor lie in its memory. */
export interface Geometry {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

export const geometryOf = (x: Tensor): Geometry => ({ shape: x.shape, strides: x.strides, offset: x._offset });

/** First position and number of positions of the smallest block that holds all these regions. */
export function spanOf(...regions: readonly Geometry[]): { start: number; length: number } {
  let start = Infinity;
  let end = 0;
  for (const { shape, strides, offset } of regions) {
    if (numelOf(shape) === 0) continue;
    start = Math.min(start, offset);
    end = Math.max(end, shape.reduce((last, size, i) => last + (size - 1) * strides[i], offset) + 1);
  }
  return end === 0 ? { start: 0, length: 0 } : { start, length: end - start };
}

/** Whether two elements may share a position; sure when it says no. */
export function mayOverlap({ shape, strides }: Geometry): boolean {
  if (numelOf(shape) < 2) return false;
  const axes = shape.flatMap((size, i) => (size > 1 ? [{ size, stride: strides[i] }] : []));
  axes.sort((a, b) => a.stride - b.stride);
  let reach = 0;
  for (const { size, stride } of axes) {
    if (stride <= reach) return true;
    reach += (size - 1) * stride;
  }
  return false;
}

const regionOf = (block: Tensor, start: number, { shape, strides, offset }: Geometry): Tensor =>
  viewOf(block, shape, strides, numelOf(shape) === 0 ? 0 : offset - start);

/** Adds `x` to the positions of a region; elements that share one add up. */
function addTo(block: Tensor, start: number, region: Geometry, x: Tensor): void {
  const target = regionOf(block, start, region);
  if (!mayOverlap(region)) {
    native.copy(target._id, x._id);
    target.dispose();
    return;
  }
  target.dispose();
  const positions = emptyContiguous([block.numel], 'int64');
  native.arange(positions._id, 0, 1);
  const at = regionOf(positions, start, region);
  const index = emptyContiguous(region.shape, 'int64');
  native.copy(index._id, at._id);
  const source = emptyContiguous(x.shape, x.dtype);
  native.copy(source._id, x._id);
  const flat = [index, source].map((t) => viewOf(t, [t.numel], [1]));
  native.indexPut(block._id, [0], [flat[0]._id], flat[1]._id, ScatterMode.add, false, IndexName.indexAdd);
  for (const t of [positions, at, index, source, ...flat]) t.dispose();
}

/** Divides every position by the number of elements of a region that lie there (at least 1). */
function divideByCount(block: Tensor, start: number, region: Geometry): void {
  const count = zeroBlock(block.numel, block.dtype);
  const ones = emptyContiguous(region.shape, block.dtype);
  native.fill(ones._id, 1);
  addTo(count, start, region, ones);
  native.clamp(count._id, count._id, 1, Infinity);
  native.binary(BinaryOp.div, block._id, block._id, count._id);
  ones.dispose();
  count.dispose();
}

function zeroBlock(length: number, dtype: Tensor['dtype']): Tensor {
  const block = emptyContiguous([length], dtype);
  native.fill(block._id, 0);
  return block;
}

/** The elements of a region of `block`, which is given up: the region itself, or a copy where elements share memory. */
function takeRegion(block: Tensor, start: number, region: Geometry): Tensor {
  const found = regionOf(block, start, region);
  block.dispose();
  if (!mayOverlap(region)) return found;
  const out = emptyContiguous(region.shape, found.dtype);
  native.copy(out._id, found._id);
  found.dispose();
  return out;
}

// Writes `x` to the region `from` of zeroed memory (adding up where elements share a position), divides by the number of
// elements of `counted` there, and reads the region `to`. Turned round it is its own transpose.
const restrideOp = defineOp({
  name: 'restride',
  inputs: ['input'],
  forward: (x: Tensor, from: Geometry, to: Geometry, counted: Geometry | null) => {
    const { start, length } = spanOf(from, to);
    const block = zeroBlock(length, x.dtype);
    if (x.numel > 0) addTo(block, start, from, x);
    if (counted && length > 0) divideByCount(block, start, counted);
    return takeRegion(block, start, to);
  },
  save: (_out, _x, from, to, counted) => ({ from, to, counted }),
  backward: ([g], { from, to, counted }) => [restride(g, to, from, counted)],
});

/** @internal The gradient of a strided view: `x`, laid out as `from`, read as `to`. */
export function restride(x: Tensor, from: Geometry, to: Geometry, counted: Geometry | null): Tensor {
  return restrideOp(x, from, to, counted);
}

const clearRegionOp = defineOp({
  name: 'clearRegion',
  inputs: ['input'],
  forward: (x: Tensor, base: Geometry, region: Geometry) => {
    const { start, length } = spanOf(base, region);
    const block = zeroBlock(length, x.dtype);
    if (x.numel > 0) addTo(block, start, base, x);
    const target = regionOf(block, start, region);
    native.fill(target._id, 0);
    target.dispose();
    return takeRegion(block, start, base);
  },
  save: (_out, _x, base, region) => ({ base, region }),
  backward: ([g], { base, region }) => [clearRegion(g, base, region)],
});

/** @internal `x`, laid out as `base`, with zeros where `region` lies. */
export function clearRegion(x: Tensor, base: Geometry, region: Geometry): Tensor {
  return clearRegionOp(x, base, region);
}

const asStridedView = defineOp({
  name: 'asStrided',
  inputs: ['input'],
  view: true,
  forward: (x: Tensor, to: Geometry) => viewOf(x, to.shape, to.strides, to.offset - x._offset),
  save: (_out, x, to) => ({ from: geometryOf(x), to }),
  backward: ([g], { from, to }) => [restride(g, to, from, mayOverlap(from) ? from : null)],
});

/**
 * A view with these sizes, steps and first position, counted in elements of the memory of `x`; elements may share a
 * position. `offset` defaults to the first position of `x`. Positions outside `x` get no gradient.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.as_strided.html
 * @throws ShapeError when a position lies outside the memory.
 */
export function asStrided(x: Tensor, size: readonly number[], stride: readonly number[], offset?: number): Tensor {
  checkTensor('asStrided', x);
  const shape = checkShape('asStrided', size);
  if (!Array.isArray(stride) || stride.length !== shape.length) {
    throw new ShapeError('asStrided', `one stride for each of ${shapeText(shape)} is needed, got ${valueText(stride)}`);
  }
  const at = offset ?? x._offset;
  for (const value of [at, ...stride]) {
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new ArgumentError('asStrided', `strides and offset must be integers >= 0, got ${valueText(value)}`, value);
  }
  const to = { shape: [...shape], strides: [...stride], offset: at };
  const { start, length } = spanOf(to);
  const available = native.storageBytes(x._id) / ITEM_SIZES[x.dtype];
  if (start + length > available) {
    throw new ShapeError(
      'asStrided',
      `sizes ${shapeText(shape)}, strides ${shapeText(stride)}, offset ${at} reach past the ${available} elements of the memory`,
      shape,
    );
  }
  return asStridedView(x, numelOf(shape) === 0 ? { ...to, offset: x._offset } : to);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link asStrided}. */
    asStrided(size: readonly number[], stride: readonly number[], offset?: number): Tensor;
    /** First position in the memory, in elements. */
    storageOffset(): number;
  }
}

addMethods({ asStrided, storageOffset: (x: Tensor) => x._offset });
