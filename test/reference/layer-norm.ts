// Normalization of the last axes and of groups of channels.
import { Arr, at, atBroadcast, build, count, type Shape } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('layers');

/** (x - mean) / sqrt(var + eps) within the groups of elements that `groupOf` numbers. */
function standardized(x: Arr, groups: number, centered: boolean, eps: number, groupOf: (flat: number) => number): Arr {
  const sums = new Float64Array(groups);
  const counts = new Float64Array(groups);
  x.data.forEach((value, i) => {
    sums[groupOf(i)] += value;
    counts[groupOf(i)]++;
  });
  const means = sums.map((sum, g) => (centered ? sum / counts[g] : 0));
  const squares = new Float64Array(groups);
  x.data.forEach((value, i) => {
    squares[groupOf(i)] += (value - means[groupOf(i)]) ** 2;
  });
  return new Arr(
    x.shape,
    x.dtype,
    x.data.map((value, i) => {
      const g = groupOf(i);
      return (value - means[g]) / Math.sqrt(squares[g] / counts[g] + eps);
    }),
  );
}

/** Times a scale plus a shift, which broadcast in `shape`. */
function affine(x: Arr, scale: Arr | null, shift: Arr | null, shape: Shape): Arr {
  const spread = (v: Arr | null): Arr | null => v && new Arr(shape, v.dtype, v.data);
  const [a, b] = [spread(scale), spread(shift)];
  return build(x.shape, x.dtype, (index) => {
    const scaled = at(x, index) * (a ? atBroadcast(a, index) : 1);
    return scaled + (b ? atBroadcast(b, index) : 0);
  });
}

/** Shapes whose last axes hold enough different numbers for a well-conditioned division. */
function drawRows(d: Draw): { shape: number[]; last: number[] } {
  const last = d.pick([[5], [8], [17], [2, 3], [33], [1, 6]]).slice();
  return { shape: [...d.shape({ max: 3, most: 40 }), ...last], last };
}

const parameter = (d: Draw, shape: Shape, dtype: TensorArg['dtype']): TensorArg | null =>
  d.chance(0.7) ? d.tensor(shape, { dtype, low: 0.5, high: 2 }) : null;

entry('F.layerNorm', {
  covers: ['layerNorm', 'layerNormBackward'],
  draw: (d): [TensorArg, number[], TensorArg | null, TensorArg | null, { eps: number }] => {
    const { shape, last } = drawRows(d);
    const dtype = d.dtype('wide');
    const x = d.tensor(shape, { dtype, values: 'distinct' });
    return [x, last, parameter(d, last, dtype), parameter(d, last, dtype), { eps: d.pick([0.01, 0.1]) }];
  },
  reference: (x, last, weight, bias, { eps }) => {
    const width = count(last);
    const normal = standardized(x, x.data.length / width, true, eps, (i) => Math.floor(i / width));
    return affine(normal, weight, bias, last);
  },
  length: (x) => 8 + x.data.length,
  range: 30,
  ulps: 16,
});

entry('F.rmsNorm', {
  covers: ['rmsNorm', 'layerNormBackward'],
  draw: (d): [TensorArg, number[], TensorArg | null, { eps: number }] => {
    const { shape, last } = drawRows(d);
    const dtype = d.dtype('wide');
    return [
      d.tensor(shape, { dtype, values: 'distinct' }),
      last,
      parameter(d, last, dtype),
      { eps: d.pick([0.01, 0.1]) },
    ];
  },
  reference: (x, last, weight, { eps }) => {
    const width = count(last);
    const normal = standardized(x, x.data.length / width, false, eps, (i) => Math.floor(i / width));
    return affine(normal, weight, null, last);
  },
  length: (x) => 8 + x.data.length,
  range: 30,
  ulps: 16,
});

entry('F.groupNorm', {
  covers: ['groupNorm', 'groupNormBackward'],
  draw: (d): [TensorArg, number, TensorArg | null, TensorArg | null, { eps: number }] => {
    const groups = d.int(1, 3);
    const channels = groups * d.int(1, 4);
    const inner = d.pick([[6], [2, 3], [4, 5], [2, 2, 2]]).slice();
    const dtype = d.dtype('wide');
    const x = d.tensor([d.int(1, 3), channels, ...inner], { dtype, values: 'distinct' });
    return [x, groups, parameter(d, [channels], dtype), parameter(d, [channels], dtype), { eps: d.pick([0.01, 0.1]) }];
  },
  reference: (x, groups, weight, bias, { eps }) => {
    const total = x.shape[0] * groups;
    const size = x.data.length / total;
    const normal = standardized(x, total, true, eps, (i) => Math.floor(i / size));
    return affine(normal, weight, bias, [x.shape[1], ...x.shape.slice(2).map(() => 1)]);
  },
  length: (x) => 8 + x.data.length,
  range: 30,
  ulps: 16,
});
