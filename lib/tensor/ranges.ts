import { ArgumentError, valueText } from '../errors.js';
import { native } from '../native.js';
import { checkOptions } from './check.js';
import { fromTypedArray, getDefaultDType, type TensorOptions, zeros } from './create.js';
import { checkDType, isFloating, newTypedArray } from './dtype.js';
import { checkShape } from './layout.js';
import { emptyContiguous, type Tensor, viewOf } from './tensor.js';

function checkNumber(op: string, name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new ArgumentError(op, `${name} must be a finite number, got ${valueText(value)}`, value);
}

function withGrad(tensor: Tensor, options: TensorOptions): Tensor {
  if (options.requiresGrad) tensor.requiresGrad = true;
  return tensor;
}

/** What {@link arange} also takes. */
export interface ArangeOptions extends TensorOptions {
  /** Distance of two values, not 0. Default 1. */
  step?: number;
}

/**
 * `start`, `start + step`, … before `end`; with one number from 0. int64 when all numbers are integers, else float32.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.arange.html
 */
export function arange(end: number, options?: ArangeOptions): Tensor;
export function arange(start: number, end: number, options?: ArangeOptions): Tensor;
export function arange(first: number, second?: number | ArangeOptions, third: ArangeOptions = {}): Tensor {
  const [start, end, options] = typeof second === 'number' ? [first, second, third] : [0, first, second ?? {}];
  checkOptions('arange', options);
  const { step = 1 } = options;
  for (const [name, value] of Object.entries({ start, end, step })) checkNumber('arange', name, value);
  if (step === 0 || (end - start) / step < 0) {
    throw new ArgumentError('arange', `step ${step} does not lead from ${start} to ${end}`, step);
  }
  const integral = [start, end, step].every(Number.isInteger);
  const dtype = checkDType('arange', options.dtype ?? (integral ? 'int64' : getDefaultDType()));
  const out = emptyContiguous(checkShape('arange', [Math.ceil((end - start) / step)]), dtype);
  native.arange(out._id, start, step);
  return withGrad(out, options);
}

/**
 * `steps` values from `start` to `end`, both included, equally spaced.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.linspace.html
 */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  checkOptions('linspace', options);
  checkNumber('linspace', 'start', start);
  checkNumber('linspace', 'end', end);
  checkShape('linspace', [steps]);
  const dtype = checkDType('linspace', options.dtype ?? getDefaultDType());
  if (!isFloating(dtype)) throw new ArgumentError('linspace', `a floating-point dtype is needed, got ${dtype}`, dtype);
  const values = newTypedArray(dtype, steps) as Float64Array;
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  // From both ends, so that the last value is `end` exactly.
  for (let i = 0; i < steps; i++)
    values[i] = i < steps / 2 || steps === 1 ? start + step * i : end - step * (steps - 1 - i);
  return withGrad(fromTypedArray(values, [steps], dtype), options);
}

/** The identity matrix `[n, m]`; `m` is `n` by default. */
export function eye(n: number, m: number = n, options: TensorOptions = {}): Tensor {
  checkOptions('eye', options);
  checkShape('eye', [n, m]);
  const { requiresGrad: _, ...rest } = options;
  const out = zeros([n, m], rest);
  const diagonal = viewOf(out, [Math.min(n, m)], [m + 1]);
  native.fill(diagonal._id, 1);
  diagonal.dispose();
  return withGrad(out, options);
}
