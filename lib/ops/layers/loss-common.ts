// What losses share: reductions and the checks of their arguments.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { isFloating } from '../../tensor/dtype.js';
import { sameShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { mul } from '../pointwise/arithmetic.js';
import { mean, sum } from '../reduce/reduce.js';

/** What a loss returns: one number per element or row, their mean, or their sum. */
export type Reduction = 'none' | 'mean' | 'sum';

/** Options of losses. */
export interface LossOptions {
  /** Default 'mean'. */
  reduction?: Reduction;
}

/** Options of losses whose elements can be weighted. */
export interface WeightedLossOptions extends LossOptions {
  /** Factors of the elements' losses; broadcasts to them. */
  weight?: Tensor | null;
}

const REDUCTIONS = ['none', 'mean', 'sum'];

export function checkReduction(op: string, reduction: unknown): Reduction {
  if (typeof reduction === 'string' && REDUCTIONS.includes(reduction)) return reduction as Reduction;
  throw new ArgumentError(op, `reduction must be 'none', 'mean' or 'sum', got ${valueText(reduction)}`, reduction);
}

/** Options of a loss after the check: they are an object, and the reduction is one. */
export function reductionOf(op: string, options: LossOptions): Reduction {
  checkOptions(op, options);
  return checkReduction(op, options.reduction ?? 'mean');
}

export function reduced(losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? sum(losses) : mean(losses);
}

export function checkFloat(op: string, name: string, x: Tensor): void {
  checkTensor(op, x, name);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `${name} must be floating-point, got ${x.dtype}`, x.dtype);
}

/** Every operand is a floating-point tensor. */
export function checkFloats(op: string, operands: Readonly<Record<string, Tensor>>): void {
  for (const [name, x] of Object.entries(operands)) checkFloat(op, name, x);
}

export function checkSameShape(op: string, input: Tensor, target: Tensor, name = 'target'): void {
  if (sameShape(input.shape, target.shape)) return;
  const text = `input has shape ${shapeText(input.shape)}, ${name} ${shapeText(target.shape)}`;
  throw new ShapeError(op, text, input.shape, target.shape);
}

/** A finite number among the options. */
export function checkFactor(op: string, name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new ArgumentError(op, `${name} must be a finite number, got ${valueText(value)}`, value);
}

export function weighted(op: string, losses: Tensor, weight: Tensor | null | undefined): Tensor {
  if (weight === undefined || weight === null) return losses;
  checkTensor(op, weight, 'weight');
  return mul(losses, weight);
}
