// Losses of an input and a target, element by element, then reduced.
import { type Arr, count, type RefDType, scalarArr, zipped } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('losses');

type Reduction = 'none' | 'mean' | 'sum';
type Options = { reduction?: Reduction; [option: string]: number | boolean | string | undefined };

function reduced(losses: Arr, reduction: Reduction = 'mean'): Arr {
  if (reduction === 'none') return losses;
  const total = losses.data.reduce((a, b) => a + b, 0);
  return scalarArr(reduction === 'sum' ? total : total / losses.data.length, losses.dtype);
}

interface Rule {
  input?: readonly [low: number, high: number];
  target?: readonly [low: number, high: number] | 'signs';
  /** A difference of 0 is a kink. */
  apart?: boolean;
  options?: (d: Draw) => Record<string, number | boolean>;
  covers?: readonly string[];
}

/** Targets are 1 and -1, or lie off the grid of the inputs. */
function drawTarget(d: Draw, shape: readonly number[], dtype: RefDType, rule: Rule): TensorArg {
  if (rule.target === 'signs') {
    const values = Array.from({ length: count(shape) }, () => d.int(0, 1) * 2 - 1);
    return d.tensor(shape, { dtype, values, grad: false });
  }
  const [low, high] = rule.target ?? [-3, 3];
  const shift = rule.apart && d.gradient ? 1 / 256 : 0;
  return d.tensor(shape, { dtype, low: low + shift, high: high + shift });
}

/** A loss of an input and a target of its shape. */
function loss(name: string, fn: (x: number, t: number, options: Options) => number, rule: Rule = {}): void {
  const [low, high] = rule.input ?? [-3, 3];
  entry(`F.${name}`, {
    covers: rule.covers ?? [],
    draw: (d): [TensorArg, TensorArg, Options] => {
      const shape = d.shape({ full: true });
      const dtype = d.dtype('wide');
      const reduction = d.pick<Reduction>(['mean', 'sum', 'none']);
      return [
        d.tensor(shape, { dtype, low, high }),
        drawTarget(d, shape, dtype, rule),
        { reduction, ...rule.options?.(d) },
      ];
    },
    reference: (x, target, options) =>
      reduced(
        zipped(x.dtype, (a, b) => fn(a, b, options), x, target),
        options.reduction,
      ),
    length: (x) => 4 + 2 * x.data.length,
    range: (x) => 12 * Math.max(1, x.data.length),
    ulps: 16,
  });
}

const softplus = (x: number): number => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0);
const square = (x: number): number => x * x;

loss('l1Loss', (x, t) => Math.abs(x - t), { apart: true });
loss('softMarginLoss', (x, t) => softplus(-x * t), { target: 'signs' });
loss('binaryCrossEntropyWithLogits', (x, t) => softplus(x) - t * x, { target: [0, 1] });
loss('binaryCrossEntropy', (x, t) => -t * Math.log(x) - (1 - t) * Math.log(1 - x), {
  input: [0.1, 0.9],
  target: [0, 1],
  covers: ['binaryCrossEntropy'],
});
loss('klDiv', (x, t, { logTarget }) => (logTarget ? Math.exp(t) * (t - x) : t * Math.log(t) - t * x), {
  target: [0.1, 1],
  options: (d) => ({ logTarget: d.chance(0.5) }),
});
loss(
  'poissonNllLoss',
  (x, t, { logInput, eps }) => (logInput ? Math.exp(x) - t * x : x - t * Math.log(x + Number(eps))),
  {
    input: [0.1, 2],
    target: [0, 4],
    options: (d) => ({ logInput: d.chance(0.5), eps: d.number(0.01, 1) }),
  },
);
loss('hingeEmbeddingLoss', (x, t, { margin }) => (t === 1 ? x : Math.max(0, Number(margin) - x)), {
  target: 'signs',
  options: (d) => ({ margin: d.int(0, 4) / 2 }),
});

/** The kink of a square that becomes a line lies off the grid on which differences fall. */
const bend = (d: Draw): number => d.int(2, 60) / 32 + (d.gradient ? 1 / 512 : 0);
loss(
  'smoothL1Loss',
  (x, t, { beta }) => {
    const distance = Math.abs(x - t);
    return distance < Number(beta) ? square(distance) / (2 * Number(beta)) : distance - Number(beta) / 2;
  },
  { apart: true, options: (d) => ({ beta: bend(d) }) },
);
loss(
  'huberLoss',
  (x, t, { delta }) => {
    const distance = Math.abs(x - t);
    return distance <= Number(delta) ? square(distance) / 2 : Number(delta) * (distance - Number(delta) / 2);
  },
  { apart: true, options: (d) => ({ delta: bend(d) }) },
);
