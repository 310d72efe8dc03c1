// Recurrent layers in every combination of their options against the formulas, step by step, in composed operations:
// results, gradients and second gradients, in float64.
import { describe, expect, it } from 'vitest';
import { autograd, F, manualSeed, nn, randn, relu, sigmoid, stack, type Tensor, tanh, zeros } from '../../lib/index.js';

const { packPaddedSequence, padPackedSequence } = nn.utils.rnn;
const f64 = { dtype: 'float64' } as const;

type Layer = nn.LSTM | nn.GRU | nn.RNN;
type Kind = 'LSTM' | 'GRU' | 'tanh' | 'relu';
interface Options {
  readonly numLayers: number;
  readonly bias: boolean;
  readonly bidirectional: boolean;
  readonly batchFirst: boolean;
  readonly projSize: number;
}

const [INPUTS, HIDDEN] = [2, 3];
/** Lengths of the sequences of a batch; null: one sequence without a batch. */
const INPUT: Record<string, readonly number[] | null> = {
  whole: [4, 4],
  single: null,
  packed: [4, 2, 1],
  unsorted: [1, 4, 2],
};

/** One step for one sequence. */
function step(kind: Kind, x: Tensor, h: Tensor, c: Tensor, at: (name: string) => Tensor | null): [Tensor, Tensor] {
  const a = F.linear(x, at('weightIh') as Tensor, at('biasIh'));
  const s = F.linear(h, at('weightHh') as Tensor, at('biasHh'));
  if (kind === 'LSTM') {
    const [i, f, g, o] = a.add(s).chunk(4);
    const cell = sigmoid(f)
      .mul(c)
      .add(sigmoid(i).mul(tanh(g)));
    const state = sigmoid(o).mul(tanh(cell));
    const project = at('weightHr');
    return [project ? F.linear(state, project) : state, cell];
  }
  if (kind === 'GRU') {
    const [[xr, xz, xn], [hr, hz, hn]] = [a.chunk(3), s.chunk(3)];
    const [r, z] = [sigmoid(xr.add(hr)), sigmoid(xz.add(hz))];
    const n = tanh(xn.add(r.mul(hn)));
    return [n.sub(z.mul(n)).add(z.mul(h)), c];
  }
  return [(kind === 'tanh' ? tanh : relu)(a.add(s)), c];
}

/** Output `[L, D · P]` and last states of one sequence `[L, I]`; `h` and `c` are `[D · layers, *]`. */
function reference(kind: Kind, layer: Layer, options: Options, x: Tensor, h: Tensor, c: Tensor) {
  let rows = x.unbind(0);
  const [lastH, lastC]: [Tensor[], Tensor[]] = [[], []];
  const directions = options.bidirectional ? ['', 'Reverse'] : [''];
  for (let k = 0; k < options.numLayers; k++) {
    const sides = directions.map((side) => {
      const at = (name: string) => (Reflect.get(layer, `${name}L${k}${side}`) as Tensor | undefined) ?? null;
      let [state, cell] = [h.select(0, lastH.length), c.select(0, lastH.length)];
      const out: Tensor[] = [];
      for (const row of side ? [...rows].reverse() : rows) {
        [state, cell] = step(kind, row, state, cell, at);
        out.push(state);
      }
      lastH.push(state);
      lastC.push(cell);
      return side ? out.reverse() : out;
    });
    rows = rows.map((_, t) => (sides.length > 1 ? cat(sides.map((side) => side[t])) : sides[0][t]));
  }
  return { out: stack(rows), h: stack(lastH), c: stack(lastC) };
}

const cat = (parts: readonly Tensor[]): Tensor => stack(parts).flatten();

/** The layer's outputs and states as one list, `[T, P]` and `[D · layers, P]` of each sequence. */
function ofLayer(kind: Kind, layer: Layer, options: Options, input: string, x: Tensor, states: readonly Tensor[]) {
  const lengths = INPUT[input];
  const { batchFirst } = options;
  const state = (kind === 'LSTM' ? states : states[0]) as never;
  const run = (layer.forward as (...args: unknown[]) => [never, unknown]).bind(layer);
  if (lengths === null) {
    const [out, last] = run(x.select(1, 0), state) as [Tensor, unknown];
    return [out, ...[last].flat()] as Tensor[];
  }
  const given = batchFirst ? x.transpose(0, 1) : x;
  const packed =
    input === 'whole' ? given : packPaddedSequence(given, lengths, { batchFirst, enforceSorted: input === 'packed' });
  const [out, last] = run(packed, state);
  const padded: Tensor = input === 'whole' ? out : padPackedSequence(out, { batchFirst })[0];
  const rows = lengths.map((length, n) => padded.select(batchFirst ? 0 : 1, n).narrow(0, 0, length));
  return [...rows, ...([last].flat() as Tensor[])];
}

function ofFormulas(kind: Kind, layer: Layer, options: Options, input: string, x: Tensor, states: readonly Tensor[]) {
  const lengths = INPUT[input] ?? [x.shape[0]];
  const single = INPUT[input] === null;
  const [h, c = h] = single ? states.map((state) => state.unsqueeze(1)) : states;
  const each = lengths.map((length, n) =>
    reference(kind, layer, options, x.select(1, n).narrow(0, 0, length), h.select(1, n), c.select(1, n)),
  );
  const joined = (name: 'h' | 'c') =>
    single
      ? each[0][name]
      : stack(
          each.map((one) => one[name]),
          1,
        );
  const last = kind === 'LSTM' ? [joined('h'), joined('c')] : [joined('h')];
  return [...each.map(({ out }) => out), ...last];
}

/** Results, gradients of inputs, states and parameters, and the gradients of the inputs' gradients. */
function measure(outputs: readonly Tensor[], leaves: readonly Tensor[]): Tensor[] {
  const weighted = outputs.map((out, i) =>
    out
      .square()
      .mul(i + 1)
      .add(out)
      .sum(),
  );
  const total = stack(weighted).sum();
  const first = autograd.grad([total], leaves, { createGraph: true }) as Tensor[];
  const second = autograd.grad([stack(first.map((g) => g.square().sum())).sum()], leaves) as Tensor[];
  return [...outputs, ...first, ...second];
}

const make: Record<Kind, (options: Options) => Layer> = {
  LSTM: (options) => new nn.LSTM(INPUTS, HIDDEN, { ...options, ...f64 }),
  GRU: ({ projSize: _, ...options }) => new nn.GRU(INPUTS, HIDDEN, { ...options, ...f64 }),
  tanh: ({ projSize: _, ...options }) => new nn.RNN(INPUTS, HIDDEN, { ...options, ...f64 }),
  relu: ({ projSize: _, ...options }) => new nn.RNN(INPUTS, HIDDEN, { ...options, nonlinearity: 'relu', ...f64 }),
};

const both = [false, true];
/** With a projection all of them; else one or two layers for each of the others. */
const combinations = (projSize: number): Options[] =>
  both.flatMap((bias) =>
    both.flatMap((bidirectional) =>
      (projSize ? both : [bias !== bidirectional]).flatMap((batchFirst) =>
        (projSize ? [1, 2] : [bias ? 2 : 1]).map((numLayers) => ({
          numLayers,
          bias,
          bidirectional,
          batchFirst,
          projSize,
        })),
      ),
    ),
  );

describe.each([
  ['LSTM', 0],
  ['LSTM', 2],
  ['GRU', 0],
  ['tanh', 0],
  ['relu', 0],
] as const)('%s, projected to %d', (kind, projSize) => {
  it.each(Object.keys(INPUT))('%s input: options give what the formulas give', (input) => {
    manualSeed(9);
    for (const options of combinations(projSize)) {
      const layer = make[kind](options);
      const batch = INPUT[input]?.length ?? 1;
      const count = options.numLayers * (options.bidirectional ? 2 : 1);
      const states = [projSize || HIDDEN, HIDDEN].slice(0, kind === 'LSTM' ? 2 : 1).map((size) => {
        const shape = INPUT[input] === null ? [count, size] : [count, batch, size];
        return randn(shape, f64).requiresGrad_(true);
      });
      const x = randn([4, batch, INPUTS], f64).requiresGrad_(true);
      const leaves = [x, ...states, ...layer.parameters()];
      const got = measure(ofLayer(kind, layer, options, input, x, states), leaves);
      const wanted = measure(ofFormulas(kind, layer, options, input, x, states), leaves);
      expect(got.length).toBe(wanted.length);
      for (const [i, tensor] of got.entries()) {
        expect(tensor.shape).toEqual(wanted[i].shape);
        const size = Math.max(1, wanted[i].abs().max().itemSync());
        expect(tensor.sub(wanted[i]).abs().max().itemSync() / size, JSON.stringify([options, i])).toBeLessThan(1e-12);
      }
    }
  });

  it('begins with zeros where there is no state', () => {
    const options = { numLayers: 2, bias: true, bidirectional: true, batchFirst: false, projSize };
    const layer = make[kind](options);
    const x = randn([4, 3, INPUTS], f64);
    const states = [projSize || HIDDEN, HIDDEN].map((size) => zeros([4, 3, size], f64));
    const given = ofLayer(kind, layer, options, 'unsorted', x, states);
    const [lengths, run] = [INPUT.unsorted as number[], layer.forward as (...args: unknown[]) => [never, unknown]];
    const [out] = run.call(layer, packPaddedSequence(x, lengths, { enforceSorted: false }));
    const [padded] = padPackedSequence(out);
    for (const [n, length] of lengths.entries()) {
      expect(padded.select(1, n).narrow(0, 0, length).toArraySync()).toEqual(given[n].toArraySync());
    }
  });
});
