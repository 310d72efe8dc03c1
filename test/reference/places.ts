// Changes by index, index arrays, masks, rows of tables.
import { type Arr, at, atBroadcast, axisOf, build, count, flatIndex, indicesOf, isFloat } from './array.js';
import type { TensorArg } from './draw.js';
import { family } from './entry.js';
import { rowsOf } from './indexing.js';

const entry = family('places');

const moved = (index: readonly number[], axis: number, place: number): number[] =>
  index.map((i, k) => (k === axis ? place : i));

const wrap = (i: number, size: number): number => (i < 0 ? i + size : i);

const withData = (x: Arr, data: ArrayLike<number>): Arr => build(x.shape, x.dtype, (_, i) => data[i]);

entry('scatter', {
  differentiable: false, // of equal indices each source gets the gradient, as in PyTorch
  draw: (d): [TensorArg, number, TensorArg, TensorArg] => {
    const shape = d.shape({ full: true, min: 1, max: 4 });
    const dim = d.dim(shape.length);
    const axis = axisOf(dim, shape.length);
    const own = shape.map((size, i) => (i === axis ? d.int(1, 5) : d.int(1, size)));
    const dtype = d.dtype('all');
    return [d.tensor(shape, { dtype }), dim, d.indices(own, shape[axis]), d.tensor(own, { dtype })];
  },
  reference: (x, dim, index, src) => {
    const axis = axisOf(dim, x.ndim);
    const out = x.data.slice();
    let flat = 0;
    for (const place of indicesOf(index.shape)) {
      out[flatIndex(x.shape, moved(place, axis, index.data[flat++]))] = at(src, place);
    }
    return withData(x, out);
  },
});

const REDUCE: Readonly<Record<string, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  mean: (a, b) => a + b,
  prod: (a, b) => a * b,
  amax: (a, b) => Math.max(a, b),
  amin: (a, b) => Math.min(a, b),
};

entry('scatterReduce', {
  noSecond: 'kinks where two tensors cross lie closer than its steps; the spec has second derivatives',
  draw: (d): [TensorArg, number, TensorArg, TensorArg, 'sum', { includeSelf?: boolean }] => {
    const shape = d.shape({ full: true, min: 1, max: 3 });
    const dim = d.dim(shape.length);
    const axis = axisOf(dim, shape.length);
    const own = shape.map((size, i) => (i === axis ? d.int(1, 5) : d.int(1, size)));
    const dtype = d.dtype('float');
    const reduce = ['sum', 'prod', 'mean', 'amax', 'amin'][d.int(0, 4)] as 'sum';
    return [
      d.tensor(shape, { dtype, values: 'distinct', low: 1.00390625 }),
      dim,
      d.indices(own, shape[axis]),
      d.tensor(own, { dtype, values: 'distinct', low: 1 }),
      reduce,
      { includeSelf: d.maybe(() => d.chance(0.5)) },
    ];
  },
  reference: (x, dim, index, src, reduction, { includeSelf = true }) => {
    const reduce: string = reduction;
    const axis = axisOf(dim, x.ndim);
    const groups = Array.from(x.data, (value): number[] => (includeSelf ? [value] : []));
    let flat = 0;
    for (const place of indicesOf(index.shape)) {
      groups[flatIndex(x.shape, moved(place, axis, index.data[flat++]))].push(at(src, place));
    }
    return build(x.shape, x.dtype, (_, i) => {
      const group = groups[i];
      if (group.length === 0) return x.data[i];
      const total = group.reduce(REDUCE[reduce]);
      return reduce === 'mean' ? total / group.length : total;
    });
  },
  length: (_x, _dim, index) => index.data.length + 1,
});

entry('take', {
  covers: ['index'],
  draw: (d): [TensorArg, TensorArg] => {
    const shape = d.shape({ full: true, max: 4 });
    const index = d.shape({ full: true, max: 3, most: 40 });
    return [d.tensor(shape, { dtype: d.dtype('all') }), d.indices(index, count(shape), true)];
  },
  reference: (x, index) => build(index.shape, x.dtype, (_, i) => x.data[wrap(index.data[i], x.data.length)]),
});

entry('index', {
  draw: (d): [TensorArg, (TensorArg | null)[]] => {
    const shape = d.shape({ full: true, min: 2, max: 4 });
    const [left, right] = d.pair({ full: true, max: 2 });
    const first = d.indices(left, shape[0], true);
    const last = d.indices(right, shape[shape.length - 1], true);
    return [d.tensor(shape, { dtype: d.dtype('all') }), [first, ...shape.slice(2).map(() => null), last]];
  },
  reference: (x, entries) => {
    const first = entries[0] as Arr;
    const last = entries[entries.length - 1] as Arr;
    const ndim = Math.max(first.ndim, last.ndim);
    const size = (a: Arr, i: number): number => a.shape[i - ndim + a.ndim] ?? 1;
    const lead = Array.from({ length: ndim }, (_, i) => (size(first, i) === 1 ? size(last, i) : size(first, i)));
    const middle = x.shape.slice(1, -1);
    return build([...lead, ...middle], x.dtype, (place) => {
      const head = place.slice(0, ndim);
      const row = wrap(atBroadcast(first, head), x.shape[0]);
      const column = wrap(atBroadcast(last, head), x.shape[x.ndim - 1]);
      return at(x, [row, ...place.slice(ndim), column]);
    });
  },
});

entry('indexPut', {
  draw: (d): [TensorArg, TensorArg[], TensorArg, { accumulate: boolean }] => {
    const shape = d.shape({ full: true, min: 1, max: 3 });
    const n = d.int(1, 6);
    const dtype = d.dtype('numeric');
    const value = d.tensor([n, ...shape.slice(1)], { dtype });
    return [d.tensor(shape, { dtype }), [d.indices([n], shape[0], true)], value, { accumulate: true }];
  },
  reference: (x, [index], value) => {
    const out = x.data.slice();
    for (const place of indicesOf(value.shape)) {
      out[flatIndex(x.shape, [wrap(index.data[place[0]], x.shape[0]), ...place.slice(1)])] += at(value, place);
    }
    return withData(x, out);
  },
  length: (_x, [index]) => index.data.length + 1,
});

entry('maskedSelect', {
  covers: ['index'],
  draw: (d): [TensorArg, TensorArg] => {
    const [left, right] = d.pair();
    return [d.tensor(left, { dtype: d.dtype('all') }), d.tensor(right, { dtype: 'bool' })];
  },
  reference: (x, mask) => {
    const ndim = Math.max(x.ndim, mask.ndim);
    const size = (a: Arr, i: number): number => a.shape[i - ndim + a.ndim] ?? 1;
    const shape = Array.from({ length: ndim }, (_, i) => (size(x, i) === 1 ? size(mask, i) : size(x, i)));
    const found: number[][] = [];
    for (const place of indicesOf(shape)) if (atBroadcast(mask, place)) found.push([...place]);
    return build([found.length], x.dtype, (_, i) => atBroadcast(x, found[i]));
  },
  length: 24,
});

entry('maskedFill', {
  covers: ['where'],
  draw: (d): [TensorArg, TensorArg, number] => {
    const shape = d.shape({ max: 4 });
    const dtype = d.dtype('all');
    const value = isFloat(dtype) ? d.int(-8, 8) / 4 : d.int(0, 1);
    return [d.tensor(shape, { dtype }), d.tensor(d.broadcastable(shape), { dtype: 'bool' }), value];
  },
  reference: (x, mask, value) => build(x.shape, x.dtype, (place, i) => (atBroadcast(mask, place) ? value : x.data[i])),
});

entry('F.embedding', {
  draw: (d): [TensorArg, TensorArg] => {
    const rows = d.int(1, 6);
    const index = d.shape({ full: true, max: 3, most: 30 });
    return [d.indices(index, rows), d.tensor([rows, d.int(1, 9)], { dtype: d.dtype('float') })];
  },
  reference: (index, weight) => rowsOf(weight, index),
  length: (index) => index.data.length,
});
