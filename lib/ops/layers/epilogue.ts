// What a kernel does to its result at last, in place of ops behind it: an addend, then an activation.
import type { Tensor } from '../../tensor/tensor.js';
import { add, sub } from '../pointwise/arithmetic.js';
import { clamp } from '../pointwise/select.js';
import { relu, reluGrad, sigmoid } from '../pointwise/unary.js';
import { gelu, hardsigmoid, hardswish, silu } from './activation.js';
import { isMasked } from './rectified.js';

const RECTIFIERS = ['none', 'relu', 'relu6'] as const;
/** What the kernel of a convolution or a batch normalization does to its result at last. @internal */
export type Rectifier = (typeof RECTIFIERS)[number];

const SMOOTH = { silu, hardswish, hardsigmoid, gelu, sigmoid };
/** What a convolution's kernel does besides where nobody asks for gradients. @internal */
export type Activation = Rectifier | keyof typeof SMOOTH;
const ACTIVATIONS: readonly Activation[] = [...RECTIFIERS, ...(Object.keys(SMOOTH) as (keyof typeof SMOOTH)[])];

/** @internal Whether the gradient needs what the activation was made from. */
export const isSmooth = (activation: Activation): activation is keyof typeof SMOOTH => activation in SMOOTH;

/** What such a kernel takes on besides: `activation(f(x) + addend)`, with the bits of the separate ops. @internal */
export interface Epilogue<A extends Activation = Activation> {
  activation?: A;
  /** Of the output's shape. */
  addend?: Tensor;
}

/** @internal The number by which kernels know an activation. */
export const activationCode = (activation: Activation): number => ACTIVATIONS.indexOf(activation);

/** @internal The activation as an op of its own. */
export function activate(x: Tensor, activation: Activation = 'none'): Tensor {
  if (activation === 'none') return x;
  if (isSmooth(activation)) return SMOOTH[activation](x);
  return activation === 'relu' ? relu(x) : clamp(x, 0, 6);
}

/** @internal 0 where y, before or behind the activation, lies at an end of its range or beyond. */
export function activationGrad(grad: Tensor, y: Tensor, activation: Rectifier): Tensor {
  if (activation === 'none') return grad;
  const g = isMasked(grad, y) ? grad : reluGrad(grad, y);
  return activation === 'relu6' ? reluGrad(g, sub(6, y)) : g;
}

/** @internal Both as ops of their own. */
export const finish = (x: Tensor, { activation, addend }: Epilogue): Tensor =>
  activate(addend ? add(x, addend) : x, activation);
