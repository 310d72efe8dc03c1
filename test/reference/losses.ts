// Losses by their formulas.
import { type Arr, at, build, count, zipped } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';
import { logSoftmaxOf } from './layers.js';

const entry = family('losses');

export type Reduction = 'none' | 'mean' | 'sum';

export const drawReduction = (d: Draw): Reduction | undefined => d.maybe(() => d.pick(['mean', 'sum', 'none']));

/** All elements, their sum, or their sum through `through`. */
export function reduced(loss: Arr, reduction: Reduction, through = loss.data.length): Arr {
  if (reduction === 'none') return loss;
  const total = loss.data.reduce((a, b) => a + b, 0);
  return build([], loss.dtype, () => (reduction === 'sum' ? total : total / through));
}

entry('F.mseLoss', {
  covers: [],
  draw: (d): [TensorArg, TensorArg, { reduction?: Reduction }] => {
    const shape = d.shape({ full: true });
    const dtype = d.dtype('float');
    return [d.tensor(shape, { dtype }), d.tensor(shape, { dtype }), { reduction: drawReduction(d) }];
  },
  reference: (x, y, { reduction = 'mean' }) =>
    reduced(
      zipped(x.dtype, (a, b) => (a - b) ** 2, x, y),
      reduction,
    ),
  length: (x) => count(x.shape),
  range: (x) => 40 * (count(x.shape) || 1),
});

interface ClassOptions {
  weight?: TensorArg;
  ignoreIndex?: number;
  reduction?: Reduction;
  labelSmoothing?: number;
}

/** Scores `[N, C, ...]` and class numbers. */
function drawClasses(d: Draw, smooth: boolean, log: boolean): [TensorArg, TensorArg, ClassOptions] {
  const classes = d.int(1, 8);
  const rest = d.chance(0.4) ? d.shape({ max: 2, most: 20, full: true }) : [];
  const n = d.int(1, 6);
  const lead = rest.length === 0 && d.chance(0.1) ? [] : [n];
  const dtype = d.dtype('float');
  const x = d.tensor([...lead, classes, ...rest], { dtype, low: log ? -5 : -4, high: log ? 0 : 4 });
  const target = d.indices([...lead, ...rest], classes);
  const o: ClassOptions = { reduction: drawReduction(d) };
  if (d.chance(0.4)) o.weight = d.tensor([classes], { dtype, low: 0.25, high: 2, grad: false });
  if (d.chance(0.3) && classes > 1 && !d.gradient) o.ignoreIndex = d.int(0, classes - 1);
  if (smooth && d.chance(0.3)) o.labelSmoothing = 0.125;
  return [x, target, o];
}

interface RefOptions {
  weight?: Arr;
  ignoreIndex?: number;
  reduction?: Reduction;
  labelSmoothing?: number;
}

/** The line of class scores of one row. */
function scoresOf(x: Arr, row: readonly number[]): Float64Array {
  const classes = x.ndim === 1 ? x.shape[0] : x.shape[1];
  return Float64Array.from({ length: classes }, (_, c) => at(x, x.ndim === 1 ? [c] : [row[0], c, ...row.slice(1)]));
}

/** Loss of each row from log-probabilities, and what the mean divides by. */
function classLoss(x: Arr, target: Arr, o: RefOptions, logs: (line: Float64Array) => Float64Array): Arr {
  const { ignoreIndex = -100, reduction = 'mean', labelSmoothing: e = 0 } = o;
  let weights = 0;
  const loss = build(target.shape, x.dtype, (row, flat) => {
    const t = target.data[flat];
    if (t === ignoreIndex) return 0;
    const own = o.weight ? o.weight.data[t] : 1;
    weights += own;
    const lines = logs(scoresOf(x, row));
    let spread = 0;
    lines.forEach((l, c) => {
      spread -= l * (o.weight ? o.weight.data[c] : 1);
    });
    return -(1 - e) * own * lines[t] + (e === 0 ? 0 : (e / lines.length) * spread);
  });
  return reduced(loss, reduction, weights);
}

entry('F.crossEntropy', {
  covers: ['crossEntropy', 'crossEntropyBackward'],
  draw: (d) => drawClasses(d, true, false),
  reference: (x, target, o) => classLoss(x, target, o, (line) => logSoftmaxOf(line)),
  length: (x) => count(x.shape),
});
entry('F.crossEntropy#probabilities', {
  covers: [],
  draw: (d): [TensorArg, TensorArg, { reduction?: Reduction; labelSmoothing?: number }] => {
    const shape = [d.int(1, 6), d.int(1, 8), ...d.shape({ max: 1, most: 5, full: true })];
    const dtype = d.dtype('float');
    const o = { reduction: drawReduction(d), labelSmoothing: d.maybe(() => 0.25) };
    return [d.tensor(shape, { dtype, low: -4, high: 4 }), d.tensor(shape, { dtype, low: 0, high: 1 }), o];
  },
  reference: (x, target, { reduction = 'mean', labelSmoothing: e = 0 }) => {
    const classes = x.shape[1];
    const loss = build([x.shape[0], ...x.shape.slice(2)], x.dtype, (row) => {
      const lines = logSoftmaxOf(scoresOf(x, row));
      const wanted = scoresOf(target, row);
      return -lines.reduce((sum, l, c) => sum + l * (wanted[c] * (1 - e) + e / classes), 0);
    });
    return reduced(loss, reduction);
  },
  length: (x) => count(x.shape),
});
entry('F.nllLoss', {
  covers: [],
  draw: (d) => drawClasses(d, false, true),
  reference: (x, target, o) => classLoss(x, target, o, (line) => line),
  length: (x) => count(x.shape),
});
