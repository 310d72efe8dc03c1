// Positions, feature by feature.
import { type Arr, at, atBroadcast, build, type RefDType } from './array.js';
import type { TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('layers');

interface Positions {
  base?: number;
  offset?: number;
  dtype?: RefDType;
}

const angle = (position: number, pair: number, dim: number, base: number): number =>
  position / Math.exp((Math.log(base) * 2 * pair) / dim);

entry('F.sinusoidalPositions', {
  method: false,
  differentiable: false,
  draw: (d): [number, number, Positions] => [
    d.int(0, 20),
    d.int(1, 9),
    { base: d.maybe(() => d.int(2, 100)), offset: d.maybe(() => d.int(0, 9)), dtype: d.maybe(() => d.dtype('wide')) },
  ],
  reference: (length, dim, { base = 10000, offset = 0, dtype = 'float32' }) =>
    build([length, dim], dtype, ([row, column]) => {
      const x = angle(offset + row, Math.floor(column / 2), dim, base);
      return column % 2 === 0 ? Math.sin(x) : Math.sin(x + Math.PI / 2);
    }),
  length: 256,
  range: 1,
});

entry('F.applyRotaryEmb', {
  method: false,
  draw: (d): [TensorArg, TensorArg, TensorArg, { interleaved?: boolean }] => {
    const dtype = d.dtype('wide');
    const [length, pairs, more] = [d.int(1, 5), d.int(1, 4), d.int(0, 2)];
    const lead = d.shape({ max: 2, most: 12, full: true });
    const rows = d.chance(0.5) ? [length, pairs] : [...d.broadcastable(lead), length, pairs];
    const tensor = (shape: number[]): TensorArg => d.tensor(shape, { dtype });
    const x = tensor([...lead, length, 2 * pairs + more]);
    return [x, tensor(rows), tensor(rows), { interleaved: d.maybe(() => true) }];
  },
  reference: (x, cos, sin, { interleaved }) => {
    const pairs = cos.shape[cos.ndim - 1];
    return build(x.shape, x.dtype, (index) => {
      const lead = index.slice(0, -1);
      const e = index[index.length - 1];
      if (e >= 2 * pairs) return at(x, index);
      const pair = interleaved ? Math.floor(e / 2) : e % pairs;
      const second = interleaved ? e % 2 === 1 : e >= pairs;
      const other = interleaved ? (second ? e - 1 : e + 1) : second ? e - pairs : e + pairs;
      const [c, s] = [cos, sin].map((table: Arr) => atBroadcast(table, [...lead, pair]));
      return at(x, index) * c + (second ? 1 : -1) * at(x, [...lead, other]) * s;
    });
  },
  length: 2,
  range: 20,
});
