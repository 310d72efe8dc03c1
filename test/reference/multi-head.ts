// Multi-head attention, query by query.
import { type Arr, at, atBroadcast, build } from './array.js';
import type { TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('layers');

interface Setting {
  heads: number;
  needWeights: boolean;
  average: boolean;
  zero: boolean;
  attnMask?: TensorArg;
  keyPaddingMask?: TensorArg;
}

type Drawn = [TensorArg, TensorArg, TensorArg, TensorArg, TensorArg, TensorArg, TensorArg, Setting];

/** `weight[row] · x[step, n] + bias[row]`. */
const project = (x: Arr, step: number, n: number, weight: Arr, bias: Arr, row: number): number => {
  let sum = at(bias, [row]);
  for (let e = 0; e < x.shape[2]; e++) sum += at(weight, [row, e]) * at(x, [step, n, e]);
  return sum;
};

/** What masks do to the score of key `s`. */
function masked(score: number, mask: Arr | undefined, index: number[]): number {
  if (!mask) return score;
  const extra = atBroadcast(mask, index);
  if (mask.dtype === 'bool') return extra ? -Infinity : score;
  return score + extra;
}

entry('F.multiHeadAttentionForward', {
  covers: ['splitHeads'],
  method: false,
  draw: (d): Drawn => {
    const dtype = d.dtype('wide');
    const [heads, width] = [d.int(1, 3), d.int(1, d.gradient ? 2 : 5)];
    const [length, source, batch] = [d.int(1, 4), d.int(1, 4), d.int(1, 3)];
    const size = heads * width;
    const tensor = (shape: number[]): TensorArg => d.tensor(shape, { dtype, low: -1, high: 1 });
    const mask = (shape: number[]): TensorArg => tensor(shape);
    // A row of masked keys only is NaN with weights and 0 without: such masks stand in the specs.
    return [
      tensor([length, batch, size]),
      tensor([source, batch, size]),
      tensor([source, batch, size]),
      tensor([3 * size, size]),
      tensor([3 * size]),
      tensor([size, size]),
      tensor([size]),
      {
        heads,
        needWeights: d.chance(0.5),
        average: d.chance(0.5),
        zero: d.chance(0.3),
        attnMask: d.maybe(() => mask([length, source])),
        keyPaddingMask: d.maybe(() => mask([batch, source])),
      },
    ];
  },
  call: (api, q, k, v, w, b, o, c, setting: Setting) => {
    const { heads, needWeights, average, zero, attnMask, keyPaddingMask } = setting;
    const options = { needWeights, averageAttnWeights: average, attnMask, keyPaddingMask };
    const size = (q as { shape: number[] }).shape[2];
    const forward = api('F.multiHeadAttentionForward');
    const out = forward(q, k, v, size, heads, w, b, null, null, zero, 0, o, c, options) as unknown[];
    return needWeights ? out : out[0];
  },
  reference: (q, k, v, w, b, o, c, { heads, needWeights, average, zero, attnMask, keyPaddingMask }) => {
    const [length, batch, size] = q.shape;
    const [source, width] = [k.shape[0] + (zero ? 1 : 0), size / heads];
    const own = (x: Arr, s: number, n: number, row: number): number =>
      s < k.shape[0] ? project(x, s, n, w, b, row) : 0;
    const weightsOf = (n: number, h: number, l: number): number[] => {
      const scores = Array.from({ length: source }, (_, s) => {
        let sum = 0;
        for (let e = 0; e < width; e++) {
          const row = h * width + e;
          sum += project(q, l, n, w, b, row) * own(k, s, n, size + row);
        }
        const score = sum / Math.sqrt(width);
        if (s >= k.shape[0]) return score;
        return masked(masked(score, attnMask, [l, s]), keyPaddingMask, [n, s]);
      });
      const parts = scores.map((score) => Math.exp(score - Math.max(...scores)));
      const total = parts.reduce((sum, part) => sum + part, 0);
      return parts.map((part) => part / total);
    };
    const table = build([batch, heads, length, source], q.dtype, () => 0);
    const mixed = build([length, batch, size], q.dtype, () => 0);
    for (let n = 0; n < batch; n++) {
      for (let h = 0; h < heads; h++) {
        for (let l = 0; l < length; l++) {
          const row = weightsOf(n, h, l);
          table.data.set(row, ((n * heads + h) * length + l) * source);
          for (let e = h * width; e < (h + 1) * width; e++) {
            mixed.data[(l * batch + n) * size + e] = row.reduce((sum, p, s) => sum + p * own(v, s, n, 2 * size + e), 0);
          }
        }
      }
    }
    const out = build([length, batch, size], q.dtype, ([l, n, e]) => project(mixed, l, n, o, c, e));
    if (!needWeights) return out;
    if (!average) return [out, table];
    const mean = build([batch, length, source], q.dtype, ([n, l, s]) => {
      let sum = 0;
      for (let h = 0; h < heads; h++) sum += at(table, [n, h, l, s]);
      return sum / heads;
    });
    return [out, mean];
  },
  length: 256,
  range: 64,
  ulps: 64,
});
