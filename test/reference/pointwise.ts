// Functions of one element, of two, and choices between them.
import { type Arr, floating, isFloat, mapped, type RefDType, resultType, stored, zipped } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';
import { rounded } from './numbers.js';

const entry = family('pointwise');

export interface Unary {
  dtypes?: 'all' | 'numeric' | 'float';
  low?: number;
  high?: number;
  /** bool is refused. */
  numeric?: boolean;
  /** Integers stay integers. */
  keeps?: boolean;
  ulps?: number;
  covers?: readonly string[];
}

/** A function of one number. */
export function unary(name: string, fn: (x: number) => number, options: Unary = {}): void {
  const { low = -3, high = 3, numeric = false, keeps = false, dtypes = 'all', ulps, covers } = options;
  entry(name, {
    draw: (d: Draw): [TensorArg] => [
      d.tensor(d.shape(), { dtype: d.dtype(numeric ? 'numeric' : dtypes), low, high, values: d.anyValues() }),
    ],
    reference: (x) => mapped(x, fn, keeps ? x.dtype : floating(x.dtype)),
    out: !name.includes('.'),
    ulps,
    covers,
  });
}

/** Halves go to the even neighbour. */
export function roundEven(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const low = Math.floor(x);
  const rest = x - low;
  if (rest === 0.5) return low % 2 === 0 ? low : low + 1;
  return rest < 0.5 ? low : low + 1;
}

/** The error function, by a series of positive terms. */
export function erf(x: number): number {
  if (Number.isNaN(x) || x === 0) return x;
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  let term = a;
  let sum = a;
  for (let n = 1; term > sum * 1e-18; n++) {
    term *= (2 * a * a) / (2 * n + 1);
    sum += term;
  }
  return (Math.sign(x) * 2 * Math.exp(-a * a) * sum) / Math.sqrt(Math.PI);
}

unary('neg', (x) => -x, { numeric: true, keeps: true });
unary('abs', Math.abs, { numeric: true, keeps: true });
unary('sign', (x) => (Number.isNaN(x) ? 0 : Math.sign(x)), { numeric: true, keeps: true });
unary('square', (x) => x * x, { numeric: true, keeps: true });
unary('relu', (x) => Math.max(x, 0), { numeric: true, keeps: true, covers: ['relu', 'reluGrad'] });
unary('floor', Math.floor, { numeric: true, keeps: true });
unary('ceil', Math.ceil, { numeric: true, keeps: true });
unary('trunc', Math.trunc, { numeric: true, keeps: true });
unary('round', roundEven, { numeric: true, keeps: true, low: -9, high: 9 });
unary('reciprocal', (x) => 1 / x, { low: 0.25 });
unary('sqrt', Math.sqrt, { low: 0.1, high: 9 });
unary('rsqrt', (x) => 1 / Math.sqrt(x), { low: 0.1, high: 9 });
unary('exp', Math.exp, { low: -4, high: 4 });
unary('expm1', Math.expm1);
unary('log', Math.log, { low: 0.1, high: 9 });
unary('log1p', Math.log1p, { low: -0.8, high: 9 });
unary('log2', Math.log2, { low: 0.1, high: 9 });
unary('log10', Math.log10, { low: 0.1, high: 9 });
unary('sigmoid', (x) => 1 / (1 + Math.exp(-x)), { low: -9, high: 9, covers: ['sigmoid', 'sigmoidGrad'] });
unary('tanh', Math.tanh, { low: -9, high: 9, covers: ['tanh', 'tanhGrad'] });
unary('erf', erf, { ulps: 8 });
unary('sin', Math.sin, { low: -9, high: 9 });
unary('cos', Math.cos, { low: -9, high: 9 });
unary('tan', Math.tan, { low: -1.4, high: 1.4 });
unary('asin', Math.asin, { low: -0.95, high: 0.95 });
unary('acos', Math.acos, { low: -0.95, high: 0.95 });
unary('atan', Math.atan, { low: -9, high: 9 });
unary('sinh', Math.sinh);
unary('cosh', Math.cosh);
unary('asinh', Math.asinh, { low: -9, high: 9 });
unary('acosh', Math.acosh, { low: 1.2, high: 9 });
unary('atanh', Math.atanh, { low: -0.95, high: 0.95 });

export type Fn = (a: number, b: number) => number;

export interface Binary {
  dtypes?: 'all' | 'numeric' | 'float' | 'integer';
  /** Not the same dtype for both. Default true. */
  mixed?: boolean;
  covers?: readonly string[];
  numeric?: boolean;
  /** Of the second operand. */
  low?: number;
  high?: number;
  firstLow?: number;
  result?: (...operands: (Arr | number)[]) => RefDType;
  ulps?: number;
  length?: number;
  differentiable?: boolean;
}

/** Two operands, of which the second may be a number. */
function drawOperands(d: Draw, o: Binary, scalars: boolean): [TensorArg, TensorArg | number] {
  const [left, right] = d.pair();
  const group = o.numeric ? 'numeric' : (o.dtypes ?? 'all');
  const dtype = d.dtype(group);
  const a = d.tensor(left, { dtype, values: d.anyValues(), low: o.firstLow });
  const { low = -3, high = 3 } = o;
  if (scalars && d.chance(0.3)) return [a, d.number(Math.max(low, 0), high)];
  // A shifted range, so that in gradient runs no two elements of a and b are equal.
  const shift = d.gradient ? 1 / 256 : 0;
  const other = o.mixed !== false && d.chance(0.3) ? d.dtype(group) : dtype;
  return [a, d.tensor(right, { dtype: other, values: d.anyValues(), low: low + shift, high: high + shift })];
}

/** A number as an operand of a dtype holds it. */
const held = (dtype: RefDType, x: number): number => (isFloat(dtype) ? rounded(dtype, x) : stored(dtype, x));

/** Two arrays meet in their common dtype, which an array without axes may not fit into: -1 beside uint8 is 255. */
function value(x: Arr | number, fn: Fn, a: Arr, dtype: RefDType): Arr {
  if (typeof x === 'number') return mapped(a, (y) => fn(y, x), dtype);
  const common = resultType(a, x);
  return zipped(dtype, (p, q) => fn(held(common, p), held(common, q)), a, x);
}

/** A function of two numbers, with broadcasting. */
export function binary(name: string, fn: Fn, options: Binary = {}, scalars = true): void {
  const { covers, ulps, length, differentiable, result = resultType } = options;
  entry(name, {
    covers,
    ulps,
    length,
    differentiable,
    out: !name.includes('.'),
    draw: (d) => drawOperands(d, options, scalars),
    reference: (a, b) => value(b, fn, a, result(a, b)),
  });
}

/** The number on the left. */
function reversed(name: string, fn: Fn, options: Binary = {}): void {
  const { covers, ulps, length, differentiable, low = -3, high = 3, result = resultType } = options;
  entry(`${name}#reversed`, {
    covers,
    ulps,
    length,
    differentiable,
    draw: (d): [number, TensorArg] => [
      d.number(options.firstLow ?? -3, 3),
      d.tensor(d.shape(), { dtype: d.dtype('numeric'), values: d.anyValues(), low, high }),
    ],
    reference: (a, b) => mapped(b, (x) => fn(a, x), result(b, a)),
  });
}

export const floatResult = (...operands: (Arr | number)[]): RefDType => floating(resultType(...operands));

/** `a` and `alpha * b`. */
function withAlpha(name: string, sign: number): void {
  entry(`${name}#alpha`, {
    covers: [name],
    length: 1,
    draw: (d): [TensorArg, TensorArg, { alpha: number }] => {
      const [left, right] = d.pair();
      const dtype = d.dtype('numeric');
      const alpha = isFloat(dtype) ? d.number(-2, 2) : d.int(-2, 2);
      return [d.tensor(left, { dtype }), d.tensor(right, { dtype }), { alpha }];
    },
    reference: (a, b, { alpha }) => zipped(resultType(a, b), (x, y) => x + sign * alpha * y, a, b),
  });
}

binary('add', (a, b) => a + b, { covers: ['add', 'addScalar'], length: 1 });
binary('sub', (a, b) => a - b, { covers: ['sub', 'addScalar'], numeric: true, length: 1 });
binary('mul', (a, b) => a * b, { covers: ['mul', 'mulScalar'] });
withAlpha('add', 1);
withAlpha('sub', -1);
reversed('sub', (a, b) => a - b, { covers: ['scalarSub'], length: 1 });
binary('div', (a, b) => a / b, { covers: ['div', 'divScalar'], low: 0.5, high: 4, result: floatResult });
reversed('div', (a, b) => a / b, { covers: ['scalarDiv'], low: 0.5, high: 4, result: floatResult });
binary('maximum', (a, b) => Math.max(a, b), {}, false);
binary('minimum', (a, b) => Math.min(a, b), {}, false);
binary('atan2', Math.atan2, { low: 0.5, result: floatResult }, false);

/** Whole numbers of divisors, so that no quotient lies at a jump by rounding. */
function divisor(name: string, fn: Fn, covers: readonly string[], options?: { roundingMode: 'floor' | 'trunc' }): void {
  entry(options ? `${name}#${options.roundingMode}` : name, {
    covers,
    draw: (d): [TensorArg, TensorArg | number, { roundingMode: 'floor' | 'trunc' }?] => {
      const [left, right] = d.pair();
      const dtype = d.dtype('numeric');
      const a = d.tensor(left, { dtype, low: -40, high: 40 });
      const whole = { dtype, low: 1, high: 9, values: 'whole', grad: false } as const;
      const b = d.chance(0.3) ? d.int(1, 9) : d.tensor(right, whole);
      return options ? [a, b, options] : [a, b];
    },
    reference: (a, b) => value(b, fn, a, resultType(a, b)),
  });
}

divisor('floorDivide', (a, b) => Math.floor(a / b), ['roundedDiv']);
divisor('div', (a, b) => Math.floor(a / b), ['roundedDiv'], { roundingMode: 'floor' });
divisor('div', (a, b) => Math.trunc(a / b), ['roundedDiv'], { roundingMode: 'trunc' });
divisor('remainder', (a, b) => a - b * Math.floor(a / b), ['remainder']);
divisor('fmod', (a, b) => a % b, ['fmod']);

entry('pow', {
  covers: ['pow', 'powScalar'],
  ulps: 16,
  draw: (d): [TensorArg, TensorArg | number] => {
    const [left, right] = d.pair();
    const dtype = d.dtype('numeric');
    const low = isFloat(dtype) ? 0.25 : 0;
    const exponents = isFloat(dtype) ? { low: -2, high: 3 } : { low: 0, high: 4 };
    const a = d.tensor(left, { dtype, low, high: 3 });
    if (d.chance(0.4)) return [a, isFloat(dtype) ? d.number(-2, 3) : d.int(0, 4)];
    return [a, d.tensor(right, { dtype, ...exponents })];
  },
  reference: (a, b) => value(b, Math.pow, a, resultType(a, b)),
});
entry('pow#reversed', {
  covers: ['scalarPow'],
  ulps: 16,
  draw: (d): [number, TensorArg] => [d.number(0.5, 3), d.tensor(d.shape(), { low: -2, high: 3 })],
  reference: (a, b) => mapped(b, (x) => a ** x, resultType(b, a)),
});

for (const [name, fn] of Object.entries({
  eq: (a: number, b: number) => a === b,
  ne: (a: number, b: number) => a !== b,
  lt: (a: number, b: number) => a < b,
  le: (a: number, b: number) => a <= b,
  gt: (a: number, b: number) => a > b,
  ge: (a: number, b: number) => a >= b,
})) {
  binary(name, (a, b) => Number(fn(a, b)), {
    covers: [name, `${name}Scalar`],
    result: () => 'bool',
    differentiable: false,
  });
}

for (const [name, fn] of Object.entries({
  bitwiseAnd: (a: bigint, b: bigint) => a & b,
  bitwiseOr: (a: bigint, b: bigint) => a | b,
  bitwiseXor: (a: bigint, b: bigint) => a ^ b,
})) {
  entry(name, {
    differentiable: false,
    draw: (d): [TensorArg, TensorArg] => {
      const [left, right] = d.pair();
      const [a, b] = [d, d].map(() => (d.chance(0.3) ? 'bool' : d.dtype('integer'))) as [RefDType, RefDType];
      return [d.tensor(left, { dtype: a, low: -90, high: 90 }), d.tensor(right, { dtype: b, low: -90, high: 90 })];
    },
    reference: (a, b) => zipped(resultType(a, b), (x, y) => Number(fn(BigInt(x), BigInt(y))), a, b),
  });
}

entry('bitwiseNot', {
  differentiable: false,
  draw: (d): [TensorArg] => [
    d.tensor(d.shape(), { dtype: d.chance(0.3) ? 'bool' : d.dtype('integer'), low: -90, high: 90 }),
  ],
  reference: (x) => mapped(x, (v) => (x.dtype === 'bool' ? 1 - v : -v - 1)),
});

for (const [name, fn] of Object.entries({
  logicalAnd: (a: boolean, b: boolean) => a && b,
  logicalOr: (a: boolean, b: boolean) => a || b,
  logicalXor: (a: boolean, b: boolean) => a !== b,
})) {
  const truth: Fn = (a, b) => Number(fn(a !== 0, b !== 0));
  binary(name, truth, { result: () => 'bool', covers: [], differentiable: false }, false);
}

for (const [name, fn] of Object.entries({
  logicalNot: (x: number) => x === 0,
  isnan: Number.isNaN,
  isinf: (x: number) => Math.abs(x) === Infinity,
  isfinite: Number.isFinite,
})) {
  entry(name, {
    differentiable: false,
    draw: (d): [TensorArg] => [d.tensor(d.shape(), { dtype: d.dtype('all'), values: d.anyValues() })],
    reference: (x) => mapped(x, (v) => Number(fn(v)), 'bool'),
  });
}

entry('where', {
  method: false,
  dtypeOf: 1,
  draw: (d): [TensorArg, TensorArg | number, TensorArg | number] => {
    const [left, right] = d.pair();
    const condition = d.tensor(d.broadcastable(left), { dtype: 'bool', low: 0, high: 1 });
    const dtype = d.dtype('all');
    const a = d.chance(0.2) ? d.number(-3, 3) : d.tensor(left, { dtype, values: d.anyValues() });
    const b = d.chance(0.2) ? d.number(-3, 3) : d.tensor(right, { dtype: d.chance(0.3) ? d.dtype('all') : dtype });
    return [condition, a, b];
  },
  reference: (condition, a, b) => {
    const dtype = resultType(a, b);
    const [x, y] = [a, b].map((v) => (typeof v === 'number' ? { ...condition, number: v } : v));
    const pick = (c: number, p: number, q: number) => (c !== 0 ? p : q);
    if ('number' in x) {
      if ('number' in y) return mapped(condition, (c) => pick(c, x.number, y.number), dtype);
      return zipped(dtype, (c, q) => pick(c, x.number, q), condition, y as Arr);
    }
    if ('number' in y) return zipped(dtype, (c, p) => pick(c, p, y.number), condition, x as Arr);
    return zipped(dtype, pick, condition, x as Arr, y as Arr);
  },
});

const bounded = (x: number, low: number | null, high: number | null): number => {
  if (Number.isNaN(x)) return x;
  const above = low !== null && x < low ? low : x;
  return high !== null && above > high ? high : above;
};

entry('clamp', {
  draw: (d): [TensorArg, number | null, number | null] => {
    const x = d.tensor(d.shape(), { dtype: d.dtype('numeric'), values: d.anyValues() });
    const low = d.chance(0.2) ? null : d.number(-2, 1);
    const high = low === null || d.chance(0.7) ? d.number(0, 3) : null;
    return [x, low, high];
  },
  inPlace: true,
  reference: (x, low, high) =>
    mapped(x, (v) => bounded(v, low, high), resultType(x, ...[low, high].filter((b) => b !== null))),
});

entry('F.softplus', {
  ulps: 8,
  draw: (d): [TensorArg, { beta?: number; threshold?: number }] => [
    d.tensor(d.shape(), { dtype: d.dtype('float'), low: -9, high: 9 }),
    { beta: d.maybe(() => d.number(0.5, 2)), threshold: d.maybe(() => 8.13) },
  ],
  length: 1,
  reference: (x, { beta = 1, threshold = 20 }) =>
    mapped(x, (v) => (v * beta > threshold ? v : Math.log1p(Math.exp(v * beta)) / beta)),
});
