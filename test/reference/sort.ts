// Scans, sorting, ranks and distinct values.
import { Arr, alongAxis, axisOf, floating, isFloat, linesReplaced, type RefDType } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('sort');

type Along = [TensorArg, number];

/** A tensor without axes of size 0, and one of its axes. */
function along(d: Draw, dtype: RefDType, low?: number, high?: number): Along {
  const shape = d.shape({ full: true });
  const values = d.gradient ? 'distinct' : d.anyValues();
  return [d.tensor(shape, { dtype, values, low, high }), d.dim(shape.length)];
}

const toSum = (dtype: RefDType): RefDType => (isFloat(dtype) ? dtype : 'int64');
const size = (x: Arr, dim: number): number => (x.ndim === 0 ? 1 : x.shape[axisOf(dim, x.ndim)]);

/** Every prefix of a line through `fn`. */
const prefixes = (x: Arr, dim: number, dtype: RefDType, fn: (line: Float64Array) => number): Arr =>
  linesReplaced(x, dim, dtype, size(x, dim), (line) => line.map((_, i) => fn(line.subarray(0, i + 1))));

const runningSum = (line: Float64Array): Float64Array => {
  let total = 0;
  return line.map((v) => (total += v));
};
const runningProduct = (line: Float64Array): Float64Array => {
  let total = 1;
  return line.map((v) => (total *= v));
};

entry('cumsum', {
  draw: (d): Along => along(d, d.dtype('all')),
  reference: (x, dim) => linesReplaced(x, dim, toSum(x.dtype), size(x, dim), runningSum),
  length: (x, dim) => size(x, dim),
});
entry('cumprod', {
  draw: (d): [TensorArg, number] => {
    const dtype = d.dtype('all');
    const shape = d.shape({ full: true, most: isFloat(dtype) ? 300 : 30 });
    const bounds = isFloat(dtype) ? { low: 0.5, high: 1.5 } : { low: -2, high: 2 };
    return [d.tensor(shape, { dtype, ...bounds }), d.dim(shape.length)];
  },
  reference: (x, dim) => linesReplaced(x, dim, toSum(x.dtype), size(x, dim), runningProduct),
  ulps: 64,
});
entry('logcumsumexp', {
  draw: (d): Along => along(d, d.dtype('float')),
  reference: (x, dim) =>
    prefixes(x, dim, floating(x.dtype), (line) => {
      const top = line.reduce((a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b)));
      if (!Number.isFinite(top)) return top;
      return top + Math.log(line.reduce((sum, v) => sum + Math.exp(v - top), 0));
    }),
  length: (x, dim) => size(x, dim),
  ulps: 16,
});

/** The last of the largest (sign 1) or smallest elements; the last NaN if there is one. */
function lastExtreme(line: ArrayLike<number>, sign: number): number {
  let best = 0;
  for (let i = 1; i < line.length; i++) {
    if (Number.isNaN(line[i]) || (!Number.isNaN(line[best]) && sign * line[i] >= sign * line[best])) best = i;
  }
  return best;
}
for (const [name, sign] of [
  ['cummax', 1],
  ['cummin', -1],
] as const) {
  entry(name, {
    draw: (d): Along => along(d, d.dtype('all')),
    reference: (x, dim) => ({
      values: prefixes(x, dim, x.dtype, (line) => line[lastExtreme(line, sign)]),
      indices: prefixes(x, dim, 'int64', (line) => lastExtreme(line, sign)),
    }),
  });
}

const rank = (v: number): number => (Number.isNaN(v) ? Number.POSITIVE_INFINITY : v);
const nanLast = (a: number, b: number): number =>
  Number(Number.isNaN(a)) - Number(Number.isNaN(b)) || (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0);

/** Positions in stable order. */
function order(line: ArrayLike<number>, descending = false): number[] {
  const positions = Array.from(line, (_, i) => i);
  return positions.sort((i, j) => (descending ? nanLast(line[j], line[i]) : nanLast(line[i], line[j])) || i - j);
}
const pick = (line: Float64Array, positions: readonly number[]): number[] => positions.map((i) => line[i]);

entry('sort', {
  draw: (d): [TensorArg, number, { descending?: boolean }] => [
    ...along(d, d.dtype('all')),
    { descending: d.maybe(() => d.chance(0.5)) },
  ],
  reference: (x, dim, { descending }) => ({
    values: linesReplaced(x, dim, x.dtype, size(x, dim), (line) => pick(line, order(line, descending))),
    indices: linesReplaced(x, dim, 'int64', size(x, dim), (line) => order(line, descending)),
  }),
});
entry('argsort', {
  differentiable: false,
  draw: (d): [TensorArg, number, { descending?: boolean }] => [
    ...along(d, d.dtype('all')),
    { descending: d.maybe(() => d.chance(0.5)) },
  ],
  reference: (x, dim, { descending }) =>
    linesReplaced(x, dim, 'int64', size(x, dim), (line) => order(line, descending)),
});
entry('topk', {
  draw: (d): [TensorArg, number, number, { largest?: boolean }] => {
    const shape = d.shape({ full: true });
    const x = d.tensor(shape, { dtype: d.dtype('numeric'), values: d.gradient ? 'distinct' : d.anyValues() });
    const dim = d.dim(shape.length);
    const most = shape.length === 0 ? 1 : shape[axisOf(dim, shape.length)];
    return [x, d.int(1, most), dim, { largest: d.maybe(() => d.chance(0.5)) }];
  },
  reference: (x, k, dim, { largest = true }) => ({
    values: linesReplaced(x, dim, x.dtype, k, (line) => pick(line, order(line, largest).slice(0, k))),
    indices: linesReplaced(x, dim, 'int64', k, (line) => order(line, largest).slice(0, k)),
  }),
});

type Ranked = [TensorArg, number, { keepdim?: boolean }];
const drawRanked = (d: Draw): Ranked => [...along(d, d.dtype('numeric')), { keepdim: d.maybe(() => d.chance(0.5)) }];

/** The element at one position of each line. */
const chosen = (x: Arr, dim: number, keepdim: boolean, at: (line: Float64Array) => number) => ({
  values: alongAxis(x, dim, keepdim, x.dtype, (line) => line[at(line)]),
  indices: alongAxis(x, dim, keepdim, 'int64', at),
});

entry('kthvalue', {
  draw: (d): [TensorArg, number, number, { keepdim?: boolean }] => {
    const [x, dim, options] = drawRanked(d);
    const n = x.shape.length === 0 ? 1 : x.shape[axisOf(dim, x.shape.length)];
    return [x, d.int(1, n), dim, options];
  },
  reference: (x, k, dim, { keepdim = false }) => chosen(x, dim, keepdim, (line) => order(line)[k - 1]),
});

function medianAt(line: Float64Array, ignoreNan: boolean): number {
  const nans = line.filter(Number.isNaN).length;
  if (nans === line.length || (nans > 0 && !ignoreNan)) return line.findIndex(Number.isNaN);
  return order(line)[Math.floor((line.length - nans - 1) / 2)];
}
function modeAt(line: Float64Array): number {
  const counts = new Map<number, number>();
  for (const v of line) counts.set(v + 0, (counts.get(v + 0) ?? 0) + 1);
  const most = Math.max(...counts.values());
  const best = [...counts].filter(([, n]) => n === most).sort(([a], [b]) => nanLast(a, b))[0][0];
  return line.findLastIndex((v) => v === best || (Number.isNaN(v) && Number.isNaN(best)));
}
for (const [name, at] of [
  ['median', (line: Float64Array) => medianAt(line, false)],
  ['nanmedian', (line: Float64Array) => medianAt(line, true)],
  ['mode', modeAt],
] as const) {
  entry(name, {
    draw: drawRanked,
    reference: (x, dim, { keepdim = false }) => chosen(x, dim, keepdim, at),
  });
  if (name === 'mode') continue;
  entry(`${name}#all`, {
    covers: [`${name}All`],
    draw: (d): [TensorArg] => [along(d, d.dtype('numeric'))[0]],
    reference: (x) => new Arr([], x.dtype, Float64Array.of(x.data[at(x.data)])),
  });
}

const INTERPOLATIONS = ['linear', 'lower', 'higher', 'midpoint', 'nearest'] as const;

function quantileOf(line: ArrayLike<number>, q: number, how: (typeof INTERPOLATIONS)[number]): number {
  const sorted = Array.from(line).sort(nanLast);
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  if (how === 'lower') return low;
  if (how === 'higher') return high;
  if (how === 'nearest') {
    const down = at - Math.floor(at);
    return down < 0.5 || (down === 0.5 && Math.floor(at) % 2 === 0) ? low : high;
  }
  if (Math.floor(at) === at) return Number.isFinite(low) ? low : low + 0 * (high - low);
  return low + (how === 'midpoint' ? 0.5 : at - Math.floor(at)) * (high - low);
}
for (const name of ['quantile', 'nanquantile'] as const) {
  entry(name, {
    covers: [],
    draw: (d): [TensorArg, number, number, { interpolation?: (typeof INTERPOLATIONS)[number] }] => {
      const [x, dim] = along(d, d.dtype('wide'));
      const interpolation = d.maybe(() => d.pick(INTERPOLATIONS));
      return [x, d.pick([0, 0.25, 0.5, 0.75, 1]), dim, { interpolation }];
    },
    reference: (x, q, dim, { interpolation = 'linear' }) =>
      alongAxis(x, dim, false, x.dtype, (line) => {
        const kept = name === 'nanquantile' ? line.filter((v) => !Number.isNaN(v)) : line;
        if (kept.length === 0 || kept.some(Number.isNaN)) return Number.NaN;
        return quantileOf(kept, q, interpolation);
      }),
    length: 4,
    ulps: 16,
  });
}
entry('bincount', {
  differentiable: false,
  draw: (d): [TensorArg, null, { minlength?: number }] => [
    d.tensor([d.int(0, 300)], { dtype: d.pick(['int64', 'int32', 'uint8']), low: 0, high: 20 }),
    null,
    { minlength: d.maybe(() => d.int(0, 30)) },
  ],
  reference: (x, _weights, { minlength = 0 }) => {
    const out = new Float64Array(x.data.reduce((n, v) => Math.max(n, v + 1), minlength));
    for (const v of x.data) out[v]++;
    return new Arr([out.length], 'int64', out);
  },
});
entry('unique', {
  differentiable: false,
  draw: (d): [TensorArg, { returnInverse: boolean; returnCounts: boolean }] => [
    d.tensor(d.shape(), { dtype: d.dtype('all'), values: d.pick(['whole', 'uniform']) }),
    { returnInverse: true, returnCounts: true },
  ],
  reference: (x) => {
    const values = [...new Set(Array.from(x.data, (v) => v + 0))].sort((a, b) => a - b);
    const line = (data: number[], dtype: RefDType) => new Arr([data.length], dtype, Float64Array.from(data));
    return {
      values: line(values, x.dtype),
      inverse: new Arr(
        x.shape,
        'int64',
        x.data.map((v) => values.indexOf(v + 0)),
      ),
      counts: line(
        values.map((v) => x.data.filter((y) => y === v).length),
        'int64',
      ),
    };
  },
});
