// Where the next elementwise result goes: new memory, or a tensor that the caller gave for it.
import type { DType } from '../tensor/dtype.js';
import { sameShape } from '../tensor/layout.js';
import { emptyStrided, type Tensor } from '../tensor/tensor.js';

let target: Tensor | null = null;

/** The output of an elementwise kernel: the pending target if it has this shape and dtype, else a new tensor. */
export function emptyResult(shape: readonly number[], strides: readonly number[], dtype: DType): Tensor {
  const given = target;
  if (given && given.dtype === dtype && sameShape(given.shape, shape)) {
    target = null;
    return given;
  }
  return emptyStrided(shape, strides, dtype);
}

/** Whether the next result has a tensor to go to. */
export const targetPending = (): boolean => target !== null;

/** Runs a function of one kernel, whose result may be `x` itself. */
export function withTarget(x: Tensor, run: () => Tensor): Tensor {
  target = x;
  try {
    return run();
  } finally {
    target = null;
  }
}

/** Runs a function of several kernels, none of which may take the pending target. */
export function withoutTarget(run: () => Tensor): Tensor {
  target = null;
  return run();
}
