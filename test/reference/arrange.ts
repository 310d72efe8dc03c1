// Flips, shifts, borders, repeats, windows, diagonals, and other ways to arrange elements.
import { type Arr, at, axisOf, build, reshaped, type Shape } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';
import { anyTensor, permuted, pieces, sliced } from './shape.js';

const entry = family('shape');

/** Element by element: `from` says where in `x` an index of the result comes from, or null for `fill`. */
export function picked(
  x: Arr,
  shape: Shape,
  from: (index: readonly number[]) => readonly number[] | null,
  fill = 0,
): Arr {
  return build(shape, x.dtype, (index) => {
    const place = from(index);
    return place === null ? fill : at(x, place);
  });
}

const flipped = (x: Arr, axes: ReadonlySet<number>): Arr =>
  picked(x, x.shape, (index) => index.map((i, axis) => (axes.has(axis) ? x.shape[axis] - 1 - i : i)));

entry('flip', {
  draw: (d): [TensorArg, number[]] => {
    const shape = d.shape();
    return [anyTensor(d, shape), d.axes(shape.length)];
  },
  reference: (x, dims) => flipped(x, new Set(dims.map((dim) => axisOf(dim, x.ndim)))),
});
for (const [name, axis] of [
  ['fliplr', 1],
  ['flipud', 0],
] as const) {
  entry(name, {
    covers: ['flip'],
    draw: (d): [TensorArg] => [anyTensor(d, d.shape({ min: axis + 1 }))],
    reference: (x) => flipped(x, new Set([axis])),
  });
}

const modulo = (i: number, n: number): number => ((i % n) + n) % n;

entry('roll', {
  draw: (d): [TensorArg, number | number[], number[]?] => {
    const shape = d.shape();
    const dims = d.axes(shape.length);
    if (dims.length === 0) return [anyTensor(d, shape), d.int(-9, 9)];
    return [anyTensor(d, shape), dims.map(() => d.int(-9, 9)), dims];
  },
  reference: (x, shifts, dims) => {
    if (dims === undefined || typeof shifts === 'number') {
      const n = x.data.length;
      return build(x.shape, x.dtype, (_, flat) => x.data[modulo(flat - (shifts as number), n)]);
    }
    const by = new Array<number>(x.ndim).fill(0);
    dims.forEach((dim, k) => {
      by[axisOf(dim, x.ndim)] += shifts[k];
    });
    return picked(x, x.shape, (index) => index.map((i, axis) => modulo(i - by[axis], x.shape[axis])));
  },
});
entry('rot90', {
  covers: ['flip', 'permute'],
  draw: (d): [TensorArg, number, number[]] => {
    const shape = d.shape({ min: 2 });
    return [anyTensor(d, shape), d.int(-5, 5), d.axes(shape.length, 2).slice(0, 2)];
  },
  reference: (x, k, dims) => {
    const [a, b] = dims.map((dim) => axisOf(dim, x.ndim));
    let y = x;
    for (let turn = modulo(k, 4); turn > 0; turn--) {
      const order = y.shape.map((_, i) => (i === a ? b : i === b ? a : i));
      y = permuted(flipped(y, new Set([b])), order);
    }
    return y;
  },
});

type Mode = 'constant' | 'reflect' | 'replicate' | 'circular';

/** Where position `i` of a padded axis comes from; null outside. */
function padSource(i: number, size: number, mode: Mode): number | null {
  if (i >= 0 && i < size) return i;
  if (mode === 'constant') return null;
  if (mode === 'circular') return modulo(i, size);
  if (mode === 'replicate') return i < 0 ? 0 : size - 1;
  return i < 0 ? -i : 2 * (size - 1) - i;
}

entry('F.pad', {
  covers: ['pad', 'padEdges', 'padEdgesBackward'],
  draw: (d): [TensorArg, number[], { mode: Mode; value?: number }] => {
    const mode = d.pick(['constant', 'reflect', 'replicate', 'circular']);
    if (mode === 'constant') {
      const shape = d.shape({ max: 4, most: 300 });
      const sizes = shape
        .slice(d.int(0, shape.length))
        .reverse()
        .flatMap((size) => [d.int(-Math.min(size >> 1, 2), 3), d.int(-Math.min(size >> 1, 2), 3)]);
      return [anyTensor(d, shape), sizes, { mode, value: d.maybe(() => d.int(0, 2)) }];
    }
    const axes = d.int(1, 3);
    const shape = Array.from({ length: axes + d.int(1, 2) }, () => d.int(1, 5));
    const last = shape.slice(-axes).reverse();
    const sizes = last.flatMap((size) => {
      const most = mode === 'reflect' ? size - 1 : size;
      return [d.int(0, Math.min(most, 3)), d.int(0, Math.min(most, 3))];
    });
    return [d.tensor(shape, { dtype: d.dtype('float') }), sizes, { mode }];
  },
  reference: (x, sizes, { mode, value = 0 }) => {
    const low = x.shape.map((_, axis) => sizes[2 * (x.ndim - 1 - axis)] ?? 0);
    const high = x.shape.map((_, axis) => sizes[2 * (x.ndim - 1 - axis) + 1] ?? 0);
    const shape = x.shape.map((size, axis) => size + low[axis] + high[axis]);
    const from = (index: readonly number[]): number[] | null => {
      const place = index.map((i, axis) => padSource(i - low[axis], x.shape[axis], mode));
      return place.includes(null) ? null : (place as number[]);
    };
    return picked(x, shape, from, value);
  },
  length: 8,
});

function drawRepeats(d: Draw, exact: boolean): [TensorArg, number[]] {
  const shape = d.shape({ max: 3, most: 200 });
  const n = exact ? shape.length + d.int(0, 1) : d.int(0, shape.length + 1);
  return [anyTensor(d, shape), Array.from({ length: n }, () => d.int(0, 3))];
}

const tiled = (x: Arr, repeats: readonly number[]): Arr => {
  const ndim = Math.max(x.ndim, repeats.length);
  const own = [...new Array<number>(ndim - x.ndim).fill(1), ...x.shape];
  const times = [...new Array<number>(ndim - repeats.length).fill(1), ...repeats];
  const wide = reshaped(x, own);
  return picked(
    wide,
    own.map((size, axis) => size * times[axis]),
    (index) => index.map((i, axis) => i % own[axis]),
  );
};

entry('Tensor.repeat', {
  covers: ['expand'],
  draw: (d) => drawRepeats(d, true),
  reference: (x, repeats) => tiled(x, repeats),
  length: 9,
});
entry('tile', {
  covers: ['expand'],
  draw: (d) => drawRepeats(d, false),
  reference: (x, repeats) => tiled(x, repeats),
  length: 9,
});
entry('repeatInterleave', {
  covers: ['index'],
  draw: (d): [TensorArg, number | TensorArg, number | null] => {
    const shape = d.shape({ min: 1, max: 3, most: 200 });
    const dim = d.dim(shape.length);
    if (d.chance(0.4)) {
      const whole = d.chance(0.3);
      return [anyTensor(d, shape), d.int(0, 3), whole ? null : dim];
    }
    const repeats = d.tensor([shape[axisOf(dim, shape.length)]], { dtype: 'int64', low: 0, high: 3, grad: false });
    return [anyTensor(d, shape), repeats, dim];
  },
  reference: (x, repeats, dim) => {
    const y = dim === null ? reshaped(x, [x.data.length]) : x;
    const axis = dim === null ? 0 : axisOf(dim, x.ndim);
    const list: number[] = [];
    for (let i = 0; i < y.shape[axis]; i++) {
      for (let k = typeof repeats === 'number' ? repeats : repeats.data[i]; k > 0; k--) list.push(i);
    }
    const shape = y.shape.map((size, i) => (i === axis ? list.length : size));
    return picked(y, shape, (index) => index.map((i, k) => (k === axis ? list[i] : i)));
  },
  length: 3,
});

entry('Tensor.unfold', {
  covers: ['windows', 'windowsBackward'],
  draw: (d): [TensorArg, number, number, number] => {
    const shape = d.shape({ min: 1, max: 3, full: true });
    const dim = d.dim(shape.length);
    return [anyTensor(d, shape), dim, d.int(1, shape[axisOf(dim, shape.length)]), d.int(1, 4)];
  },
  reference: (x, dim, size, step) => {
    const axis = axisOf(dim, x.ndim);
    const n = Math.floor((x.shape[axis] - size) / step) + 1;
    const shape = [...x.shape.map((own, i) => (i === axis ? n : own)), size];
    return picked(x, shape, (index) =>
      index.slice(0, -1).map((i, k) => (k === axis ? i * step + index[index.length - 1] : i)),
    );
  },
  length: 9,
});

interface Planes {
  dim1?: number;
  dim2?: number;
}

const diagonalLength = (rows: number, columns: number, offset: number): number =>
  Math.max(0, Math.min(rows + Math.min(offset, 0), columns - Math.max(offset, 0)));

/** The index of element `i` of a diagonal. */
const onDiagonal = (i: number, offset: number): [number, number] => [i - Math.min(offset, 0), i + Math.max(offset, 0)];

/** `rest` with two more axes. */
function withPlane(rest: readonly number[], ndim: number, [a, b]: number[], [i, j]: readonly number[]): number[] {
  const left = [...rest];
  return Array.from({ length: ndim }, (_, axis) => (axis === a ? i : axis === b ? j : (left.shift() as number)));
}

function drawPlane(d: Draw, ndim: number): Planes | undefined {
  if (!d.chance(0.5)) return undefined;
  const [dim1, dim2] = d.axes(ndim, 2);
  return { dim1, dim2 };
}

entry('diagonal', {
  draw: (d): [TensorArg, number, Planes?] => {
    const shape = d.shape({ min: 2, max: 4 });
    return [anyTensor(d, shape), d.int(-3, 3), drawPlane(d, shape.length)];
  },
  reference: (x, offset, planes) => {
    const { dim1 = 0, dim2 = 1 } = planes ?? {};
    const axes = [axisOf(dim1, x.ndim), axisOf(dim2, x.ndim)];
    const rest = x.shape.filter((_, axis) => !axes.includes(axis));
    const shape = [...rest, diagonalLength(x.shape[axes[0]], x.shape[axes[1]], offset)];
    return picked(x, shape, (index) =>
      withPlane(index.slice(0, -1), x.ndim, axes, onDiagonal(index[index.length - 1], offset)),
    );
  },
});

/** The last axis on a diagonal of two new ones. */
function embedded(x: Arr, offset: number, axes: number[]): Arr {
  const size = x.shape[x.ndim - 1] + Math.abs(offset);
  const shape = withPlane(x.shape.slice(0, -1), x.ndim + 1, axes, [size, size]);
  return picked(x, shape, (index) => {
    const [i, j] = axes.map((axis) => index[axis]);
    if (j - i !== offset) return null;
    return [...index.filter((_, axis) => !axes.includes(axis)), Math.min(i, j)];
  });
}

entry('diagEmbed', {
  draw: (d): [TensorArg, number, Planes?] => {
    const shape = d.shape({ min: 1, max: 3, most: 100 });
    return [anyTensor(d, shape), d.int(-3, 3), drawPlane(d, shape.length + 1)];
  },
  reference: (x, offset, planes) => {
    const { dim1 = -2, dim2 = -1 } = planes ?? {};
    return embedded(x, offset, [axisOf(dim1, x.ndim + 1), axisOf(dim2, x.ndim + 1)]);
  },
});
entry('diag', {
  covers: ['diagonal', 'diagEmbed'],
  draw: (d): [TensorArg, number] => [anyTensor(d, d.shape({ min: 1, max: 2, most: 100 })), d.int(-3, 3)],
  reference: (x, offset) => {
    if (x.ndim === 1) return embedded(x, offset, [0, 1]);
    return picked(x, [diagonalLength(x.shape[0], x.shape[1], offset)], ([i]) => onDiagonal(i, offset));
  },
});
entry('diagflat', {
  covers: ['diagEmbed'],
  draw: (d): [TensorArg, number] => [anyTensor(d, d.shape({ max: 3, most: 40 })), d.int(-3, 3)],
  reference: (x, offset) => embedded(reshaped(x, [x.data.length]), offset, [0, 1]),
});
entry('diagonalScatter', {
  covers: ['viewScatter'],
  draw: (d): [TensorArg, TensorArg, number] => {
    const [rows, columns, offset] = [d.int(1, 6), d.int(1, 6), d.int(-2, 2)];
    const dtype = d.dtype('all');
    const length = diagonalLength(rows, columns, offset);
    return [d.tensor([rows, columns], { dtype }), d.tensor([length], { dtype }), offset];
  },
  reference: (x, src, offset) =>
    build(x.shape, x.dtype, ([i, j]) => (j - i === offset ? src.data[Math.min(i, j)] : at(x, [i, j]))),
});
entry('selectScatter', {
  covers: ['viewScatter'],
  draw: (d): [TensorArg, TensorArg, number, number] => {
    const shape = d.shape({ min: 1, full: true });
    const dim = d.dim(shape.length);
    const axis = axisOf(dim, shape.length);
    const dtype = d.dtype('all');
    const src = d.tensor(
      shape.filter((_, i) => i !== axis),
      { dtype },
    );
    return [d.tensor(shape, { dtype }), src, dim, d.int(-shape[axis], shape[axis] - 1)];
  },
  reference: (x, src, dim, index) => {
    const axis = axisOf(dim, x.ndim);
    const place = modulo(index, x.shape[axis]);
    return build(x.shape, x.dtype, (own) =>
      own[axis] === place
        ? at(
            src,
            own.filter((_, i) => i !== axis),
          )
        : at(x, own),
    );
  },
});
entry('sliceScatter', {
  covers: ['viewScatter'],
  draw: (d): [TensorArg, TensorArg, number, number, number, number] => {
    const shape = d.shape({ min: 1, full: true });
    const dim = d.dim(shape.length);
    const axis = axisOf(dim, shape.length);
    const start = d.int(0, shape[axis]);
    const step = d.int(1, 3);
    const end = d.int(start, shape[axis]);
    const dtype = d.dtype('all');
    const own = shape.map((size, i) => (i === axis ? Math.ceil((end - start) / step) : size));
    return [d.tensor(shape, { dtype }), d.tensor(own, { dtype }), dim, start, end, step];
  },
  reference: (x, src, dim, start, end, step) => {
    const axis = axisOf(dim, x.ndim);
    return build(x.shape, x.dtype, (own) => {
      const i = own[axis];
      if (i < start || i >= end || (i - start) % step !== 0) return at(x, own);
      return at(
        src,
        own.map((k, j) => (j === axis ? (i - start) / step : k)),
      );
    });
  },
});

/** A change through a view: what gradients of both must see. */
entry('Tensor.add_#view', {
  covers: ['restride', 'clearRegion', 'overwrite', 'asStrided'],
  draw: (d): [TensorArg, TensorArg, number] => {
    const [rows, columns] = [d.int(2, 6), d.int(2, 6)];
    const dtype = d.dtype('float');
    return [d.tensor([rows, columns], { dtype }), d.tensor([rows], { dtype }), d.int(0, columns - 1)];
  },
  call: (api, x, row, column) => {
    const own = api('clone')(x);
    api('Tensor.mul_')(api('select')(own, 1, column), row);
    const shape = (row as { shape: number[] }).shape;
    api('Tensor.copy_')(api('select')(own, 0, 0), api('select')(row, 0, 0));
    return [own, api('asStrided')(api('contiguous')(own), shape, [1], 1)];
  },
  reference: (x, row, column) => {
    const own = build(x.shape, x.dtype, ([i, j]) =>
      i === 0 ? row.data[0] : at(x, [i, j]) * (j === column ? row.data[i] : 1),
    );
    return [own, build(row.shape, x.dtype, ([i]) => own.data[i + 1])];
  },
});

entry('movedim', {
  covers: ['permute'],
  draw: (d): [TensorArg, number[], number[]] => {
    const shape = d.shape({ min: 1 });
    const from = d.axes(shape.length, 1);
    return [anyTensor(d, shape), from, d.axes(shape.length, from.length).slice(0, from.length)];
  },
  reference: (x, source, destination) => {
    const from = source.map((dim) => axisOf(dim, x.ndim));
    const to = destination.map((dim) => axisOf(dim, x.ndim));
    const order = new Array<number>(x.ndim).fill(-1);
    to.forEach((place, k) => {
      order[place] = from[k];
    });
    const rest = x.shape.map((_, i) => i).filter((i) => !from.includes(i));
    return permuted(
      x,
      order.map((axis) => (axis < 0 ? (rest.shift() as number) : axis)),
    );
  },
});
entry('unflatten', {
  covers: ['reshape'],
  draw: (d): [TensorArg, number, number[]] => {
    const shape = d.shape({ min: 1, max: 3, full: true });
    const dim = d.dim(shape.length);
    const size = shape[axisOf(dim, shape.length)];
    const first = d.pick([1, 2, 3, 4].filter((n) => size % n === 0));
    return [anyTensor(d, shape), dim, d.chance(0.5) ? [first, size / first] : [first, -1]];
  },
  reference: (x, dim, sizes) => {
    const axis = axisOf(dim, x.ndim);
    const own = sizes.map((size) => (size === -1 ? x.shape[axis] / sizes[0] : size));
    return reshaped(x, [...x.shape.slice(0, axis), ...own, ...x.shape.slice(axis + 1)]);
  },
});
entry('tensorSplit', {
  covers: ['slice'],
  draw: (d): [TensorArg, number | number[], number] => {
    const shape = d.shape({ min: 1, full: true });
    const dim = d.dim(shape.length);
    const size = shape[axisOf(dim, shape.length)];
    if (d.chance(0.5)) return [anyTensor(d, shape), d.int(1, 5), dim];
    const first = d.int(0, size);
    return [anyTensor(d, shape), [first, d.int(first, size)], dim];
  },
  reference: (x, how, dim) => {
    const total = x.shape[axisOf(dim, x.ndim)];
    if (typeof how === 'number') {
      const sizes = Array.from({ length: how }, (_, i) => Math.floor(total / how) + (i < total % how ? 1 : 0));
      return pieces(x, dim, sizes);
    }
    const ends = [...how, total];
    return ends.map((end, i) => sliced(x, dim, i === 0 ? 0 : ends[i - 1], end - (i === 0 ? 0 : ends[i - 1])));
  },
});
