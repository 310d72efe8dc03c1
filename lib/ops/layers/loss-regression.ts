// Losses of a prediction against a number, and of distributions.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { sameShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { eq, gt, le, lt } from '../pointwise/compare.js';
import { clamp, where } from '../pointwise/select.js';
import { abs, exp, log, square } from '../pointwise/unary.js';
import { sum } from '../reduce/reduce.js';
import { unsqueeze } from '../shape/view.js';
import {
  checkFactor,
  checkFloats,
  checkReduction,
  type LossOptions,
  reduced,
  reductionOf,
  type WeightedLossOptions,
  weighted,
} from './loss-common.js';

/**
 * Squared error: `(input - target)^2`, reduced. The shapes broadcast.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.mse_loss.html
 */
export function mseLoss(input: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  checkFloats('mseLoss', { input, target });
  const reduction = reductionOf('mseLoss', options);
  return weightedMean('mseLoss', square(sub(input, target)), options.weight, reduction);
}

/** With a weight, 'mean' divides by the sum of the weights. */
function weightedMean(
  op: string,
  losses: Tensor,
  weight: Tensor | null | undefined,
  reduction: 'none' | 'mean' | 'sum',
): Tensor {
  if (!weight) return reduced(losses, reduction);
  const terms = weighted(op, losses, weight);
  return reduction === 'mean' ? div(sum(terms), sum(weight)) : reduced(terms, reduction);
}

/**
 * Absolute error: `|input - target|`, reduced. The shapes broadcast.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.l1_loss.html
 */
export function l1Loss(input: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  checkFloats('l1Loss', { input, target });
  const reduction = reductionOf('l1Loss', options);
  return weightedMean('l1Loss', abs(sub(input, target)), options.weight, reduction);
}

/** Options of {@link smoothL1Loss}. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the square becomes a line; 0 gives {@link l1Loss}. Default 1. */
  beta?: number;
}

/**
 * With `d = |input - target|`: `d^2 / (2 beta)` below `beta`, else `d - beta / 2` (Girshick, 2015). The shapes broadcast.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.smooth_l1_loss.html
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1LossOptions = {}): Tensor {
  checkFloats('smoothL1Loss', { input, target });
  const reduction = reductionOf('smoothL1Loss', options);
  const beta = checkFactor('smoothL1Loss', 'beta', options.beta ?? 1);
  if (beta < 0) throw new ArgumentError('smoothL1Loss', `beta must be 0 or more, got ${beta}`, beta);
  const distance = abs(sub(input, target));
  if (beta === 0) return reduced(distance, reduction);
  const losses = where(lt(distance, beta), mul(square(distance), 0.5 / beta), sub(distance, 0.5 * beta));
  return reduced(losses, reduction);
}

/** Options of {@link huberLoss}. */
export interface HuberLossOptions extends WeightedLossOptions {
  /** Where the square becomes a line; more than 0. Default 1. */
  delta?: number;
}

/**
 * With `d = |input - target|`: `d^2 / 2` up to `delta`, else `delta (d - delta / 2)` (Huber, 1964). The shapes broadcast.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.huber_loss.html
 */
export function huberLoss(input: Tensor, target: Tensor, options: HuberLossOptions = {}): Tensor {
  checkFloats('huberLoss', { input, target });
  const reduction = reductionOf('huberLoss', options);
  const delta = checkFactor('huberLoss', 'delta', options.delta ?? 1);
  if (delta <= 0) throw new ArgumentError('huberLoss', `delta must be more than 0, got ${delta}`, delta);
  const distance = abs(sub(input, target));
  const line = mul(sub(distance, 0.5 * delta), delta);
  const losses = where(le(distance, delta), mul(square(distance), 0.5), line);
  return reduced(weighted('huberLoss', losses, options.weight), reduction);
}

/** `x log(x)`, 0 at 0. */
function xlogx(x: Tensor): Tensor {
  const zero = eq(x, 0);
  return where(zero, 0, mul(x, log(where(zero, 1, x))));
}

/** Options of {@link klDiv}. */
export interface KlDivOptions {
  /** 'batchmean' divides the sum by the first axis: the divergence as it is defined. Default 'mean'. */
  reduction?: 'none' | 'mean' | 'sum' | 'batchmean';
  /** The target holds log-probabilities too. Default false. */
  logTarget?: boolean;
}

/**
 * Kullback-Leibler divergence of log-probabilities `input` from probabilities `target`:
 * `target * (log(target) - input)`. The shapes broadcast.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.kl_div.html
 */
export function klDiv(input: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  checkFloats('klDiv', { input, target });
  checkOptions('klDiv', options);
  const { reduction = 'mean', logTarget = false } = options;
  const batchMean = reduction === 'batchmean';
  const kind = batchMean ? 'sum' : checkReduction('klDiv', reduction);
  const losses = logTarget ? mul(exp(target), sub(target, input)) : sub(xlogx(target), mul(target, input));
  const result = reduced(losses, kind);
  return batchMean && input.ndim > 0 ? div(result, input.shape[0]) : result;
}

/** Options of {@link poissonNllLoss}. */
export interface PoissonNllLossOptions extends LossOptions {
  /** The input is the logarithm of the rate. Default true. */
  logInput?: boolean;
  /** Add Stirling's approximation of `log(target!)` where the target is above 1. Default false. */
  full?: boolean;
  /** Keeps `log(input)` finite when `logInput` is false. Default 1e-8. */
  eps?: number;
}

/**
 * Negative log likelihood of counts `target` under a Poisson distribution: `e^input - target * input`, or
 * `input - target * log(input + eps)`. Input and target have the same shape.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.poisson_nll_loss.html
 */
export function poissonNllLoss(input: Tensor, target: Tensor, options: PoissonNllLossOptions = {}): Tensor {
  checkFloats('poissonNllLoss', { input, target });
  const reduction = reductionOf('poissonNllLoss', options);
  const { logInput = true, full = false } = options;
  const eps = checkFactor('poissonNllLoss', 'eps', options.eps ?? 1e-8);
  const losses = logInput ? sub(exp(input), mul(target, input)) : sub(input, mul(target, log(add(input, eps))));
  return reduced(full ? add(losses, stirling(target)) : losses, reduction);
}

/** Stirling's approximation of `log(n!)`, 0 up to n = 1. */
function stirling(n: Tensor): Tensor {
  const large = gt(n, 1);
  const safe = where(large, n, 1);
  const terms = add(sub(mul(safe, log(safe)), safe), mul(log(mul(safe, 2 * Math.PI)), 0.5));
  return where(large, terms, 0);
}

/** Options of {@link gaussianNllLoss}. */
export interface GaussianNllLossOptions extends LossOptions {
  /** Add the constant `log(2 pi) / 2`. Default false. */
  full?: boolean;
  /** The least variance. Default 1e-6. */
  eps?: number;
}

/**
 * Negative log likelihood of `target` under normal distributions with mean `input` and variance `variance`:
 * `(log(v) + (input - target)^2 / v) / 2` with `v = max(variance, eps)` (Nix and Weigend, 1994). Input and target have the
 * same shape; the variance has it too, or lacks its last axis, or has size 1 along one axis, or is a number. Its gradient
 * passes below `eps` too, as in PyTorch.
 *
 * @throws ShapeError when the variance fits neither way.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.gaussian_nll_loss.html
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor | number,
  options: GaussianNllLossOptions = {},
): Tensor {
  checkFloats('gaussianNllLoss', { input, target });
  const reduction = reductionOf('gaussianNllLoss', options);
  const eps = checkFactor('gaussianNllLoss', 'eps', options.eps ?? 1e-6);
  const v = clampedVariance(input, variance, eps);
  const errors = div(square(sub(input, target)), v);
  const losses = mul(typeof v === 'number' ? add(errors, Math.log(v)) : add(errors, log(v)), 0.5);
  return reduced(options.full ? add(losses, 0.5 * Math.log(2 * Math.PI)) : losses, reduction);
}

function clampedVariance(input: Tensor, variance: Tensor | number, eps: number): Tensor | number {
  if (typeof variance === 'number') {
    if (variance >= 0) return Math.max(variance, eps);
    throw new ArgumentError('gaussianNllLoss', `variance must be 0 or more, got ${valueText(variance)}`, variance);
  }
  checkFloats('gaussianNllLoss', { variance });
  const v = fitVariance(input, variance);
  const fixed = v.detach();
  return add(v, sub(clamp(fixed, eps), fixed));
}

function fitVariance(input: Tensor, variance: Tensor): Tensor {
  if (sameShape(input.shape, variance.shape)) return variance;
  const head = input.shape.slice(0, -1);
  if (sameShape(head, variance.shape)) return unsqueeze(variance, -1);
  const differing = variance.shape.filter((size, i) => size !== input.shape[i]);
  if (variance.ndim === input.ndim && differing.length === 1 && differing[0] === 1) return variance;
  const text = `variance ${shapeText(variance.shape)} does not fit input ${shapeText(input.shape)}`;
  throw new ShapeError('gaussianNllLoss', text, variance.shape, input.shape);
}
