// Penalties on weights for a loss, and constraints that weights are put under after a step. Not in PyTorch.
import { ArgumentError, valueText } from '../../errors.js';
import { add, div, mul } from '../../ops/pointwise/arithmetic.js';
import { clamp } from '../../ops/pointwise/select.js';
import { abs, square } from '../../ops/pointwise/unary.js';
import { norm } from '../../ops/reduce/moments.js';
import { sum } from '../../ops/reduce/reduce.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import { checkDim } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import type { Parameters } from './clip-grad.js';

function listOf(op: string, parameters: Parameters): Tensor[] {
  const given: unknown = parameters;
  if (!(given instanceof Tensor) && !(typeof given === 'object' && given !== null && Symbol.iterator in given)) {
    throw new ArgumentError(op, `parameters must be a Tensor or several, got ${valueText(given)}`, given);
  }
  const list = given instanceof Tensor ? [given] : [...(given as Iterable<Tensor>)];
  for (const param of list) checkTensor(op, param, 'a parameter');
  return list;
}

function checkNotNegative(op: string, name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new ArgumentError(op, `${name} must be a number of at least 0, got ${valueText(value)}`, value);
}

/** Factors of {@link weightPenalty}. */
export interface WeightPenaltyOptions {
  /** Of the sum of magnitudes. Default 0. */
  l1?: number;
  /** Of the sum of squares. Default 0. */
  l2?: number;
}

/**
 * `l1 * sum |w| + l2 * sum w^2` over all parameters, to be added to a loss: L1 (lasso), L2 (ridge) or both (elastic net).
 * The gradient of `l2` is that of `weightDecay = 2 * l2`.
 *
 * @example
 * const loss = F.crossEntropy(model.forward(x), y).add(nn.utils.weightPenalty(model.parameters(), { l1: 1e-5 }));
 *
 * @throws ArgumentError for what is no tensor, or a negative factor.
 */
export function weightPenalty(parameters: Parameters, options: WeightPenaltyOptions = {}): Tensor {
  const op = 'weightPenalty';
  checkOptions(op, options);
  const { l1 = 0, l2 = 0 } = options;
  checkNotNegative(op, 'l1', l1);
  checkNotNegative(op, 'l2', l2);
  const terms = listOf(op, parameters).flatMap((param) => [
    ...(l1 > 0 ? [mul(sum(abs(param)), l1)] : []),
    ...(l2 > 0 ? [mul(sum(square(param)), l2)] : []),
  ]);
  return terms.length === 0 ? zeros([]) : terms.reduce((total, term) => add(total, term));
}

/** Options of the constraints on norms. */
export interface NormConstraintOptions {
  /** The axis of the units, each of which has a norm of its own; tensors with fewer than two axes are one unit. Default 0. */
  dim?: number;
}

/** Multiplies each unit by a factor made of its norm. */
function scaleUnits(
  op: string,
  parameters: Parameters,
  options: NormConstraintOptions,
  factor: (norms: Tensor) => Tensor,
): void {
  checkOptions(op, options);
  const { dim = 0 } = options;
  const list = listOf(op, parameters);
  const axes = list.map((param) => {
    if (param.ndim < 2) return undefined;
    const own = checkDim(op, dim, param.ndim);
    return param.shape.flatMap((_, i) => (i === own ? [] : [i]));
  });
  noGrad(() => {
    list.forEach((param, i) => {
      param.mul_(factor(norm(param, 2, axes[i], { keepdim: axes[i] !== undefined })));
    });
  });
}

const EPS = 1e-7;

/**
 * Scales units whose 2-norm is larger than `maxValue` down to it, in place. For `[out, in, ...]` weights a unit is what one
 * output sees. To be called after a step.
 *
 * @throws ArgumentError for what is no tensor, or a negative bound; ShapeError for an axis out of range.
 * Source: Srivastava et al., Dropout, 2014, section 5.1.
 */
export function maxNorm_(parameters: Parameters, maxValue: number, options: NormConstraintOptions = {}): void {
  checkNotNegative('maxNorm_', 'maxValue', maxValue);
  scaleUnits('maxNorm_', parameters, options, (norms) => div(clamp(norms, null, maxValue), clamp(norms, EPS)));
}

/**
 * Scales every unit to a 2-norm of 1, in place (a unit of zeros stays).
 * @throws ArgumentError for what is no tensor; ShapeError for an axis out of range.
 */
export function unitNorm_(parameters: Parameters, options: NormConstraintOptions = {}): void {
  scaleUnits('unitNorm_', parameters, options, (norms) => div(1, clamp(norms, EPS)));
}

/**
 * Sets negative weights to 0, in place.
 * @throws ArgumentError for what is no tensor.
 */
export function nonNegative_(parameters: Parameters): void {
  const list = listOf('nonNegative_', parameters);
  noGrad(() => {
    for (const param of list) param.clamp_(0);
  });
}
