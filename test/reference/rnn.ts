// One direction of a recurrent layer, row by row.
import { rnnLayer } from '../../lib/ops/layers/rnn.js';
import { type RnnKind, spansOf } from '../../lib/ops/layers/rnn-rule.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { type Arr, at, build } from './array.js';
import type { TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('layers');

const GATES = { rnnTanh: 1, rnnRelu: 1, lstm: 4, gru: 3 };

interface Setting {
  kind: RnnKind;
  reverse: boolean;
  /** Rows of every step, never growing. */
  counts: number[];
}

/** x, h0, c0, the two weights and the two biases; c0 counts for an LSTM only. */
type Drawn = [TensorArg, TensorArg, TensorArg, TensorArg, TensorArg, TensorArg, TensorArg, Setting];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** `weight[row] · values + bias[row]` for every row. */
function affine(weight: Arr, bias: Arr, values: readonly number[]): number[] {
  return Array.from({ length: weight.shape[0] }, (_, g) =>
    values.reduce((sum, value, k) => sum + value * at(weight, [g, k]), at(bias, [g])),
  );
}

const rowsOf = (x: Arr): number[][] =>
  Array.from({ length: x.shape[0] }, (_, n) => Array.from({ length: x.shape[1] }, (_, k) => at(x, [n, k])));

/** One step of one row: the next state and cell. */
function stepOf(kind: RnnKind, a: number[], s: number[], h: number[], c: number[]): [number[], number[]] {
  const size = h.length;
  const sum = (gate: number, u: number): number => a[gate * size + u] + s[gate * size + u];
  if (kind === 'lstm') {
    const cell = c.map((old, u) => sigmoid(sum(1, u)) * old + sigmoid(sum(0, u)) * Math.tanh(sum(2, u)));
    return [cell.map((value, u) => sigmoid(sum(3, u)) * Math.tanh(value)), cell];
  }
  const next = h.map((old, u) => {
    if (kind === 'rnnTanh') return Math.tanh(sum(0, u));
    if (kind === 'rnnRelu') return Math.max(0, sum(0, u));
    const n = Math.tanh(a[2 * size + u] + sigmoid(sum(0, u)) * s[2 * size + u]);
    const z = sigmoid(sum(1, u));
    return (1 - z) * n + z * old;
  });
  return [next, c];
}

entry('rnnLayer', {
  ulps: 64,
  length: 64,
  draw: (d): Drawn => {
    // A difference must not meet relu's kink.
    const kind = d.pick<RnnKind>(d.gradient ? ['rnnTanh', 'lstm', 'gru'] : ['rnnTanh', 'rnnRelu', 'lstm', 'gru']);
    const o = { dtype: d.dtype('wide'), low: -1, high: 1 };
    const counts = [d.int(1, 5)];
    while (counts.length < 4 && d.chance(0.7)) {
      const last = counts[counts.length - 1];
      counts.push(d.chance(0.5) ? last : d.int(1, last));
    }
    const [inputs, hidden] = [d.int(1, 5), d.int(1, d.gradient ? 4 : 40)];
    const rows = GATES[kind] * hidden;
    const steps = counts.reduce((sum, count) => sum + count, 0);
    const state = (): TensorArg => d.tensor([counts[0], hidden], o);
    return [
      d.tensor([steps, inputs], o),
      state(),
      state(),
      d.tensor([rows, inputs], o),
      d.tensor([rows, hidden], o),
      d.tensor([rows], o),
      d.tensor([rows], o),
      { kind, reverse: d.chance(0.5), counts },
    ];
  },
  call: (
    _api,
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    inputWeight: Tensor,
    stateWeight: Tensor,
    inputBias: Tensor,
    stateBias: Tensor,
    { kind, reverse, counts }: Setting,
  ) => {
    const weights = { inputWeight, stateWeight, inputBias, stateBias, project: null };
    const spans = counts.every((count) => count === counts[0]) ? null : spansOf(counts);
    return rnnLayer(x, h0, kind === 'lstm' ? c0 : null, weights, { kind, reverse, spans });
  },
  reference: (x, h0, c0, inputWeight, stateWeight, inputBias, stateBias, setting) => {
    const { kind, reverse, counts } = setting as Setting;
    const [inputs, h, c] = [rowsOf(x), rowsOf(h0), rowsOf(c0)];
    const out: number[][] = [];
    const starts = counts.map((_, t) => counts.slice(0, t).reduce((sum, count) => sum + count, 0));
    const order = counts.map((_, t) => t);
    for (const t of reverse ? order.reverse() : order) {
      for (let n = 0; n < counts[t]; n++) {
        const a = affine(inputWeight, inputBias, inputs[starts[t] + n]);
        [h[n], c[n]] = stepOf(kind, a, affine(stateWeight, stateBias, h[n]), h[n], c[n]);
        out[starts[t] + n] = h[n];
      }
    }
    const result = (list: number[][], like: Arr): Arr =>
      build([list.length, h0.shape[1]], like.dtype, ([n, u]) => list[n][u]);
    return kind === 'lstm' ? [result(out, x), result(h, x), result(c, x)] : [result(out, x), result(h, x)];
  },
});
