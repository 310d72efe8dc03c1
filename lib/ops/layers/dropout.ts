// Dropout of whole channels and for self-normalizing networks, and the activations that draw numbers.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { ones, zeros } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { noGrad } from '../../tensor/scope.js';
import { arange } from '../../tensor/sequence.js';
import type { Tensor } from '../../tensor/tensor.js';
import { inPlaceOf } from '../in-place.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { eq, gt } from '../pointwise/compare.js';
import { mul_ } from '../pointwise/inplace.js';
import { where } from '../pointwise/select.js';
import { log, log1p, neg } from '../pointwise/unary.js';
import type { RandomOptions } from '../random/draw.js';
import { type DropoutOptions, dropout } from '../random/dropout.js';
import { bernoulli_, uniform_ } from '../random/in-place.js';
import { argmax } from '../reduce/extremum.js';
import { to } from '../shape/view.js';
import { type InplaceOptions, leakyRelu } from './activation.js';
import { softmax } from './softmax.js';

function checkInput(op: string, x: Tensor, p: number, options: DropoutOptions): void {
  checkTensor(op, x);
  checkOptions(op, options);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `input must be floating-point, got ${x.dtype}`, x.dtype);
  if (typeof p !== 'number' || !(p >= 0 && p <= 1)) {
    throw new ArgumentError(op, `p must lie in [0, 1], got ${valueText(p)}`, p);
  }
}

/** One number per channel: `[N, C, 1, ...]`, or `[C, 1, ...]` without a batch. */
const maskShape = (x: Tensor, lead = 2): number[] => x.shape.map((size, i) => (i < lead ? size : 1));

/** Drops or keeps each channel of each sample as a whole; `bare` is the number of axes of an input without a batch. */
function channelDropout(
  op: string,
  x: Tensor,
  p: number,
  options: DropoutOptions,
  ranks: readonly number[],
  bare = 0,
): Tensor {
  checkInput(op, x, p, options);
  if (!ranks.includes(x.ndim) && x.ndim !== bare) {
    throw new ShapeError(op, `input of ${ranks.join(' or ')} axes is needed, got ${shapeText(x.shape)}`, x.shape);
  }
  if (options.training === false || p === 0) return x;
  const shape = maskShape(x, x.ndim === bare ? 1 : 2);
  const mask = noGrad(() => dropout(ones(shape, { dtype: x.dtype }), p, { generator: options.generator }));
  return options.inplace ? mul_(x, mask) : mul(x, mask);
}

/**
 * Zeroes whole channels of `[N, C, L]` or `[C, L]` with probability `p` and scales the others by `1 / (1 - p)`.
 * @throws ShapeError for another number of axes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.dropout1d.html
 */
export function dropout1d(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return channelDropout('dropout1d', x, p, options, [3], 2);
}

/**
 * Zeroes whole channels of `[N, C, H, W]` (or `[N, C, L]`) with probability `p` and scales the others by `1 / (1 - p)`
 * (Tompson et al., 2015).
 * @throws ShapeError for another number of axes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.dropout2d.html
 */
export function dropout2d(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return channelDropout('dropout2d', x, p, options, [3, 4]);
}

/**
 * Zeroes whole channels of `[N, C, D, H, W]` or `[C, D, H, W]` with probability `p` and scales the others by
 * `1 / (1 - p)`.
 * @throws ShapeError for another number of axes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.dropout3d.html
 */
export function dropout3d(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return channelDropout('dropout3d', x, p, options, [5], 4);
}

/** What selu tends to for very negative numbers, without the sign. */
const SELU_LIMIT = 1.7580993408473766;

/** Dropped elements take selu's lower limit; scale and shift then restore mean 0 and variance 1. */
function alphaMask(x: Tensor, shape: readonly number[], p: number, options: DropoutOptions): Tensor {
  if (p === 1) return mul(x, zeros([], { dtype: x.dtype }));
  const kept = noGrad(() => bernoulli_(ones(shape, { dtype: x.dtype }), 1 - p, { generator: options.generator }));
  const a = 1 / Math.sqrt((SELU_LIMIT * SELU_LIMIT * p + 1) * (1 - p));
  const shift = add(mul(sub(kept, 1), SELU_LIMIT * a), SELU_LIMIT * a * p);
  return add(mul(x, mul(kept, a)), shift);
}

/** {@link alphaMask} on `x`, or in its memory. */
function alphaDropped(op: string, x: Tensor, shape: readonly number[], p: number, options: DropoutOptions): Tensor {
  if (options.training !== true || p === 0) return x;
  if (!options.inplace) return alphaMask(x, shape, p, options);
  return inPlaceOf(`${op}_`, (old) => alphaMask(old, shape, p, options))(x);
}

/**
 * Dropout that keeps mean and variance of self-normalizing networks (Klambauer et al., 2017).
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.alpha_dropout.html
 */
export function alphaDropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkInput('alphaDropout', x, p, options);
  return alphaDropped('alphaDropout', x, x.shape, p, options);
}

/**
 * {@link alphaDropout} of whole channels of `[N, C, ...]`.
 * @throws ShapeError for fewer than two axes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.feature_alpha_dropout.html
 */
export function featureAlphaDropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkInput('featureAlphaDropout', x, p, options);
  if (x.ndim < 2) {
    throw new ShapeError('featureAlphaDropout', `input [N, C, ...] is needed, got ${shapeText(x.shape)}`, x.shape);
  }
  return alphaDropped('featureAlphaDropout', x, maskShape(x), p, options);
}

/** Options of {@link rrelu}. */
export interface RReluOptions extends RandomOptions, InplaceOptions {
  /** Draw the slopes; otherwise it is their mean. Default false. */
  training?: boolean;
}

/**
 * {@link leakyRelu} whose slope is drawn from [lower, upper] for each element in training (Xu et al., 2015).
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.rrelu.html
 */
export function rrelu(x: Tensor, lower = 1 / 8, upper = 1 / 3, options: RReluOptions = {}): Tensor {
  checkTensor('rrelu', x);
  checkOptions('rrelu', options);
  if (typeof lower !== 'number' || typeof upper !== 'number' || !(lower <= upper)) {
    throw new ArgumentError(
      'rrelu',
      `lower and upper are numbers, the first not the larger one, got ${valueText(lower)} and ${valueText(upper)}`,
    );
  }
  if (!options.training) return leakyRelu(x, (lower + upper) / 2, { inplace: options.inplace });
  if (!isFloating(x.dtype)) throw new DTypeError('rrelu', `input must be floating-point, got ${x.dtype}`, x.dtype);
  const slopes = noGrad(() =>
    uniform_(ones(x.shape, { dtype: x.dtype }), lower, upper, { generator: options.generator }),
  );
  const compute = (old: Tensor): Tensor => where(gt(old, 0), old, mul(old, slopes));
  return options.inplace ? inPlaceOf('rrelu_', compute)(x) : compute(x);
}

/** Options of {@link gumbelSoftmax}. */
export interface GumbelSoftmaxOptions extends RandomOptions {
  /** Temperature, more than 0. Default 1. */
  tau?: number;
  /** One-hot results whose gradient is that of the soft ones. Default false. */
  hard?: boolean;
  /** Axis of the classes. Default -1. */
  dim?: number;
}

/** Numbers of the standard Gumbel distribution, in the shape of `x`. */
function gumbelLike(x: Tensor, options: RandomOptions): Tensor {
  return noGrad(() => {
    const u = uniform_(ones(x.shape, { dtype: x.dtype }), 0, 1, { generator: options.generator });
    const least = x.dtype === 'float64' ? 2 ** -54 : 2 ** -26;
    return neg(log(neg(log1p(neg(u.clamp_(least))))));
  });
}

/**
 * Samples of the Gumbel-softmax distribution (Jang et al., 2017; Maddison et al., 2017): soft one-hot vectors drawn
 * with the probabilities `softmax(logits)`.
 * @param logits `[..., C]`, unnormalized log-probabilities
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.gumbel_softmax.html
 */
export function gumbelSoftmax(logits: Tensor, options: GumbelSoftmaxOptions = {}): Tensor {
  checkTensor('gumbelSoftmax', logits, 'logits');
  checkOptions('gumbelSoftmax', options);
  const { tau = 1, hard = false, dim = -1 } = options;
  if (!isFloating(logits.dtype)) {
    throw new DTypeError('gumbelSoftmax', `logits must be floating-point, got ${logits.dtype}`, logits.dtype);
  }
  if (typeof tau !== 'number' || !(tau > 0)) {
    throw new ArgumentError('gumbelSoftmax', `tau must be more than 0, got ${valueText(tau)}`, tau);
  }
  const soft = softmax(div(add(logits, gumbelLike(logits, options)), tau), dim);
  if (!hard) return soft;
  const d = dim < 0 ? dim + logits.ndim : dim;
  const positions = arange(logits.shape[d]).reshape(logits.shape.map((size, i) => (i === d ? size : 1)));
  const hot = to(eq(positions, argmax(soft.detach(), d, { keepdim: true })), logits.dtype);
  return add(sub(hot, soft.detach()), soft);
}
