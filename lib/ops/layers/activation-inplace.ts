// Activations in the memory of their input, and relu with the option.
import { checkOptions, checkTensor } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import { relu_ } from '../pointwise/inplace.js';
import { relu as positivePart } from '../pointwise/unary.js';
import { celu, elu, hardtanh, type InplaceOptions, leakyRelu, selu, threshold } from './activation.js';
import { type RReluOptions, rrelu } from './dropout.js';

const inplace = { inplace: true } as const;

/**
 * `max(x, 0)`; its gradient at 0 is 0.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.relu.html
 */
export function relu(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkTensor('relu', x);
  checkOptions('relu', options);
  return options.inplace ? relu_(x) : positivePart(x);
}

/** {@link elu} in the memory of `x`. */
export const elu_ = (x: Tensor, alpha = 1): Tensor => elu(x, alpha, inplace);

/** {@link celu} in the memory of `x`. */
export const celu_ = (x: Tensor, alpha = 1): Tensor => celu(x, alpha, inplace);

/** {@link selu} in the memory of `x`. */
export const selu_ = (x: Tensor): Tensor => selu(x, inplace);

/** {@link leakyRelu} in the memory of `x`. */
export const leakyRelu_ = (x: Tensor, negativeSlope = 0.01): Tensor => leakyRelu(x, negativeSlope, inplace);

/** {@link hardtanh} in the memory of `x`. */
export const hardtanh_ = (x: Tensor, minVal = -1, maxVal = 1): Tensor => hardtanh(x, minVal, maxVal, inplace);

/** {@link threshold} in the memory of `x`. */
export const threshold_ = (x: Tensor, bound: number, value: number): Tensor => threshold(x, bound, value, inplace);

/** {@link rrelu} in the memory of `x`. */
export const rrelu_ = (x: Tensor, lower = 1 / 8, upper = 1 / 3, options: RReluOptions = {}): Tensor =>
  rrelu(x, lower, upper, { ...options, ...inplace });
