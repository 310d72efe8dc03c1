// What a kernel does to its result at last, in place of ops behind it: an addend, then an activation.
import type { Tensor } from '../../tensor/tensor.js';
import { add, sub } from '../pointwise/arithmetic.js';
import { clamp } from '../pointwise/select.js';
import { relu, reluGrad } from '../pointwise/unary.js';
import { isMasked } from './rectified.js';

const ACTIVATIONS = ['none', 'relu', 'relu6'] as const;
/** What the kernel of a convolution or a batch normalization does to its result at last. @internal */
export type Activation = (typeof ACTIVATIONS)[number];

/** What such a kernel takes on besides: `activation(f(x) + addend)`, with the bits of the separate ops. @internal */
export interface Epilogue {
  activation?: Activation;
  /** Of the output's shape. */
  addend?: Tensor;
}

/** @internal The number by which kernels know an activation. */
export const activationCode = (activation: Activation): number => ACTIVATIONS.indexOf(activation);

/** @internal The activation as an op of its own. */
export function activate(x: Tensor, activation: Activation = 'none'): Tensor {
  if (activation === 'none') return x;
  return activation === 'relu' ? relu(x) : clamp(x, 0, 6);
}

/** @internal 0 where y, before or behind the activation, lies at an end of its range or beyond. */
export function activationGrad(grad: Tensor, y: Tensor, activation: Activation): Tensor {
  if (activation === 'none') return grad;
  const g = isMasked(grad, y) ? grad : reluGrad(grad, y);
  return activation === 'relu6' ? reluGrad(g, sub(6, y)) : g;
}

/** @internal Both as ops of their own. */
export const finish = (x: Tensor, { activation, addend }: Epilogue): Tensor =>
  activate(addend ? add(x, addend) : x, activation);
