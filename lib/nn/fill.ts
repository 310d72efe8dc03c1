// Writing initial values, which skipInit leaves out.
import { checkTensor } from '../tensor/check.js';
import { currentFrame, currentScope, runInFrame, Scope } from '../tensor/frame.js';
import type { Tensor } from '../tensor/tensor.js';

let skips = false;

/** Runs `fn`; initial values are not written meanwhile, and no random numbers drawn for them. @internal */
export function withoutInitialValues<R>(fn: () => R): R {
  const before = skips;
  skips = true;
  try {
    return fn();
  } finally {
    skips = before;
  }
}

/** Writes to a leaf that may require gradients: initial values have no history. @internal */
export function fillInitial<T extends Tensor>(op: string, tensor: T, write: (raw: Tensor) => void): T {
  checkTensor(op, tensor, 'tensor');
  if (skips) return tensor;
  // A frame of synchronous code costs later operations nothing.
  const { inference } = currentFrame();
  const scope = new Scope(currentScope());
  try {
    runInFrame({ scope, grad: false, inference }, () => write(tensor.detach()));
  } finally {
    scope.close(null);
  }
  return tensor;
}
