// The same elements in other shapes and orders; joining and cutting.
import {
  type Arr,
  at,
  atBroadcast,
  axisOf,
  build,
  count,
  indicesOf,
  mapped,
  promoted,
  type RefDType,
  reshaped,
  type Shape,
  stored,
} from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';
import { rounded } from './numbers.js';

const entry = family('shape');

export const anyTensor = (d: Draw, shape: Shape): TensorArg =>
  d.tensor(shape, { dtype: d.dtype('all'), values: d.anyValues() });

/** A shape with as many elements. */
function refactored(d: Draw, shape: Shape): number[] {
  let rest = count(shape);
  if (rest === 0) return d.chance(0.5) ? [...shape].reverse() : [0, d.int(1, 3)];
  const out: number[] = [];
  for (let i = d.int(0, 3); i > 0; i--) {
    const divisors = [1, 2, 3, 4, 5, 7, 8, 16].filter((n) => rest % n === 0);
    out.push(d.pick(divisors));
    rest /= out[out.length - 1];
  }
  if (rest > 1 || out.length === 0) out.push(rest);
  return d.permutation(out.length).map((i) => out[i]);
}

entry('reshape', {
  covers: ['reshape', 'copy'],
  draw: (d): [TensorArg, number[]] => {
    const shape = d.shape();
    const to = refactored(d, shape);
    const unknown = d.chance(0.4) && count(shape) > 0 ? d.int(0, to.length - 1) : -1;
    return [anyTensor(d, shape), to.map((size, i) => (i === unknown ? -1 : size))];
  },
  reference: (x, shape) => {
    const known = count(shape.filter((size) => size !== -1));
    return reshaped(
      x,
      shape.map((size) => (size === -1 ? x.data.length / known : size)),
    );
  },
});
entry('Tensor.view', {
  covers: ['reshape'],
  layouts: false,
  draw: (d): [TensorArg, number[]] => {
    const shape = d.shape();
    return [anyTensor(d, shape), refactored(d, shape)];
  },
  reference: (x, shape) => reshaped(x, shape),
});
entry('flatten', {
  covers: ['reshape'],
  draw: (d): [TensorArg, number?, number?] => {
    const shape = d.shape();
    const x = anyTensor(d, shape);
    if (shape.length === 0 || d.chance(0.2)) return [x];
    const start = d.int(0, shape.length - 1);
    const end = d.int(start, shape.length - 1);
    return [x, d.chance(0.3) ? start - shape.length : start, d.chance(0.3) ? end - shape.length : end];
  },
  reference: (x, start = 0, end = -1) => {
    if (x.ndim === 0) return reshaped(x, [1]);
    const [from, to] = [axisOf(start, x.ndim), axisOf(end, x.ndim)];
    return reshaped(x, [...x.shape.slice(0, from), count(x.shape.slice(from, to + 1)), ...x.shape.slice(to + 1)]);
  },
});

/** Axis `i` of the result is axis `dims[i]` of `x`. */
export function permuted(x: Arr, dims: readonly number[]): Arr {
  const axes = dims.map((dim) => axisOf(dim, x.ndim));
  return build(
    axes.map((axis) => x.shape[axis]),
    x.dtype,
    (index) => {
      const from = new Array<number>(x.ndim);
      axes.forEach((axis, i) => {
        from[axis] = index[i];
      });
      return at(x, from);
    },
  );
}

entry('permute', {
  draw: (d): [TensorArg, number[]] => {
    const shape = d.shape();
    const dims = d.permutation(shape.length).map((axis) => (d.chance(0.2) ? axis - shape.length : axis));
    return [anyTensor(d, shape), dims];
  },
  reference: (x, dims) => permuted(x, dims),
});
const swapped = (x: Arr, a: number, b: number): Arr => {
  if (x.ndim === 0) return x;
  const dims = x.shape.map((_, i) => i);
  [dims[axisOf(a, x.ndim)], dims[axisOf(b, x.ndim)]] = [axisOf(b, x.ndim), axisOf(a, x.ndim)];
  return permuted(x, dims);
};
entry('transpose', {
  covers: ['permute'],
  draw: (d): [TensorArg, number, number] => {
    const shape = d.shape({ min: 1 });
    return [anyTensor(d, shape), d.dim(shape.length), d.dim(shape.length)];
  },
  reference: (x, a, b) => swapped(x, a, b),
});
entry('Tensor.t', {
  covers: ['permute'],
  draw: (d): [TensorArg] => [anyTensor(d, d.shape({ max: 2 }))],
  reference: (x) => (x.ndim === 2 ? swapped(x, 0, 1) : x),
});
entry('expand', {
  covers: ['expand', 'sumTo'],
  draw: (d): [TensorArg, number[]] => {
    const full = d.shape({ full: true });
    const from = d.chance(0.3) ? d.int(0, full.length) : 0;
    const own = full.slice(from).map((size) => (d.chance(0.4) ? 1 : size));
    const to = full.map((size, i) => (i >= from && size === own[i - from] && d.chance(0.2) ? -1 : size));
    return [anyTensor(d, own), to];
  },
  reference: (x, shape) => {
    const extra = shape.length - x.ndim;
    return build(
      shape.map((size, i) => (size === -1 ? x.shape[i - extra] : size)),
      x.dtype,
      (index) => atBroadcast(x, index),
    );
  },
});
entry('squeeze', {
  covers: ['reshape'],
  draw: (d): [TensorArg, number?] => {
    const shape = d.shape();
    return [anyTensor(d, shape), d.maybe(() => d.dim(shape.length))];
  },
  reference: (x, dim) =>
    reshaped(
      x,
      x.shape.filter((size, axis) => size !== 1 || (dim !== undefined && axis !== axisOf(dim, x.ndim))),
    ),
});
entry('unsqueeze', {
  covers: ['reshape'],
  draw: (d): [TensorArg, number] => {
    const shape = d.shape();
    return [anyTensor(d, shape), d.dim(shape.length + 1)];
  },
  reference: (x, dim) => {
    const place = axisOf(dim, x.ndim + 1);
    return reshaped(x, [...x.shape.slice(0, place), 1, ...x.shape.slice(place)]);
  },
});

/** Every `step`-th of `length` positions along `dim` from `start` on. */
export function sliced(x: Arr, dim: number, start: number, length: number, step = 1): Arr {
  const axis = axisOf(dim, x.ndim);
  const shape = x.shape.map((size, i) => (i === axis ? length : size));
  return build(shape, x.dtype, (index) =>
    at(
      x,
      index.map((i, k) => (k === axis ? start + i * step : i)),
    ),
  );
}

entry('narrow', {
  covers: ['slice', 'sliceBackward'],
  draw: (d): [TensorArg, number, number, number] => {
    const shape = d.shape({ min: 1 });
    const dim = d.dim(shape.length);
    const size = shape[axisOf(dim, shape.length)];
    const start = d.int(0, size);
    const length = d.int(0, size - start);
    return [anyTensor(d, shape), dim, start > 0 && start < size && d.chance(0.2) ? start - size : start, length];
  },
  reference: (x, dim, start, length) =>
    sliced(x, dim, start < 0 ? start + x.shape[axisOf(dim, x.ndim)] : start, length),
});
entry('select', {
  covers: ['slice', 'sliceBackward'],
  draw: (d): [TensorArg, number, number] => {
    const shape = d.shape({ min: 1, full: true });
    const dim = d.dim(shape.length);
    const size = shape[axisOf(dim, shape.length)];
    return [anyTensor(d, shape), dim, d.int(-size, size - 1)];
  },
  reference: (x, dim, index) => {
    const axis = axisOf(dim, x.ndim);
    const part = sliced(x, axis, index < 0 ? index + x.shape[axis] : index, 1);
    return reshaped(
      part,
      x.shape.filter((_, i) => i !== axis),
    );
  },
});
entry('slice', {
  covers: ['slice', 'sliceBackward'],
  draw: (d): [TensorArg, number, number | null, number | null, number?] => {
    const shape = d.shape({ min: 1 });
    const dim = d.dim(shape.length);
    const size = shape[axisOf(dim, shape.length)];
    const place = () => (d.chance(0.3) ? null : d.int(-size - 2, size + 2));
    return [anyTensor(d, shape), dim, place(), place(), d.maybe(() => d.int(1, 4))];
  },
  reference: (x, dim, start, end, step = 1) => {
    const size = x.shape[axisOf(dim, x.ndim)];
    const places: number[] = [];
    const from = start === null ? 0 : start < 0 ? Math.max(start + size, 0) : start;
    const to = end === null ? size : end < 0 ? end + size : Math.min(end, size);
    for (let i = from; i < to; i += step) places.push(i);
    return sliced(x, dim, from, places.length, step);
  },
});

for (const [name, dtype] of Object.entries({
  float: 'float32',
  double: 'float64',
  long: 'int64',
  bool: 'bool',
} as const)) {
  entry(`Tensor.${name}`, {
    covers: ['copy'],
    differentiable: dtype === 'float64', // differences need float64 throughout
    draw: (d): [TensorArg] => [d.tensor(d.shape(), { dtype: d.dtype('all'), low: -60, high: 60 })],
    reference: (x) => mapped(x, (v) => v, dtype),
  });
}
entry('Tensor.to', {
  covers: ['copy'],
  draw: (d): [TensorArg, RefDType] => {
    const to = d.gradient ? d.pick(['float64', 'float32'] as const) : d.dtype('all');
    // Whole numbers out of range and NaN have no meaning as integers.
    return [d.tensor(d.shape(), { dtype: d.dtype('all'), low: to === 'uint8' ? 0 : -60, high: 60 }), to];
  },
  reference: (x, dtype) => mapped(x, (v) => rounded(dtype, stored(dtype, v)), dtype),
  differentiable: false,
});
for (const name of ['clone', 'contiguous']) {
  entry(name === 'contiguous' ? 'contiguous' : name, {
    covers: ['copy'],
    draw: (d): [TensorArg] => [anyTensor(d, d.shape())],
    reference: (x) => x,
  });
}
entry('contiguous#channelsLast', {
  covers: ['copy'],
  draw: (d): [TensorArg, string] => [anyTensor(d, d.shape({ min: 3, max: 5 })), 'channelsLast'],
  reference: (x) => x,
});
entry('Tensor.copy_', {
  covers: [],
  differentiable: false,
  draw: (d): [TensorArg, TensorArg] => {
    const shape = d.shape();
    const dtype = d.dtype('all');
    const source = { dtype: d.dtype('all'), low: dtype === 'uint8' ? 0 : -60, high: 60 };
    return [d.tensor(shape, { dtype }), d.tensor(d.broadcastable(shape), source)];
  },
  call: (api, x, source) => api('Tensor.copy_')(api('clone')(x), source),
  reference: (x, source) => build(x.shape, x.dtype, (index) => atBroadcast(source, index)),
});

/** Joined along an axis. */
export function joined(parts: readonly Arr[], dim: number): Arr {
  const full = parts.filter((x) => x.ndim !== 1 || x.shape[0] !== 0);
  const list = full.length > 0 ? full : parts;
  const axis = axisOf(dim, list[0].ndim);
  const dtype = parts.map((x) => x.dtype).reduce(promoted);
  const size = list.reduce((sum, x) => sum + x.shape[axis], 0);
  const shape = list[0].shape.map((own, i) => (i === axis ? size : own));
  return build(shape, dtype, (index) => {
    let place = index[axis];
    let part = 0;
    while (place >= list[part].shape[axis]) place -= list[part++].shape[axis];
    return at(
      list[part],
      index.map((i, k) => (k === axis ? place : i)),
    );
  });
}

function drawParts(d: Draw, same: boolean): [TensorArg[], number] {
  const shape = d.shape({ min: same ? 0 : 1, max: 4 });
  const axis = d.int(0, Math.max(shape.length - 1, 0));
  const dtype = d.dtype('all');
  const parts = Array.from({ length: d.int(1, 4) }, () => {
    const own = same ? shape : shape.map((size, i) => (i === axis ? d.int(0, Math.min(size + 1, 40)) : size));
    return d.tensor(own, { dtype: d.chance(0.2) ? d.dtype('all') : dtype, values: d.anyValues() });
  });
  return [parts, axis];
}

entry('cat', {
  method: false,
  draw: (d): [TensorArg[], number] => {
    const [parts, axis] = drawParts(d, false);
    return [parts, d.chance(0.3) ? axis - parts[0].shape.length : axis];
  },
  reference: (parts, dim) => joined(parts, dim),
});
entry('stack', {
  covers: ['cat'],
  method: false,
  draw: (d): [TensorArg[], number] => {
    const [parts] = drawParts(d, true);
    return [parts, d.dim(parts[0].shape.length + 1)];
  },
  reference: (parts, dim) => {
    const place = axisOf(dim, parts[0].ndim + 1);
    const opened = parts.map((x) => reshaped(x, [...x.shape.slice(0, place), 1, ...x.shape.slice(place)]));
    return joined(opened, place);
  },
});

/** Consecutive pieces of these sizes. */
export function pieces(x: Arr, dim: number, sizes: readonly number[]): Arr[] {
  let start = 0;
  return sizes.map((size) => {
    start += size;
    return sliced(x, dim, start - size, size);
  });
}

entry('split', {
  covers: ['slice', 'sliceBackward'],
  draw: (d): [TensorArg, number | number[], number] => {
    const shape = d.shape({ min: 1 });
    const dim = d.dim(shape.length);
    const size = shape[axisOf(dim, shape.length)];
    const x = anyTensor(d, shape);
    if (d.chance(0.5)) return [x, Math.max(d.int(1, 5), Math.ceil(size / 40)), dim];
    const first = d.int(0, size);
    return [x, [first, 0, size - first], dim];
  },
  reference: (x, sizes, dim) => {
    const total = x.shape[axisOf(dim, x.ndim)];
    if (typeof sizes !== 'number') return pieces(x, dim, sizes);
    const list: number[] = [];
    for (let start = 0; start < total || start === 0; start += sizes) list.push(Math.min(sizes, total - start));
    return pieces(x, dim, list);
  },
});
entry('chunk', {
  covers: ['slice', 'sliceBackward'],
  draw: (d): [TensorArg, number, number] => {
    const shape = d.shape({ min: 1, full: true });
    return [anyTensor(d, shape), d.int(1, 6), d.dim(shape.length)];
  },
  reference: (x, chunks, dim) => {
    const total = x.shape[axisOf(dim, x.ndim)];
    const size = Math.ceil(total / chunks);
    const list: number[] = [];
    for (let start = 0; start < total; start += size) list.push(Math.min(size, total - start));
    return pieces(x, dim, list);
  },
});
entry('unbind', {
  covers: ['slice', 'sliceBackward'],
  draw: (d): [TensorArg, number] => {
    const shape = d.shape({ min: 1, full: true, most: 200 });
    return [anyTensor(d, shape), d.dim(shape.length)];
  },
  reference: (x, dim) => {
    const axis = axisOf(dim, x.ndim);
    const shape = x.shape.filter((_, i) => i !== axis);
    return Array.from({ length: x.shape[axis] }, (_, i) => reshaped(sliced(x, axis, i, 1), shape));
  },
});

/** Every index of a shape, copied. */
export const allIndices = (shape: Shape): number[][] => Array.from(indicesOf(shape), (index) => [...index]);
