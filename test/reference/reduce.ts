// Reductions over some axes, and positions of extrema.
import {
  Arr,
  alongAxis,
  axisOf,
  build,
  count,
  floating,
  indicesOf,
  isFloat,
  type RefDType,
  type Shape,
} from './array.js';
import type { Draw, TensorArg, Values } from './draw.js';
import { family } from './entry.js';

const entry = family('reduce');

export type Dims = number | number[] | null | undefined;
/** The axes that `dims` names: all when there is none. */
export function reducedAxes(dims: Dims, ndim: number): Set<number> {
  if (ndim === 0) return new Set();
  if (dims === null || dims === undefined) return new Set(Array.from({ length: ndim }, (_, i) => i));
  const list = typeof dims === 'number' ? [dims] : dims;
  if (list.length === 0) return new Set(Array.from({ length: ndim }, (_, i) => i));
  return new Set(list.map((dim) => axisOf(dim, ndim)));
}

export const reducedCount = (x: Arr, dims: Dims): number => {
  const axes = reducedAxes(dims, x.ndim);
  return count(x.shape.filter((_, axis) => axes.has(axis)));
};

/** One number from the elements over `dims`, in row-major order. */
export function reduceOver(
  x: Arr,
  dims: Dims,
  keepdim: boolean,
  dtype: RefDType,
  fn: (values: readonly number[]) => number,
): Arr {
  const axes = reducedAxes(dims, x.ndim);
  const kept = x.shape.map((size, axis) => (axes.has(axis) ? 1 : size));
  const groups = Array.from({ length: count(kept) }, (): number[] => []);
  let at = 0;
  for (const index of indicesOf(x.shape)) {
    let place = 0;
    for (let axis = 0; axis < index.length; axis++) place = place * kept[axis] + (axes.has(axis) ? 0 : index[axis]);
    groups[place].push(x.data[at++]);
  }
  const out = build(kept, dtype, (_, flat) => fn(groups[flat]));
  return keepdim
    ? out
    : new Arr(
        x.shape.filter((_, axis) => !axes.has(axis)),
        dtype,
        out.data,
      );
}

/** All axes, one, or some. */
export function drawDims(d: Draw, ndim: number): number | number[] | undefined {
  const kind = d.int(0, 3);
  if (kind === 0) return undefined;
  return kind === 1 ? d.dim(ndim) : d.axes(ndim, ndim > 0 ? 1 : 0);
}

type Reduced = [TensorArg, number | number[] | null, { keepdim?: boolean; dtype?: RefDType }];

interface Rules {
  group?: 'all' | 'numeric' | 'float';
  values?: Values;
  low?: number;
  high?: number;
  most?: number;
  full?: boolean;
  convert?: readonly RefDType[];
}

function drawReduction(d: Draw, rules: Rules): Reduced {
  const { group = 'all', low, high, most, full, convert } = rules;
  const shape = d.shape({ most, full });
  const x = d.tensor(shape, { dtype: d.dtype(group), low, high, values: rules.values ?? d.anyValues() });
  const options: Reduced[2] = { keepdim: d.maybe(() => d.chance(0.5)) };
  if (convert && !d.gradient && d.chance(0.2)) options.dtype = d.pick(convert);
  return [x, drawDims(d, shape.length) ?? null, options];
}

const toSum = (dtype: RefDType): RefDType => (isFloat(dtype) ? dtype : 'int64');
const add = (values: readonly number[]): number => {
  let sum = 0;
  for (const x of values) sum += x;
  return sum;
};

const terms = (x: Arr, dims: Dims): number => reducedCount(x, dims) || 1;

entry('sum', {
  draw: (d) => drawReduction(d, { convert: ['float64', 'float32'] }),
  reference: (x, dims, { keepdim = false, dtype }) => reduceOver(x, dims, keepdim, dtype ?? toSum(x.dtype), add),
  length: (x, dims) => terms(x, dims),
});
entry('mean', {
  draw: (d) => drawReduction(d, { group: 'float', convert: ['float64'] }),
  reference: (x, dims, { keepdim = false, dtype }) =>
    reduceOver(x, dims, keepdim, dtype ?? x.dtype, (v) => add(v) / v.length),
  length: (x, dims) => terms(x, dims),
});
entry('prod', {
  draw: (d): Reduced => {
    const dtype = d.dtype('all');
    const most = isFloat(dtype) ? 300 : 30;
    const bounds = isFloat(dtype) ? { low: 0.5, high: 1.5 } : { low: -2, high: 2 };
    const shape = d.shape({ most });
    const x = d.tensor(shape, { dtype, ...bounds });
    return [x, drawDims(d, shape.length) ?? null, { keepdim: d.maybe(() => d.chance(0.5)) }];
  },
  reference: (x, dims, { keepdim = false }) =>
    reduceOver(x, dims, keepdim, toSum(x.dtype), (v) => v.reduce((product, y) => product * y, 1)),
  ulps: 64,
});

/** NaN wins; else the first of the largest (sign 1) or smallest (sign -1). */
export function extremum(values: ArrayLike<number>, sign: number): number {
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) return i;
    if (sign * values[i] > sign * values[best]) best = i;
  }
  return best;
}

for (const [name, position, sign] of [
  ['amax', 'argmax', 1],
  ['amin', 'argmin', -1],
] as const) {
  const own = name.slice(1);
  entry(name, {
    covers: [name],
    draw: (d): Reduced => {
      const [x, dims, options] = drawReduction(d, { full: true, values: d.gradient ? 'distinct' : d.anyValues() });
      return [x, dims, { keepdim: options.keepdim }];
    },
    reference: (x, dims, { keepdim = false }) => reduceOver(x, dims, keepdim, x.dtype, (v) => v[extremum(v, sign)]),
  });
  entry(own, {
    covers: [own],
    draw: (d): [TensorArg, number, { keepdim?: boolean }] => {
      const shape = d.shape({ full: true });
      const x = d.tensor(shape, { dtype: d.dtype('all'), values: d.gradient ? 'distinct' : d.anyValues() });
      return [x, d.dim(shape.length), { keepdim: d.maybe(() => d.chance(0.5)) }];
    },
    reference: (x, dim, { keepdim = false }) => ({
      values: alongAxis(x, dim, keepdim, x.dtype, (v) => v[extremum(v, sign)]),
      indices: alongAxis(x, dim, keepdim, 'int64', (v) => extremum(v, sign)),
    }),
  });
  entry(`${own}#all`, {
    covers: [name],
    draw: (d): [TensorArg] => [
      d.tensor(d.shape({ full: true }), { dtype: d.dtype('all'), values: d.gradient ? 'distinct' : d.anyValues() }),
    ],
    reference: (x) => reduceOver(x, null, false, x.dtype, (v) => v[extremum(v, sign)]),
  });
  entry(position, {
    differentiable: false,
    draw: (d): [TensorArg, number | null, { keepdim?: boolean }] => {
      const shape = d.shape({ full: true });
      const x = d.tensor(shape, { dtype: d.dtype('numeric'), values: d.anyValues() });
      return [x, d.chance(0.7) ? d.dim(shape.length) : null, { keepdim: d.maybe(() => d.chance(0.5)) }];
    },
    reference: (x, dim, { keepdim = false }) =>
      dim === null
        ? reduceOver(x, null, keepdim, 'int64', (v) => extremum(v, sign))
        : alongAxis(x, dim, keepdim, 'int64', (v) => extremum(v, sign)),
  });
}

for (const [name, fn] of Object.entries({
  any: (v: readonly number[]) => v.some((x) => x !== 0),
  all: (v: readonly number[]) => v.every((x) => x !== 0),
})) {
  entry(name, {
    differentiable: false,
    draw: (d): Reduced => drawReduction(d, { values: d.pick(['whole', 'special', 'uniform']), low: -1, high: 1 }),
    reference: (x, dims, { keepdim = false }) => reduceOver(x, dims, keepdim, 'bool', (v) => Number(fn(v))),
  });
}

/** Sum of squared distances from the mean through `n - correction`. */
export function variance(values: readonly number[], correction: number): number {
  const mean = add(values) / values.length;
  return add(values.map((x) => (x - mean) ** 2)) / Math.max(0, values.length - correction);
}

type Spread = [TensorArg, number | number[] | null, { keepdim?: boolean; correction?: number }];

function drawSpread(d: Draw): Spread {
  const shape = d.shape({ full: true, min: d.gradient ? 1 : 0 });
  if (d.gradient) shape[0] = Math.max(shape[0], 2);
  // Large enough that squares overflow in float16.
  const size = !d.gradient && d.chance(0.2) ? 300 : 3;
  const x = d.tensor(shape, { dtype: d.dtype('float'), values: 'distinct', low: -size, high: size });
  const dims = d.gradient ? d.pick([null, 0]) : (drawDims(d, shape.length) ?? null);
  const correction = d.maybe(() => d.pick(d.gradient ? [0, 1, 0.5] : [0, 1, 2, 0.5]));
  return [x, dims, { keepdim: d.maybe(() => d.chance(0.5)), correction }];
}

for (const [name, fn] of Object.entries({ var: (x: number) => x, std: Math.sqrt })) {
  entry(name, {
    covers: ['var'],
    draw: drawSpread,
    reference: (x, dims, { keepdim = false, correction = 1 }) =>
      reduceOver(x, dims, keepdim, x.dtype, (v) => fn(variance(v, correction))),
    length: (x, dims) => 2 * terms(x, dims),
    ulps: 16,
  });
}

for (const [name, fn] of Object.entries({ varMean: (x: number) => x, stdMean: Math.sqrt })) {
  entry(name, {
    covers: ['varMean'],
    draw: drawSpread,
    reference: (x, dims, { keepdim = false, correction = 1 }) => [
      reduceOver(x, dims, keepdim, x.dtype, (v) => fn(variance(v, correction))),
      reduceOver(x, dims, keepdim, x.dtype, (v) => add(v) / v.length),
    ],
    length: (x, dims) => 2 * terms(x, dims),
    ulps: 16,
    method: false,
  });
}

/** The vector norm of order p. */
export function vectorNorm(values: readonly number[], p: number): number {
  const sizes = values.map(Math.abs);
  if (p === Infinity) return sizes.reduce((a, b) => Math.max(a, b), 0);
  if (p === -Infinity) return sizes.reduce((a, b) => Math.min(a, b), Infinity);
  if (p === 0) return sizes.filter((x) => x !== 0).length;
  return add(sizes.map((x) => x ** p)) ** (1 / p);
}

entry('norm', {
  covers: [],
  draw: (d): [TensorArg, number, number | number[] | null, { keepdim?: boolean }] => {
    const shape: Shape = d.shape({ full: true });
    const size = !d.gradient && d.chance(0.2) ? 300 : 3;
    const x = d.tensor(shape, { dtype: d.dtype('float'), values: 'distinct', low: -size - 0.005, high: size });
    const p = d.pick(d.gradient ? [2, 1, 3, 1.5, Infinity] : [2, 1, 3, 1.5, 0, Infinity, -Infinity]);
    return [x, p, drawDims(d, shape.length) ?? null, { keepdim: d.maybe(() => d.chance(0.5)) }];
  },
  reference: (x, p, dims, { keepdim = false }) =>
    reduceOver(x, dims, keepdim, floating(x.dtype), (v) => vectorNorm(v, p)),
  length: (x, _p, dims) => terms(x, dims),
  ulps: 16,
});
