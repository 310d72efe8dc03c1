// Unrecorded looks at memory, for the forward passes of ops that move whole blocks. A stride may be negative here.
import { native } from '../../native.js';
import { type Tensor, viewOf } from '../../tensor/tensor.js';

/** A part of a tensor: where it starts, how far it runs along each axis, and in which steps. */
export interface Part {
  offset: number;
  readonly shape: number[];
  readonly strides: number[];
}

export const wholeOf = (x: Tensor): Part => ({ offset: 0, shape: [...x.shape], strides: [...x.strides] });

/** `length` positions of an axis from `start` on. */
export function cut(part: Part, dim: number, start: number, length: number): Part {
  const shape = part.shape.map((size, i) => (i === dim ? length : size));
  return { offset: part.offset + start * part.strides[dim], shape, strides: part.strides };
}

/** The axes from their ends to their starts. */
export function reversed(part: Part, dims: readonly number[]): Part {
  let { offset } = part;
  for (const d of dims) if (part.shape[d] > 0) offset += (part.shape[d] - 1) * part.strides[d];
  return { offset, shape: part.shape, strides: part.strides.map((stride, i) => (dims.includes(i) ? -stride : stride)) };
}

const isEmpty = (part: Part): boolean => part.shape.includes(0);

/** Calls `run` with short-lived views of the parts; not at all when the first one holds nothing. */
export function withParts(run: (...ids: number[]) => void, ...parts: readonly (readonly [Tensor, Part])[]): void {
  if (isEmpty(parts[0][1])) return;
  const views = parts.map(([x, { shape, strides, offset }]) => viewOf(x, shape, strides, offset));
  run(...views.map((view) => view._id));
  for (const view of views) view.dispose();
}

/** Queues the copy of one part to another of the same shape. */
export function copyPart(out: Tensor, to: Part, x: Tensor, from: Part): void {
  withParts((target, source) => native.copy(target, source), [out, to], [x, from]);
}
