// Look-ups and additions by index.
import { type Arr, at, axisOf, build, count, flatIndex, indicesOf, isFloat, type Shape } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';
import { anyTensor } from './shape.js';

const entry = family('indexing');

const moved = (index: readonly number[], axis: number, place: number): number[] =>
  index.map((i, k) => (k === axis ? place : i));

/** An index shape that fits into `shape` at every axis but `axis`. */
function indexShape(d: Draw, shape: Shape, axis: number): number[] {
  return shape.map((size, i) => (i === axis ? d.int(1, 6) : d.chance(0.3) ? d.int(1, size) : size));
}

entry('gather', {
  draw: (d): [TensorArg, number, TensorArg] => {
    const shape = d.shape({ full: true, max: 4 });
    const dim = d.dim(shape.length);
    const axis = axisOf(dim, shape.length);
    return [anyTensor(d, shape), dim, d.indices(indexShape(d, shape, axis), shape[axis] ?? 1)];
  },
  reference: (x, dim, index) => {
    const axis = axisOf(dim, x.ndim);
    return build(index.shape, x.dtype, (place, flat) => at(x, moved(place, axis, index.data[flat])));
  },
  length: 1,
});
entry('scatterAdd', {
  covers: ['scatter'],
  draw: (d): [TensorArg, number, TensorArg, TensorArg] => {
    const shape = d.shape({ full: true, max: 4 });
    const dim = d.dim(shape.length);
    const axis = axisOf(dim, shape.length);
    const own = indexShape(d, shape, axis);
    const dtype = d.dtype('numeric');
    const source = own.map((size) => size + d.int(0, 1));
    return [d.tensor(shape, { dtype }), dim, d.indices(own, shape[axis] ?? 1), d.tensor(source, { dtype })];
  },
  reference: (x, dim, index, source) => {
    const axis = axisOf(dim, x.ndim);
    const out = x.data.slice();
    let flat = 0;
    for (const place of indicesOf(index.shape)) {
      out[flatIndex(x.shape, moved(place, axis, index.data[flat++]))] += at(source, place);
    }
    return build(x.shape, x.dtype, (_, i) => out[i]);
  },
  length: (_x, _dim, index) => index.data.length,
});
entry('indexSelect', {
  covers: ['index'],
  draw: (d): [TensorArg, number, TensorArg] => {
    const shape = d.shape({ full: true, min: 1, max: 4 });
    const dim = d.dim(shape.length);
    return [anyTensor(d, shape), dim, d.indices([d.int(0, 7)], shape[axisOf(dim, shape.length)])];
  },
  reference: (x, dim, index) => {
    const axis = axisOf(dim, x.ndim);
    const shape = x.shape.map((size, i) => (i === axis ? index.data.length : size));
    return build(shape, x.dtype, (place) => at(x, moved(place, axis, index.data[place[axis]])));
  },
});
entry('indexAdd', {
  covers: ['indexPut'],
  draw: (d): [TensorArg, number, TensorArg, TensorArg, { alpha?: number }] => {
    const shape = d.shape({ full: true, min: 1, max: 4 });
    const dim = d.dim(shape.length);
    const axis = axisOf(dim, shape.length);
    const n = d.int(0, 7);
    const dtype = d.dtype('numeric');
    const alpha = d.maybe(() => (isFloat(dtype) ? d.number(-2, 2) : d.int(1, 3)));
    const source = shape.map((size, i) => (i === axis ? n : size));
    return [d.tensor(shape, { dtype }), dim, d.indices([n], shape[axis]), d.tensor(source, { dtype }), { alpha }];
  },
  reference: (x, dim, index, source, { alpha = 1 }) => {
    const axis = axisOf(dim, x.ndim);
    const out = x.data.slice();
    for (const place of indicesOf(source.shape)) {
      out[flatIndex(x.shape, moved(place, axis, index.data[place[axis]]))] += alpha * at(source, place);
    }
    return build(x.shape, x.dtype, (_, i) => out[i]);
  },
  length: (_x, _dim, index) => index.data.length + 1,
});
entry('F.oneHot', {
  differentiable: false,
  draw: (d): [TensorArg, number?] => {
    const shape = d.shape({ max: 4, most: 400, full: true });
    return [d.indices(shape, 6), d.maybe(() => d.int(6, 9))];
  },
  reference: (x, classes = -1) => {
    const n = classes === -1 ? Math.max(...x.data) + 1 : classes;
    return build([...x.shape, n], 'int64', (index, flat) => Number(x.data[Math.floor(flat / n)] === index[x.ndim]));
  },
});

/** Rows of a table. */
export const rowsOf = (table: Arr, rows: Arr): Arr =>
  build([...rows.shape, ...table.shape.slice(1)], table.dtype, (_, flat) => {
    const width = count(table.shape.slice(1));
    return table.data[rows.data[Math.floor(flat / width)] * width + (flat % width)];
  });
