// Softmax and its logarithm over one axis of any layout (native/ops/softmax.h).
import { DTypeError } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout } from '../../tensor/create.js';
import { checkDType, type DType, isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { checkDim } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { mul, sub } from '../pointwise/arithmetic.js';
import { exp, neg } from '../pointwise/unary.js';
import { sum } from '../reduce/reduce.js';
import { to } from '../shape/view.js';

/** Options of {@link softmax}, {@link softmin} and {@link logSoftmax}. */
export interface SoftmaxOptions {
  /** Converts the input first. */
  dtype?: DType;
}

function gradient(g: Tensor, out: Tensor, dim: number, log: boolean): Tensor {
  if (!isGradEnabled()) return backwardOp(g, out, dim, log);
  if (log) return sub(g, mul(exp(out), sum(g, dim, { keepdim: true })));
  return mul(out, sub(g, sum(mul(g, out), dim, { keepdim: true })));
}

const backwardOp = defineOp({
  name: 'softmaxBackward',
  inputs: ['gradient', 'output'],
  forward: (g: Tensor, out: Tensor, dim: number, log: boolean) => {
    const gradX = emptyLikeLayout(out);
    native.softmaxBackward(gradX._id, g._id, out._id, dim, log);
    return gradX;
  },
});

function record(name: string, log: boolean): (x: Tensor, dim: number) => Tensor {
  return defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor, dim: number) => {
      const out = emptyLikeLayout(x);
      native.softmax(out._id, x._id, dim, log);
      return out;
    },
    save: (out, _x, dim) => ({ out, dim }),
    backward: ([g], { out, dim }) => [gradient(g, out, dim, log)],
  });
}

const softmaxOp = record('softmax', false);
const logSoftmaxOp = record('logSoftmax', true);

function prepare(op: string, x: Tensor, dim: number, options: SoftmaxOptions): readonly [Tensor, number] {
  checkTensor(op, x);
  checkOptions(op, options);
  const axis = checkDim(op, dim, x.ndim);
  const input = options.dtype === undefined ? x : to(x, checkDType(op, options.dtype));
  if (!isFloating(input.dtype)) {
    throw new DTypeError(op, `a floating-point tensor is needed, got ${input.dtype}; pass a dtype`, input.dtype);
  }
  return [input, axis];
}

/**
 * `exp(x) / sum(exp(x))` along `dim`, safe against overflow. Any shape.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.softmax.html
 */
export function softmax(x: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor {
  return softmaxOp(...prepare('softmax', x, dim, options));
}

/**
 * `exp(-x) / sum(exp(-x))` along `dim`: {@link softmax} of `-x`. Any shape.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.softmin.html
 */
export function softmin(x: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor {
  const [input, axis] = prepare('softmin', x, dim, options);
  return softmaxOp(neg(input), axis);
}

/**
 * `x - log(sum(exp(x)))` along `dim`: the logarithm of {@link softmax} without its rounding. Any shape.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.log_softmax.html
 */
export function logSoftmax(x: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor {
  return logSoftmaxOp(...prepare('logSoftmax', x, dim, options));
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link softmax}. */
    softmax(dim: number, options?: SoftmaxOptions): Tensor;
    /** See {@link logSoftmax}. */
    logSoftmax(dim: number, options?: SoftmaxOptions): Tensor;
  }
}

addMethods({ softmax, logSoftmax });
