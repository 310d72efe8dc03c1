// Activation functions of torch.nn.functional: one native kernel forward and one backward each; the recorded backward
// pass multiplies by a slope made of ops, so second derivatives work.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { emptyLikeLayout, onesLike } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { checkDim } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { ActivationOp } from '../codes.js';
import { defineOp } from '../define.js';
import { checkTensor, resultStrides } from '../elementwise.js';
import { checkInPlace, inPlaceOf } from '../in-place.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { ge, gt, le, logicalAnd, logicalOr, lt } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { abs, erf, exp, neg, sigmoid, softplus, square, tanh } from '../pointwise/unary.js';
import { chunk } from '../shape/concat.js';
import { reshape, to } from '../shape/view.js';

/** The parameters p, q, r of a kernel (native/kernels/cpu/activation.h). */
type Params = readonly [p: number, q: number, r: number];

/** The derivative at `x`, from differentiable ops. */
type Slope = (x: Tensor, params: Params) => Tensor;

/** Options of the activations that can work in the memory of their input. */
export interface InplaceOptions {
  /** Put the result into the memory of the input, and return the input. Default false. */
  inplace?: boolean;
}

type Activation = (x: Tensor, params: Params, options: InplaceOptions) => Tensor;

const NONE: Params = [0, 0, 0];

const backwardOp = defineOp({
  name: 'activationBackward',
  inputs: ['gradient', 'input'],
  forward: (g: Tensor, x: Tensor, code: number, [p, q, r]: Params) => {
    const out = emptyStrided(x.shape, resultStrides(x.shape, [x, g]), x.dtype);
    native.activationBackward(code, out._id, g._id, x._id, p, q, r);
    return out;
  },
});

function record(name: string, code: number, slope: Slope): Activation {
  const compute = defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor, [p, q, r]: Params) => {
      const out = emptyLikeLayout(x);
      native.activation(code, out._id, x._id, p, q, r);
      return out;
    },
    save: (_out, x, params) => ({ x, params }),
    backward: ([g], { x, params }) => [isGradEnabled() ? mul(g, slope(x, params)) : backwardOp(g, x, code, params)],
  });
  const inPlace = inPlaceOf(`${name}_`, compute, (x: Tensor, [p, q, r]: Params) => {
    checkInPlace(`${name}_`, x, x.shape, x.dtype);
    native.activation(code, x._id, x._id, p, q, r);
  });
  return (x, params, options) => (options.inplace ? inPlace : compute)(x, params);
}

/** 1 where the mask is true, else 0, in the dtype of `x`. */
const indicator = (mask: Tensor, x: Tensor): Tensor => to(mask, x.dtype);

const between = (x: Tensor, low: number, high: number): Tensor => logicalAnd(gt(x, low), lt(x, high));

const outside = (x: Tensor, reach: number): Tensor => indicator(logicalOr(gt(x, reach), lt(x, -reach)), x);

const normalDensity = (x: Tensor): Tensor => mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));

const normalDistribution = (x: Tensor): Tensor => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);

function geluTanhSlope(x: Tensor): Tensor {
  const scale = Math.sqrt(2 / Math.PI);
  const t = tanh(mul(add(x, mul(mul(square(x), x), 0.044715)), scale));
  const inner = mul(add(mul(square(x), 3 * 0.044715), 1), scale);
  return add(mul(add(t, 1), 0.5), mul(mul(mul(x, 0.5), sub(1, square(t))), inner));
}

function siluSlope(x: Tensor): Tensor {
  const s = sigmoid(x);
  return mul(s, add(mul(x, sub(1, s)), 1));
}

function mishSlope(x: Tensor): Tensor {
  const t = tanh(softplus(x, { threshold: Infinity }));
  return add(t, mul(mul(x, sigmoid(x)), sub(1, square(t))));
}

const leakyReluOp = record('leakyRelu', ActivationOp.leakyRelu, (x, [p]) => where(gt(x, 0), onesLike(x), p));
const eluOp = record('elu', ActivationOp.elu, (x, [p, q, r]) => {
  const below = le(x, 0);
  // The exponential of large positive numbers is not wanted, and its gradient would be NaN.
  return where(below, mul(exp(mul(where(below, x, 0), r)), p * q * r), q);
});
const geluOp = record('gelu', ActivationOp.gelu, (x) => add(mul(x, normalDensity(x)), normalDistribution(x)));
const geluTanhOp = record('geluTanh', ActivationOp.geluTanh, geluTanhSlope);
const siluOp = record('silu', ActivationOp.silu, siluSlope);
const mishOp = record('mish', ActivationOp.mish, mishSlope);
const softsignOp = record('softsign', ActivationOp.softsign, (x) => div(1, square(add(abs(x), 1))));
const hardtanhOp = record('hardtanh', ActivationOp.hardtanh, (x, [p, q]) => indicator(between(x, p, q), x));
const hardswishOp = record('hardswish', ActivationOp.hardswish, (x) =>
  where(le(x, -3), 0, where(ge(x, 3), 1, add(div(x, 3), 0.5))),
);
const hardsigmoidOp = record('hardsigmoid', ActivationOp.hardsigmoid, (x) => div(indicator(between(x, -3, 3), x), 6));
const softshrinkOp = record('softshrink', ActivationOp.softshrink, (x, [p]) => outside(x, p));
const hardshrinkOp = record('hardshrink', ActivationOp.hardshrink, (x, [p]) => outside(x, p));
const thresholdOp = record('threshold', ActivationOp.threshold, (x, [p]) => indicator(gt(x, p), x));
const logSigmoidOp = record('logSigmoid', ActivationOp.logSigmoid, (x) => sigmoid(neg(x)));

function checkInput(op: string, x: Tensor, options: InplaceOptions = {}): void {
  checkTensor(op, x);
  checkOptions(op, options);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `input must be floating-point, got ${x.dtype}`, x.dtype);
}

function checkNumbers(op: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'number' || Number.isNaN(value)) {
      throw new ArgumentError(op, `${name} must be a number, got ${valueText(value)}`, value);
    }
  }
}

/** An activation without parameters. The result has the shape and the layout of the input. */
export type ActivationFunction = (x: Tensor) => Tensor;

/** {@link ActivationFunction} that can work in place. */
export type InplaceActivation = (x: Tensor, options?: InplaceOptions) => Tensor;

function plain(name: string, op: Activation): InplaceActivation {
  return (x, options = {}) => {
    checkInput(name, x, options);
    return op(x, NONE, options);
  };
}

/**
 * `x` where it is positive, else `negativeSlope * x`.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.leaky_relu.html
 */
export function leakyRelu(x: Tensor, negativeSlope = 0.01, options: InplaceOptions = {}): Tensor {
  checkInput('leakyRelu', x, options);
  checkNumbers('leakyRelu', { negativeSlope });
  return leakyReluOp(x, [negativeSlope, 0, 0], options);
}

/**
 * `x` where it is positive, else `alpha * (e ** x - 1)`.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.elu.html
 */
export function elu(x: Tensor, alpha = 1, options: InplaceOptions = {}): Tensor {
  checkInput('elu', x, options);
  checkNumbers('elu', { alpha });
  return eluOp(x, [alpha, 1, 1], options);
}

const SELU: Params = [1.6732632423543772, 1.0507009873554805, 1];

/**
 * {@link elu} with the scale and alpha that keep mean 0 and variance 1 (Klambauer et al., 2017).
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.selu.html
 */
export function selu(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkInput('selu', x, options);
  return eluOp(x, SELU, options);
}

/**
 * `max(0, x) + min(0, alpha * (e ** (x / alpha) - 1))`; `alpha` is not 0.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.celu.html
 */
export function celu(x: Tensor, alpha = 1, options: InplaceOptions = {}): Tensor {
  checkInput('celu', x, options);
  checkNumbers('celu', { alpha });
  if (alpha === 0) throw new ArgumentError('celu', 'alpha must not be 0', alpha);
  return eluOp(x, [alpha, 1, 1 / alpha], options);
}

/** Options of {@link gelu}. */
export interface GeluOptions {
  /** 'tanh' for the approximation of GPT-2 and BERT; default 'none', the exact function. */
  approximate?: 'none' | 'tanh';
}

/**
 * `x * P(Z <= x)` for a standard normal Z (Hendrycks and Gimpel, 2016).
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.gelu.html
 */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkInput('gelu', x);
  checkOptions('gelu', options);
  const { approximate = 'none' } = options;
  if (approximate !== 'none' && approximate !== 'tanh') {
    const text = `approximate must be 'none' or 'tanh', got ${valueText(approximate)}`;
    throw new ArgumentError('gelu', text, approximate);
  }
  return (approximate === 'tanh' ? geluTanhOp : geluOp)(x, NONE, {});
}

/** `x * sigmoid(x)`, also called swish. @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.silu.html */
export const silu: InplaceActivation = plain('silu', siluOp);

/** `x * tanh(log(1 + e ** x))`. @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.mish.html */
export const mish: InplaceActivation = plain('mish', mishOp);

/** `x / (1 + |x|)`. @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.softsign.html */
export const softsign: ActivationFunction = plain('softsign', softsignOp);

/** `x - tanh(x)`. @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.tanhshrink.html */
export function tanhshrink(x: Tensor): Tensor {
  checkInput('tanhshrink', x);
  return sub(x, tanh(x));
}

/**
 * `x` cut to `[minVal, maxVal]`; the gradient at the bounds is 0.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hardtanh.html
 */
export function hardtanh(x: Tensor, minVal = -1, maxVal = 1, options: InplaceOptions = {}): Tensor {
  checkInput('hardtanh', x, options);
  checkNumbers('hardtanh', { minVal, maxVal });
  if (minVal > maxVal) throw new ArgumentError('hardtanh', `minVal ${minVal} is larger than maxVal ${maxVal}`, minVal);
  return hardtanhOp(x, [minVal, maxVal, 0], options);
}

/** `min(max(x, 0), 6)`. @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.relu6.html */
export function relu6(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkInput('relu6', x, options);
  return hardtanhOp(x, [0, 6, 0], options);
}

/** `x * relu6(x + 3) / 6`. @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hardswish.html */
export const hardswish: InplaceActivation = plain('hardswish', hardswishOp);

/** `relu6(x + 3) / 6`. @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hardsigmoid.html */
export const hardsigmoid: InplaceActivation = plain('hardsigmoid', hardsigmoidOp);

/**
 * `x` moved towards 0 by `lambd`, at most to 0.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.softshrink.html
 */
export function softshrink(x: Tensor, lambd = 0.5): Tensor {
  checkInput('softshrink', x);
  checkNumbers('softshrink', { lambd });
  if (lambd < 0) throw new ArgumentError('softshrink', `lambd must be 0 or more, got ${lambd}`, lambd);
  return softshrinkOp(x, [lambd, 0, 0], {});
}

/**
 * 0 where `-lambd <= x <= lambd`, else `x`.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hardshrink.html
 */
export function hardshrink(x: Tensor, lambd = 0.5): Tensor {
  checkInput('hardshrink', x);
  checkNumbers('hardshrink', { lambd });
  return hardshrinkOp(x, [lambd, 0, 0], {});
}

/**
 * `x` where it is above `bound`, else `value`.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.threshold.html
 */
export function threshold(x: Tensor, bound: number, value: number, options: InplaceOptions = {}): Tensor {
  checkInput('threshold', x, options);
  checkNumbers('threshold', { threshold: bound, value });
  return thresholdOp(x, [bound, value, 0], options);
}

/**
 * `log(sigmoid(x))` without overflow.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.logsigmoid.html
 */
export const logSigmoid: ActivationFunction = plain('logSigmoid', logSigmoidOp);

/**
 * `x` where it is positive, else `weight * x`. `weight` is `[1]`, or `[C]` for `x` of `[N, C, ...]`, and is learned.
 * @throws ShapeError when the weight has neither one element nor one per channel.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.prelu.html
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  checkInput('prelu', x);
  checkTensor('prelu', weight, 'weight');
  if (weight.dtype !== x.dtype) {
    throw new DTypeError('prelu', `input is ${x.dtype}, weight is ${weight.dtype}`, x.dtype, weight.dtype);
  }
  const channels = x.ndim >= 2 ? x.shape[1] : 1;
  if (weight.ndim > 1 || (weight.numel !== 1 && weight.numel !== channels)) {
    const text = `weight ${shapeText(weight.shape)} must have 1 element or one per channel (${channels}) of input ${shapeText(x.shape)}`;
    throw new ShapeError('prelu', text, weight.shape, x.shape);
  }
  const slopes = reshape(
    weight,
    x.shape.map((_, i) => (i === 1 ? weight.numel : 1)),
  );
  return where(gt(x, 0), x, mul(slopes, x));
}

/**
 * The first half of `x` along `dim` times the sigmoid of the second (Dauphin et al., 2016).
 * `[..., 2 * D, ...]` becomes `[..., D, ...]`.
 * @throws ShapeError when the axis has an odd size.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.glu.html
 */
export function glu(x: Tensor, dim = -1): Tensor {
  checkInput('glu', x);
  if (x.ndim === 0) throw new ShapeError('glu', 'a 0-d tensor has no axis to halve', x.shape);
  const d = checkDim('glu', dim, x.ndim);
  if (x.shape[d] % 2 !== 0) {
    throw new ShapeError('glu', `dim ${d} of ${shapeText(x.shape)} must have an even size`, x.shape);
  }
  const [a, b] = chunk(x, 2, d);
  return mul(a, sigmoid(b));
}
