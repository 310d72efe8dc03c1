// Matrix products by three loops.
import { type Arr, at, atBroadcast, broadcastShape, build, reshaped } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('linalg');

/** `[..., M, K] @ [..., K, N]` with broadcast batches; vectors count as a row and a column. */
export function product(a: Arr, b: Arr): Arr {
  const left = a.ndim === 1 ? reshaped(a, [1, a.shape[0]]) : a;
  const right = b.ndim === 1 ? reshaped(b, [b.shape[0], 1]) : b;
  const batch = broadcastShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const [m, k] = left.shape.slice(-2);
  const [n] = right.shape.slice(-1);
  const full = build([...batch, m, n], a.dtype, (index) => {
    const lead = index.slice(0, -2);
    const [i, j] = index.slice(-2);
    let sum = 0;
    for (let p = 0; p < k; p++) sum += atBroadcast(left, [...lead, i, p]) * atBroadcast(right, [...lead, p, j]);
    return sum;
  });
  return reshaped(full, [...batch, ...(a.ndim === 1 ? [] : [m]), ...(b.ndim === 1 ? [] : [n])]);
}

/** Numbers of rows and columns: mostly small, at times large enough for a blocked kernel. */
export const extent = (d: Draw): number => (d.gradient ? d.int(1, 5) : d.pick([1, 2, 3, 5, 8, 16, 17, 33, 0, 64, 70]));

/** Inner sizes and dtype of a product. */
const kind = (d: Draw) => ({ dtype: d.dtype(d.chance(0.8) ? 'float' : 'index') });

const inner = (a: Arr): number => a.shape[a.ndim - 1] || 1;
/** Partial sums of equal terms, as along an expanded axis, grow with their number. */
const bound = (a: Arr): number => 9 + 3 * inner(a);

interface Ranks {
  left: number;
  right: number;
}

function drawFixed(d: Draw, { left, right }: Ranks): [TensorArg, TensorArg] {
  const o = kind(d);
  const [m, k, n, batch] = [extent(d), extent(d), extent(d), d.int(1, 4)];
  const shapes = {
    1: [[k], [k]],
    2: [
      [m, k],
      [k, n],
    ],
    3: [
      [batch, m, k],
      [batch, k, n],
    ],
  } as const;
  const a = shapes[left as 1 | 2 | 3][0];
  const b = shapes[right as 1 | 2 | 3][1];
  return [d.tensor(a, o), d.tensor(b, o)];
}

for (const [name, ranks] of Object.entries({
  mm: { left: 2, right: 2 },
  bmm: { left: 3, right: 3 },
  mv: { left: 2, right: 1 },
  dot: { left: 1, right: 1 },
})) {
  entry(name, {
    covers: ['matmul'],
    draw: (d) => drawFixed(d, ranks),
    reference: (a, b) => product(a, b),
    length: (a) => inner(a),
    range: (a) => bound(a),
  });
}
entry('outer', {
  covers: ['matmul'],
  draw: (d): [TensorArg, TensorArg] => {
    const o = kind(d);
    return [d.tensor([extent(d)], o), d.tensor([extent(d)], o)];
  },
  reference: (a, b) => product(reshaped(a, [a.shape[0], 1]), reshaped(b, [1, b.shape[0]])),
});
entry('matmul', {
  draw: (d): [TensorArg, TensorArg] => {
    const o = kind(d);
    const [m, k, n] = [extent(d), extent(d), extent(d)];
    const small = m * k * n < 3000;
    const [left, right] = small ? d.pair({ max: 3, most: 12, full: true }) : [[], []];
    const a = d.chance(0.15) ? [k] : [...left, m, k];
    const b = d.chance(0.15) ? [k] : [...right, k, n];
    return [d.tensor(a, o), d.tensor(b, o)];
  },
  reference: (a, b) => product(a, b),
  length: (a) => inner(a),
  range: (a) => bound(a),
});

interface Factors {
  beta?: number;
  alpha?: number;
}

/** `beta * input + alpha * a @ b`. */
export function addedProduct(input: Arr, a: Arr, b: Arr, { beta = 1, alpha = 1 }: Factors): Arr {
  const ab = product(a, b);
  return build(ab.shape, a.dtype, (index, flat) => {
    const start = beta === 0 ? 0 : beta * atBroadcast(input, index);
    return start + alpha * ab.data[flat];
  });
}

for (const [name, rank] of [
  ['addmm', 2],
  ['baddbmm', 3],
] as const) {
  entry(name, {
    covers: ['addProduct'],
    draw: (d): [TensorArg, TensorArg, TensorArg, Factors] => {
      const o = { dtype: d.dtype('float') };
      const [m, k, n, batch] = [extent(d), extent(d), extent(d), d.int(1, 4)];
      const lead = rank === 3 ? [batch] : [];
      const input = d.tensor(d.broadcastable([...lead, m, n]), o);
      const factors = { beta: d.maybe(() => d.number(-2, 2)), alpha: d.maybe(() => d.number(-2, 2)) };
      return [input, d.tensor([...lead, m, k], o), d.tensor([...lead, k, n], o), factors];
    },
    reference: (x, a, b, factors) => addedProduct(x, a, b, factors),
    length: (_x, a) => inner(a) + 1,
    range: (_x, a) => 2 * bound(a),
  });
}

entry('cdist', {
  covers: ['cdistEuclidean'],
  draw: (d): [TensorArg, TensorArg, number, { computeMode: string }] => {
    const dtype = d.dtype('wide');
    const [p, r, k] = [d.int(1, 5), d.int(1, 5), d.int(1, 6)];
    const lead = d.chance(0.3) ? [d.int(1, 3)] : [];
    // Far apart: the product form loses digits where points are close.
    const a = d.tensor([...lead, p, k], { dtype, low: -1, high: 0 });
    return [a, d.tensor([...lead, r, k], { dtype, low: 1, high: 2 }), 2, { computeMode: 'useMmForEuclidDist' }];
  },
  reference: (a, b) => {
    const k = a.shape[a.ndim - 1];
    return build([...a.shape.slice(0, -1), b.shape[b.ndim - 2]], a.dtype, (index) => {
      const [lead, [i, j]] = [index.slice(0, -2), index.slice(-2)];
      const square = (p: number) => (at(a, [...lead, i, p]) - at(b, [...lead, j, p])) ** 2;
      return Math.sqrt(Array.from({ length: k }, (_, p) => square(p)).reduce((x, y) => x + y, 0));
    });
  },
  length: (a) => 16 * a.shape[a.ndim - 1],
  range: 8,
});

entry('cdist#norms', {
  covers: ['cdist'],
  draw: (d): [TensorArg, TensorArg, number] => {
    const dtype = d.dtype('wide');
    const [p, r, k] = [d.int(1, 5), d.int(1, 5), d.int(1, 40)];
    const lead = d.chance(0.3) ? [d.int(1, 3)] : [];
    // Apart, so that no difference is 0, where the norms have kinks.
    const a = d.tensor([...lead, p, k], { dtype, low: -1, high: 0, values: 'distinct' });
    const order = d.pick(d.gradient ? [1, 1.5, 3] : [1, 0, 0.5, 1.5, 2, 3, Infinity]);
    return [a, d.tensor([...lead, r, k], { dtype, low: 1, high: 2, values: 'distinct' }), order];
  },
  reference: (a, b, order) => {
    const k = a.shape[a.ndim - 1];
    return build([...a.shape.slice(0, -1), b.shape[b.ndim - 2]], a.dtype, (index) => {
      const [lead, [i, j]] = [index.slice(0, -2), index.slice(-2)];
      const sizes = Array.from({ length: k }, (_, p) => Math.abs(at(a, [...lead, i, p]) - at(b, [...lead, j, p])));
      if (order === Infinity) return Math.max(...sizes);
      if (order === 0) return sizes.filter((x) => x !== 0).length;
      return sizes.reduce((sum, x) => sum + x ** order, 0) ** (1 / order);
    });
  },
  length: (a) => 16 * a.shape[a.ndim - 1],
  ulps: 32,
});

entry('F.pdist', {
  draw: (d): [TensorArg, number] => {
    const x = d.tensor([d.int(1, 6), d.int(1, 12)], { dtype: d.dtype('wide'), values: 'distinct' });
    return [x, d.pick([1, 1.5, 2, 3])];
  },
  reference: (x, order) => {
    const [rows, k] = x.shape;
    const pairs = Array.from({ length: rows }, (_, i) => i).flatMap((i) =>
      Array.from({ length: rows - 1 - i }, (_, j) => [i, i + 1 + j]),
    );
    return build([pairs.length], x.dtype, ([n]) => {
      const [i, j] = pairs[n];
      const sizes = Array.from({ length: k }, (_, p) => Math.abs(at(x, [i, p]) - at(x, [j, p])));
      return sizes.reduce((sum, size) => sum + size ** order, 0) ** (1 / order);
    });
  },
  length: (x) => 16 * x.shape[1],
  ulps: 32,
});
