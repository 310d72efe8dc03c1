// A ReLU's backward pass done by the layer behind it. nn.Sequential marks what a fused ReLU made and only the next layer
// reads; that layer makes its input's gradient 0 where the input is, and the ReLU finds that nothing is left to do.
import type { Tensor } from '../../tensor/tensor.js';

type Memory = Tensor['_version'];

const rectified = new WeakMap<Memory, number>();
const masked = new WeakMap<Tensor, Memory>();

/** @internal The result of a ReLU that nobody but the next layer sees. */
export function markRectified(y: Tensor): Tensor {
  rectified.set(y._version, y._version.n);
  return y;
}

/** @internal The memory of `x` where it is such a result, else null. */
export const rectifiedMemory = (x: Tensor): Memory | null =>
  rectified.get(x._version) === x._version.n ? x._version : null;

/** @internal `g` is 0 where the result in `memory` is. */
export function markMasked(g: Tensor, memory: Memory): Tensor {
  masked.set(g, memory);
  return g;
}

/** @internal True where {@link markMasked} said so. */
export const isMasked = (g: Tensor, y: Tensor): boolean => masked.get(g) === y._version;
