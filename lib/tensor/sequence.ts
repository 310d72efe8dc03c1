// Tensors of evenly spaced numbers, and the identity matrix.
import { ArgumentError, DTypeError, valueText } from '../errors.js';
import { native } from '../native.js';
import { checkOptions } from './check.js';
import { fromTypedArray, getDefaultDType, type TensorOptions, zeros } from './create.js';
import { checkDType, type DType, isFloating } from './dtype.js';
import { checkShape } from './layout.js';
import { emptyContiguous, type Tensor, viewOf } from './tensor.js';

function finished(x: Tensor, options: TensorOptions): Tensor {
  if (options.requiresGrad) x.requiresGrad = true;
  return x;
}

function checkNumbers(op: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new ArgumentError(op, `${name} must be a finite number, got ${valueText(value)}`, value);
    }
  }
}

/**
 * The numbers from `start` (default 0) up to but not including `end`, `step` (default 1) apart. The dtype is int64 when
 * all three are integers, as in PyTorch, else the default floating-point one.
 *
 * @example
 * arange(5);                              // 0 1 2 3 4
 * arange(1, 2, 0.25, { dtype: 'float64' });
 */
export function arange(end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, step: number, options?: TensorOptions): Tensor;
export function arange(from: number, ...rest: (number | TensorOptions | undefined)[]): Tensor {
  const numbers: number[] = [from];
  while (typeof rest[0] === 'number') numbers.push(rest.shift() as number);
  const options = rest.length > 0 && rest[0] !== undefined ? (rest[0] as TensorOptions) : {};
  checkOptions('arange', options);
  const [start, end, step] = numbers.length === 1 ? [0, from, 1] : [from, numbers[1], numbers[2] ?? 1];
  checkNumbers('arange', { start, end, step });
  if (step === 0 || (end - start) * step < 0) {
    throw new ArgumentError('arange', `step ${step} does not lead from ${start} to ${end}`, step);
  }
  const whole = Number.isInteger(start) && Number.isInteger(end) && Number.isInteger(step);
  const dtype = checkDType('arange', options.dtype ?? (whole ? 'int64' : getDefaultDType()));
  if (dtype === 'bool') throw new DTypeError('arange', 'does not make bool tensors', dtype);
  // As in PyTorch: integers count from a whole start in whole steps; only int64 takes the end as whole, too.
  const integer = !isFloating(dtype);
  const [first, by] = integer ? [Math.trunc(start), Math.trunc(step)] : [start, step];
  if (by === 0) throw new ArgumentError('arange', `step ${step} is 0 in ${dtype}`, step);
  const exact = dtype === 'int64' ? (Math.trunc(end) - first) / by : (end - start) / step;
  const out = emptyContiguous(checkShape('arange', [Math.max(Math.ceil(exact), 0)]), dtype);
  native.arange(out._id, first, by);
  return finished(out, options);
}

/** `steps` evenly spaced numbers from `start` to `end`, both included. */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  checkOptions('linspace', options);
  checkNumbers('linspace', { start, end, steps });
  return spaced('linspace', start, end, steps, options, (x) => x);
}

function spaced(
  op: string,
  start: number,
  end: number,
  steps: number,
  options: TensorOptions,
  f: (x: number) => number,
): Tensor {
  const [n] = checkShape(op, [steps]);
  const dtype: DType = checkDType(op, options.dtype ?? getDefaultDType());
  const step = n > 1 ? (end - start) / (n - 1) : 0;
  // From both ends, so that both are exact.
  const values = Float64Array.from({ length: n }, (_, i) => f(i < n / 2 ? start + i * step : end - (n - 1 - i) * step));
  const exact = fromTypedArray(values, [n], 'float64');
  if (dtype === 'float64') return finished(exact, options);
  const out = emptyContiguous([n], dtype);
  native.copy(out._id, exact._id);
  exact.dispose();
  return finished(out, options);
}

/** Options of {@link logspace}. */
export interface LogspaceOptions extends TensorOptions {
  /** Default 10. */
  base?: number;
}

/**
 * `steps` numbers from `base ** start` to `base ** end`, both included, whose exponents are evenly spaced.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.logspace.html
 */
export function logspace(start: number, end: number, steps: number, options: LogspaceOptions = {}): Tensor {
  checkOptions('logspace', options);
  const { base = 10 } = options;
  checkNumbers('logspace', { start, end, steps, base });
  return spaced('logspace', start, end, steps, options, (x) => base ** x);
}

/** Ones on the diagonal of an `n` x `m` matrix (`m` is `n` by default), zeros elsewhere. */
export function eye(n: number, options?: TensorOptions): Tensor;
export function eye(n: number, m?: number, options?: TensorOptions): Tensor;
export function eye(n: number, ...rest: [(number | TensorOptions)?, TensorOptions?]): Tensor {
  const [second = n] = rest;
  const m = typeof second === 'number' ? second : n;
  const options = (typeof second === 'number' ? rest[1] : second) ?? {};
  checkOptions('eye', options);
  checkShape('eye', [n, m]);
  const out = zeros([n, m], { dtype: options.dtype });
  const diagonal = viewOf(out, [Math.min(n, m)], [m + 1]);
  native.fill(diagonal._id, 1);
  diagonal.dispose();
  return finished(out, options);
}
