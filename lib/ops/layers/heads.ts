// The heads of attention: views of one matrix product, and the way back.
import { zeros } from '../../tensor/create.js';
import { type Tensor, viewOf } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { stack } from '../shape/concat.js';
import { reshape, transpose } from '../shape/view.js';

/** How the columns of a projection are cut. @internal */
export interface HeadRule {
  /** Projections that lie one behind the other: 3 for queries, keys and values. */
  readonly parts: number;
  readonly heads: number;
  /** `[N, L, ...]` instead of `[L, N, ...]`. */
  readonly batchFirst: boolean;
}

// One record for all parts: their gradients are written to one tensor, without zeros to be added.
const splitHeadsOp = defineOp({
  name: 'splitHeads',
  narrow: 'moves',
  inputs: ['input'],
  forward: (x: Tensor, { parts, heads, batchFirst }: HeadRule) => {
    const [batch, length] = batchFirst ? [0, 1] : [1, 0];
    const width = x.shape[2] / parts;
    const shape = [x.shape[batch], heads, x.shape[length], width / heads];
    const step = x.strides[2];
    const strides = [x.strides[batch], (width / heads) * step, x.strides[length], step];
    return Array.from({ length: parts }, (_, i) => viewOf(x, shape, strides, x.numel === 0 ? 0 : i * width * step));
  },
  save: (out, x, rule) => ({ shape: x.shape, part: out[0].shape, dtype: x.dtype, rule }),
  backward: (grads, { shape, part, dtype, rule }) => {
    const rows = (grads as readonly (Tensor | null)[]).map((g) => {
      const steps = transpose(g ?? zeros(part, { dtype }), 1, 2);
      return rule.batchFirst ? steps : transpose(steps, 0, 1);
    });
    return [reshape(stack(rows, 2), shape)];
  },
});

/** Projections `[L, N, parts · E]` (`[N, L, ...]` with batchFirst) as `parts` views `[N, heads, L, E / heads]`. @internal */
export const splitHeads = (x: Tensor, rule: HeadRule): readonly Tensor[] => splitHeadsOp(x, rule);

/** `[N, heads, L, D]` as `[L, N, heads · D]`, or `[N, L, heads · D]` with batchFirst. @internal */
export function mergeHeads(x: Tensor, batchFirst: boolean): Tensor {
  const [batch, heads, length, width] = x.shape;
  const steps = transpose(x, 1, 2);
  return batchFirst
    ? reshape(steps, [batch, length, heads * width])
    : reshape(transpose(steps, 0, 1), [length, batch, heads * width]);
}
