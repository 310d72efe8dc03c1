// Stacks, blocks, grids and combinations of tensors.
import { type Arr, at, build, count, promoted, type RefDType, reshaped } from './array.js';
import type { TensorArg } from './draw.js';
import { family } from './entry.js';
import { anyTensor, joined } from './shape.js';

const entry = family('shape');

const opened = (x: Arr, least: number): Arr => {
  if (x.ndim >= least) return x;
  if (least === 1) return reshaped(x, [1]);
  if (least === 2) return reshaped(x, [1, ...(x.ndim === 0 ? [1] : x.shape)]);
  return reshaped(x, x.ndim === 0 ? [1, 1, 1] : x.ndim === 1 ? [1, x.shape[0], 1] : [...x.shape, 1]);
};

for (const least of [1, 2, 3]) {
  entry(`atLeast${least}d`, {
    covers: [],
    method: false,
    draw: (d): [TensorArg] => [anyTensor(d, d.shape({ max: 3 }))],
    reference: (x) => opened(x, least),
  });
}
for (const [name, least, axis] of [
  ['hstack', 1, 1],
  ['vstack', 2, 0],
  ['dstack', 3, 2],
] as const) {
  entry(name, {
    covers: ['cat'],
    method: false,
    draw: (d): [TensorArg[]] => {
      const shape = d.shape({ max: 3, most: 100 });
      const dtype = d.dtype('all');
      return [Array.from({ length: d.int(1, 3) }, () => d.tensor(shape, { dtype }))];
    },
    reference: (parts) => {
      const wide = parts.map((x) => opened(x, least));
      return joined(wide, axis === 1 && wide[0].ndim === 1 ? 0 : axis);
    },
  });
}
entry('columnStack', {
  covers: ['cat'],
  method: false,
  draw: (d): [TensorArg[]] => {
    const n = d.int(1, 6);
    const dtype = d.dtype('all');
    return [Array.from({ length: d.int(1, 3) }, () => d.tensor(d.chance(0.5) ? [n] : [n, d.int(1, 4)], { dtype }))];
  },
  reference: (parts) =>
    joined(
      parts.map((x) => (x.ndim === 1 ? reshaped(x, [x.shape[0], 1]) : x)),
      1,
    ),
});
entry('blockDiag', {
  covers: ['cat'],
  method: false,
  draw: (d): [TensorArg[]] => [
    Array.from({ length: d.int(1, 4) }, () => anyTensor(d, d.shape({ max: 2, most: 30, full: true }))),
  ],
  reference: (parts) => {
    const blocks = parts.map((x) => opened(x, 2));
    const [rows, columns] = [0, 1].map((axis) => blocks.reduce((sum, x) => sum + x.shape[axis], 0));
    const dtype = parts.map((x) => x.dtype).reduce<RefDType>(promoted, parts[0].dtype);
    return build([rows, columns], dtype, ([i, j]) => {
      let [top, left] = [0, 0];
      for (const x of blocks) {
        const [h, w] = x.shape;
        if (i >= top && i < top + h && j >= left && j < left + w) return at(x, [i - top, j - left]);
        [top, left] = [top + h, left + w];
      }
      return 0;
    });
  },
});
entry('meshgrid', {
  covers: ['expand'],
  method: false,
  draw: (d): [TensorArg[], { indexing?: string }] => {
    const dtype = d.dtype('all');
    const indexing = d.maybe(() => d.pick(['ij', 'xy']));
    return [Array.from({ length: d.int(1, 3) }, () => d.tensor([d.int(1, 5)], { dtype })), { indexing }];
  },
  reference: (vectors, { indexing = 'ij' }) => {
    const order = vectors.map((_, i) => (indexing === 'xy' && vectors.length > 1 && i < 2 ? 1 - i : i));
    const shape = order.map((k) => vectors[k].shape[0]);
    return vectors.map((x, k) => build(shape, x.dtype, (index) => x.data[index[order.indexOf(k)]]));
  },
  length: 25,
});
entry('cartesianProd', {
  covers: ['cat'],
  method: false,
  draw: (d): [TensorArg[]] => {
    const dtype = d.dtype('all');
    return [Array.from({ length: d.int(2, 3) }, () => d.tensor([d.int(1, 5)], { dtype }))];
  },
  reference: (vectors) => {
    const sizes = vectors.map((x) => x.data.length);
    return build([count(sizes), sizes.length], vectors[0].dtype, ([row, k]) => {
      const inner = count(sizes.slice(k + 1));
      return vectors[k].data[Math.floor(row / inner) % sizes[k]];
    });
  },
  length: 25,
});
entry('combinations', {
  covers: ['index'],
  draw: (d): [TensorArg, number, { withReplacement?: boolean }] => [
    anyTensor(d, [d.int(0, 6)]),
    d.int(1, 3),
    { withReplacement: d.maybe(() => d.chance(0.5)) },
  ],
  reference: (x, r, { withReplacement = false }) => {
    const rows: number[][] = [];
    const n = x.data.length;
    for (let code = 0; code < n ** r; code++) {
      const row = Array.from({ length: r }, (_, k) => Math.floor(code / n ** (r - 1 - k)) % n);
      if (row.every((i, k) => k === 0 || (withReplacement ? row[k - 1] <= i : row[k - 1] < i))) rows.push(row);
    }
    return build([rows.length, r], x.dtype, ([i, k]) => x.data[rows[i][k]]);
  },
  length: 16,
});
