// Checks that several regularizers share.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { checkTensor } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';

/** @internal */
export function checkAtLeast(op: string, name: string, value: unknown, least: number): asserts value is number {
  if (typeof value === 'number' && value >= least && value < Infinity) return;
  throw new ArgumentError(op, `${name} must be a number >= ${least}, got ${valueText(value)}`, value);
}

/** @internal */
export function checkPositive(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value > 0 && value < Infinity) return;
  throw new ArgumentError(op, `${name} must be a number > 0, got ${valueText(value)}`, value);
}

/** @internal */
export function checkShare(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return;
  throw new ArgumentError(op, `${name} must lie in [0, 1], got ${valueText(value)}`, value);
}

/** @internal */
export function checkCount(op: string, name: string, value: unknown, least = 1): asserts value is number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return;
  throw new ArgumentError(op, `${name} must be an integer >= ${least}, got ${valueText(value)}`, value);
}

/** @internal A batch of at least `axes` axes. */
export function checkBatch(op: string, x: Tensor, axes: number, wanted: string): void {
  checkTensor(op, x, 'input');
  if (x.ndim < axes) throw new ShapeError(op, `a batch ${wanted} is needed, got ${shapeText(x.shape)}`, x.shape);
}
