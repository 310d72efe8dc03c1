// Losses over lists of labels, and bags of rows, by their definitions.
import { type Arr, at, build, count } from './array.js';
import type { TensorArg } from './draw.js';
import { family } from './entry.js';
import { logSoftmaxOf } from './layers.js';
import { drawReduction, type Reduction, reduced } from './losses.js';

const entry = family('losses');

/** Probability that frames `t` and on spell the labels from `k` on, after class `last` (-1: none), by recursion. */
function spells(p: readonly Float64Array[], labels: readonly number[], blank: number): number {
  const known = new Map<string, number>();
  const from = (t: number, k: number, last: number): number => {
    if (t === p.length) return k === labels.length ? 1 : 0;
    const key = `${t} ${k} ${last}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    let total = 0;
    p[t].forEach((probability, c) => {
      if (c === blank || c === last) total += probability * from(t + 1, k, c);
      else if (c === labels[k]) total += probability * from(t + 1, k + 1, c);
    });
    known.set(key, total);
    return total;
  };
  return from(0, 0, -1);
}

interface CtcOptions {
  blank?: number;
  reduction?: Reduction;
  zeroInfinity?: boolean;
}

type Ctc = [TensorArg, TensorArg, number[], number[], CtcOptions];

entry('F.ctcLoss', {
  covers: ['ctcLoss', 'ctcLossBackward'],
  noSecond: 'the gradient is one kernel, as in PyTorch',
  draw: (d): Ctc => {
    const classes = d.int(2, 6);
    const blank = d.int(0, classes - 1);
    const samples = d.int(1, 3);
    const frames = d.int(1, d.gradient ? 6 : 20);
    const inputs = Array.from({ length: samples }, () => d.int(d.gradient ? frames : 0, frames));
    // Each label needs at most two frames; where none is to be impossible, half as many.
    const lengths = inputs.map((n) => d.int(0, d.gradient ? n >> 1 : n));
    const total = lengths.reduce((a, b) => a + b, 0);
    const size = d.chance(0.5) ? [samples, Math.max(0, ...lengths) + d.int(0, 1)] : [total];
    const labels = Array.from({ length: count(size) }, () => (blank + d.int(1, classes - 1)) % classes);
    const x = d.tensor([frames, samples, classes], { dtype: d.dtype('float') });
    const targets = d.tensor(size, { dtype: d.pick(['int64', 'int32']), values: labels, grad: false });
    const zeroInfinity = d.gradient || d.chance(0.5);
    return [x, targets, inputs, lengths, { blank, reduction: drawReduction(d), zeroInfinity }];
  },
  call: (api, x, ...rest) => api('F.ctcLoss')(api('F.logSoftmax')(x, -1), ...rest),
  reference: (x, targets, inputs, lengths, { blank = 0, reduction = 'mean', zeroInfinity }) => {
    const classes = x.shape[2];
    let start = 0;
    const losses = build([inputs.length], x.dtype, ([n]) => {
      const first = targets.ndim === 2 ? n * targets.shape[1] : start;
      start += lengths[n];
      const labels = Array.from(targets.data.slice(first, first + lengths[n]));
      const p = Array.from({ length: inputs[n] }, (_, t) =>
        logSoftmaxOf(Float64Array.from({ length: classes }, (_, c) => at(x, [t, n, c]))).map(Math.exp),
      );
      const loss = -Math.log(spells(p, labels, blank));
      return (zeroInfinity && loss === Infinity ? 0 : loss) / (reduction === 'mean' ? Math.max(lengths[n], 1) : 1);
    });
    return reduced(losses, reduction);
  },
  length: (x) => count(x.shape),
  range: () => 40,
});

entry('F.multilabelMarginLoss', {
  draw: (d): [TensorArg, TensorArg, { reduction?: Reduction }] => {
    const [rows, classes] = [d.int(1, 4), d.int(1, 40)];
    const shape = d.chance(0.2) ? [classes] : [rows, classes];
    const lists = Array.from({ length: count(shape) }, () => d.int(-1, d.int(0, classes - 1)));
    const dtype = d.dtype('float');
    // Differences of 1 are kinks: the grid of steps of 1/8 has them, 3/64 of a whole number has not.
    const x = d.tensor(shape, { dtype, values: Array.from(lists, () => (d.int(0, 2000) * 3) / 64 - 1 / 128) });
    return [x, d.tensor(shape, { dtype: 'int64', values: lists, grad: false }), { reduction: drawReduction(d) }];
  },
  noSecond: 'it is 0 almost everywhere, and differences of the reference meet kinks',
  reference: (x, target, { reduction = 'mean' }) => {
    const classes = x.shape[x.ndim - 1];
    const losses = build(x.shape.slice(0, -1), x.dtype, (_, row) => {
      const scores = x.data.slice(row * classes, (row + 1) * classes);
      const list = Array.from(target.data.slice(row * classes, (row + 1) * classes));
      const end = list.indexOf(-1);
      const own = end < 0 ? list : list.slice(0, end);
      let total = 0;
      for (const j of own)
        scores.forEach((score, i) => {
          if (!own.includes(i)) total += Math.max(0, 1 - (scores[j] - score));
        });
      return total / classes;
    });
    return reduced(losses, reduction);
  },
  length: (x) => count(x.shape),
});

interface BagOptions {
  mode?: 'sum' | 'mean' | 'max';
  paddingIdx?: number | null;
  includeLastOffset?: boolean;
  perSampleWeights?: TensorArg;
}
type BagReference = Omit<BagOptions, 'perSampleWeights'> & { perSampleWeights?: Arr };

/** Positions of the list for each bag. */
function bagsOf(input: Arr, offsets: Arr | null, last: boolean): number[][] {
  if (!offsets) {
    const size = input.shape[1];
    return Array.from({ length: input.shape[0] }, (_, b) => Array.from({ length: size }, (_, i) => b * size + i));
  }
  const n = offsets.data.length - (last ? 1 : 0);
  return Array.from({ length: n }, (_, b) => {
    const end = b + 1 < n ? offsets.data[b + 1] : input.data.length;
    return Array.from({ length: end - offsets.data[b] }, (_, i) => offsets.data[b] + i);
  });
}

const indexing = family('indexing');

indexing('F.embeddingBag', {
  covers: ['embeddingBag', 'embeddingBagBackward', 'embeddingBagFactors'],
  draw: (d): [TensorArg, TensorArg, TensorArg | null, BagOptions] => {
    const [rows, width, bags] = [d.int(1, 7), d.pick([1, 3, 8, 17, 40, 140]), d.int(1, 5)];
    const dtype = d.dtype('float');
    const o: BagOptions = { mode: d.pick(['mean', 'sum', 'max']) };
    if (d.chance(0.3) && !d.gradient) o.paddingIdx = d.int(-rows, rows - 1);
    const table = d.tensor([rows, width], { dtype, values: 'distinct' });
    const list = d.chance(0.5);
    const sizes = Array.from({ length: bags }, () => d.int(0, 5));
    const shape = list ? [sizes.reduce((a, b) => a + b, 0)] : [bags, d.int(1, 6)];
    if (o.mode === 'sum' && d.chance(0.5)) o.perSampleWeights = d.tensor(shape, { dtype });
    const input = d.indices(shape, rows);
    if (!list) return [input, table, null, o];
    o.includeLastOffset = d.chance(0.3);
    const starts = sizes.map((_, b) => sizes.slice(0, b).reduce((x, y) => x + y, 0));
    const values = o.includeLastOffset ? [...starts, shape[0]] : starts;
    return [input, table, d.tensor([values.length], { dtype: 'int64', values, grad: false }), o];
  },
  reference: (input, table, offsets, options) => {
    const { mode = 'mean', paddingIdx, includeLastOffset, perSampleWeights } = options as BagReference;
    const [rows, width] = table.shape;
    const padding = typeof paddingIdx === 'number' ? (paddingIdx + rows) % rows : -1;
    const bags = bagsOf(input, offsets, includeLastOffset === true);
    return build([bags.length, width], table.dtype, ([b, column]) => {
      const places = bags[b].filter((i) => input.data[i] !== padding);
      const terms = places.map((i) => at(table, [input.data[i], column]) * (perSampleWeights?.data[i] ?? 1));
      if (terms.length === 0) return 0;
      if (mode === 'max') return Math.max(...terms);
      const total = terms.reduce((x, y) => x + y, 0);
      return mode === 'mean' ? total / terms.length : total;
    });
  },
  length: (input) => input.data.length + 1,
});
