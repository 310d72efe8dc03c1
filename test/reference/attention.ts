// Attention, row by row.
import { type Arr, at, atBroadcast, build } from './array.js';
import type { TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('layers');

interface Options {
  attnMask?: TensorArg;
  isCausal?: boolean;
  scale?: number;
  enableGqa?: boolean;
}

/** The index of a head of `x` that serves head `h` of `heads`. */
const headOf = (x: Arr, h: number, heads: number): number => Math.floor((h * x.shape[1]) / heads);
const batchOf = (x: Arr, n: number): number => (x.shape[0] === 1 ? 0 : n);

entry('F.scaledDotProductAttention', {
  covers: ['scaledDotProductAttention', 'scaledDotProductAttentionBackward'],
  draw: (d): [TensorArg, TensorArg, TensorArg, Options] => {
    const dtype = d.dtype('wide');
    const batch = d.int(1, 3);
    const shared = d.int(1, 2);
    const heads = shared * d.int(1, 3);
    const sizes = d.gradient ? [1, 2, 3, 5] : [1, 2, 3, 5, 8, 17, 33, 70, 0];
    const [length, source, width, out] = [d.pick(sizes), d.pick(sizes), d.pick(sizes.slice(0, 7)), d.pick(sizes)];
    const own = (size: number): number => (d.chance(0.2) ? 1 : size);
    const tensor = (shape: number[]): TensorArg => d.tensor(shape, { dtype, low: -2, high: 2 });
    const enableGqa = d.chance(0.5);
    const keyHeads = enableGqa ? shared : heads;
    const kind = d.pick(['none', 'causal', 'bool', 'float']);
    const weights = [own(batch), own(heads), own(length), own(source)];
    const mask = kind === 'bool' ? d.tensor(weights, { dtype: 'bool' }) : tensor(weights);
    return [
      tensor([batch, heads, length, width]),
      tensor([own(batch), keyHeads, source, width]),
      tensor([own(batch), keyHeads, source, out]),
      {
        attnMask: kind === 'bool' || kind === 'float' ? mask : undefined,
        isCausal: kind === 'causal',
        scale: d.maybe(() => d.number(-1, 1)),
        enableGqa,
      },
    ];
  },
  reference: (query, key, value, { attnMask, isCausal, scale }) => {
    const [batch, heads, length, width] = query.shape;
    const [source, out] = [key.shape[2], value.shape[3]];
    const factor = scale ?? 1 / Math.sqrt(width);
    const score = (n: number, h: number, i: number, j: number): number => {
      if (isCausal && j > i) return -Infinity;
      let sum = 0;
      for (let e = 0; e < width; e++) {
        sum += at(query, [n, h, i, e]) * at(key, [batchOf(key, n), headOf(key, h, heads), j, e]);
      }
      const extra = attnMask ? atBroadcast(attnMask, [n, h, i, j]) : 0;
      if (attnMask?.dtype === 'bool') return extra ? sum * factor : -Infinity;
      return sum * factor + extra;
    };
    const rows = new Map<string, number[]>();
    const weightsOf = (n: number, h: number, i: number): number[] => {
      const name = `${n} ${h} ${i}`;
      const known = rows.get(name);
      if (known) return known;
      const scores = Array.from({ length: source }, (_, j) => score(n, h, i, j));
      const most = Math.max(...scores);
      const parts = scores.map((s) => (most === -Infinity ? 0 : Math.exp(s - most)));
      const total = parts.reduce((a, b) => a + b, 0) || 1;
      const row = parts.map((p) => p / total);
      rows.set(name, row);
      return row;
    };
    return build([batch, heads, length, out], query.dtype, ([n, h, i, e]) =>
      weightsOf(n, h, i).reduce(
        (sum, w, j) => sum + w * at(value, [batchOf(value, n), headOf(value, h, heads), j, e]),
        0,
      ),
    );
  },
  length: (query, key) => 64 + 4 * query.shape[3] + key.shape[2],
  range: 16,
  ulps: 32,
});
