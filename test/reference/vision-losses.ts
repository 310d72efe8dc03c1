// The losses of torchvision.ops and the Dice loss, pair by pair.
import { Arr, count, scalarArr } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('vision losses');

type Reduction = 'none' | 'mean' | 'sum';
const REDUCTIONS: readonly Reduction[] = ['none', 'mean', 'sum'];

function reduced(losses: Arr, reduction: Reduction): Arr {
  if (reduction === 'none') return losses;
  const total = losses.data.reduce((a, b) => a + b, 0);
  return scalarArr(reduction === 'sum' ? total : total / losses.data.length, losses.dtype);
}

entry('vision.ops.sigmoidFocalLoss', {
  covers: [],
  method: false,
  draw: (d): [TensorArg, TensorArg, { alpha: number; gamma: number; reduction: Reduction }] => {
    const shape = d.shape({ max: 3, full: true, most: 100 });
    const dtype = d.dtype('wide');
    const target = d.tensor(shape, { dtype, values: 'whole', low: 0, high: 1, grad: false });
    const alpha = d.pick([0.25, -1, 0.75]);
    return [d.tensor(shape, { dtype }), target, { alpha, gamma: d.int(1, 3), reduction: d.pick(REDUCTIONS) }];
  },
  reference: (x, target, { alpha, gamma, reduction }) => {
    const losses = x.data.map((z, i) => {
      const right = 1 / (1 + Math.exp(target.data[i] === 1 ? -z : z));
      const weight = alpha < 0 ? 1 : target.data[i] === 1 ? alpha : 1 - alpha;
      return -weight * (1 - right) ** gamma * Math.log(right);
    });
    return reduced(new Arr(x.shape, x.dtype, losses), reduction);
  },
  ulps: 16,
  length: 100,
});

type Box = [x1: number, y1: number, x2: number, y2: number];

/** Boxes of widths and heights above 1 that no corner of the other list shares. */
function drawBoxes(d: Draw): [TensorArg, TensorArg, { reduction: Reduction }] {
  const n = d.int(1, d.gradient ? 3 : 20);
  const dtype = d.dtype('wide');
  const list = (shift: number): TensorArg => {
    const values = Array.from({ length: n }, () => {
      const [x, y, w, h] = [d.int(-64, 64), d.int(-64, 64), d.int(40, 120), d.int(40, 120)].map((v) => v / 32);
      return [x + shift, y + shift, x + w + shift, y + h + shift];
    });
    return d.tensor([n, 4], { dtype, values: values.flat() });
  };
  return [list(0), list(1 / 128), { reduction: d.pick(REDUCTIONS) }];
}

const sizeOf = ([x1, y1, x2, y2]: Box): number => Math.max(x2 - x1, 0) * Math.max(y2 - y1, 0);

function facts(a: Box, b: Box) {
  const lows = (f: (...v: number[]) => number, g: (...v: number[]) => number): Box => [
    f(a[0], b[0]),
    f(a[1], b[1]),
    g(a[2], b[2]),
    g(a[3], b[3]),
  ];
  const shared = sizeOf(lows(Math.max, Math.min));
  const around = lows(Math.min, Math.max);
  const union = sizeOf(a) + sizeOf(b) - shared;
  const middle = (box: Box) => [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  const [p, q] = [middle(a), middle(b)];
  const apart = (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2;
  const diagonal = (around[2] - around[0]) ** 2 + (around[3] - around[1]) ** 2;
  return { iou: shared / (union + 1e-7), union, hull: sizeOf(around), distance: apart / (diagonal + 1e-7) };
}

const boxesOf = (x: Arr): Box[] =>
  Array.from({ length: x.shape[0] }, (_, i) => Array.from(x.data.slice(4 * i, 4 * i + 4)) as Box);

function overPairs(a: Arr, b: Arr, reduction: Reduction, loss: (p: Box, q: Box) => number): Arr {
  const others = boxesOf(b);
  const losses = boxesOf(a).map((box, i) => loss(box, others[i]));
  return reduced(new Arr([losses.length], a.dtype, Float64Array.from(losses)), reduction);
}

// Equal corners (an expanded layout) are no box.
const BOXES = { covers: [], method: false, layouts: false, draw: drawBoxes, ulps: 32, length: 100, range: 40 } as const;

entry('vision.ops.generalizedBoxIouLoss', {
  ...BOXES,
  reference: (a, b, { reduction }) =>
    overPairs(a, b, reduction, (p, q) => {
      const { iou, union, hull } = facts(p, q);
      return 1 - iou + (hull - union) / (hull + 1e-7);
    }),
});

entry('vision.ops.distanceBoxIouLoss', {
  ...BOXES,
  reference: (a, b, { reduction }) =>
    overPairs(a, b, reduction, (p, q) => {
      const { iou, distance } = facts(p, q);
      return 1 - iou + distance;
    }),
});

entry('vision.ops.completeBoxIouLoss', {
  ...BOXES,
  differentiable: false, // one factor counts as a constant: differences of the values are not its gradient
  reference: (a, b, { reduction }) =>
    overPairs(a, b, reduction, (p, q) => {
      const { iou, distance } = facts(p, q);
      const angle = (box: Box) => Math.atan2(box[2] - box[0], box[3] - box[1]);
      const v = (4 / Math.PI ** 2) * (angle(q) - angle(p)) ** 2;
      return 1 - iou + distance + v * (v / (1 - iou + v + 1e-7));
    }),
});

entry('vision.ops.diceLoss', {
  covers: [],
  method: false,
  draw: (d): [TensorArg, TensorArg, { smooth: number; reduction: Reduction }] => {
    const shape = [d.int(1, 4), ...d.shape({ max: 3, most: 60 })];
    const dtype = d.dtype('wide');
    const x = d.tensor(shape, { dtype, low: 0, high: 1 });
    const target = d.tensor(shape, { dtype, values: 'whole', low: 0, high: 1, grad: false });
    return [x, target, { smooth: d.pick([1, 0.5, 2]), reduction: d.pick(REDUCTIONS) }];
  },
  reference: (x, target, { smooth, reduction }) => {
    const each = count(x.shape.slice(1));
    const losses = Float64Array.from({ length: x.shape[0] }, (_, n) => {
      let [shared, both] = [0, 0];
      for (let i = n * each; i < (n + 1) * each; i++) {
        shared += x.data[i] * target.data[i];
        both += x.data[i] + target.data[i];
      }
      return 1 - (2 * shared + smooth) / (both + smooth);
    });
    return reduced(new Arr([x.shape[0]], x.dtype, losses), reduction);
  },
  ulps: 8,
  length: 100,
});
