// Recurrent layers and cells against PyTorch's: printed form, state, outputs, last states and all gradients.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  autograd,
  type DType,
  DTypeError,
  manualSeed,
  nn,
  noGrad,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import { difference, type Values } from '../support/compare.js';

const {
  PackedSequence,
  packPaddedSequence,
  packSequence,
  padPackedSequence,
  padSequence,
  unpackSequence,
  unpadSequence,
} = nn.utils.rnn;

interface Case {
  name: string;
  text: string;
  state: Record<string, Values>;
  lengths: number[] | null;
  sorted: boolean;
  inputs: Values[];
  outputs: Values[];
  incoming: Values[];
  inputGradients: Values[];
  gradients: Record<string, Values>;
}

type Recurrent = nn.LSTM | nn.GRU | nn.RNN | nn.LSTMCell | nn.GRUCell | nn.RNNCell;

const MAKE: Record<string, () => Recurrent> = {
  lstm: () => new nn.LSTM(3, 4),
  'lstm deep': () => new nn.LSTM(3, 4, { numLayers: 2, batchFirst: true, bidirectional: true }),
  'lstm packed': () => new nn.LSTM(3, 4, { bidirectional: true }),
  'lstm unsorted': () => new nn.LSTM(2, 3, { numLayers: 2, batchFirst: true, bidirectional: true }),
  'lstm projected': () => new nn.LSTM(3, 5, { numLayers: 2, bidirectional: true, projSize: 2 }),
  'lstm projected packed': () => new nn.LSTM(3, 5, { projSize: 2, bias: false }),
  'lstm unbatched': () => new nn.LSTM(3, 4, { bias: false }),
  gru: () => new nn.GRU(3, 4, { numLayers: 2 }),
  'gru packed': () => new nn.GRU(3, 4, { batchFirst: true, bidirectional: true }),
  'gru unbatched': () => new nn.GRU(3, 4, { bidirectional: true, bias: false }),
  rnn: () => new nn.RNN(3, 5, { numLayers: 3, bidirectional: true }),
  'rnn relu': () => new nn.RNN(3, 5, { nonlinearity: 'relu', bias: false, batchFirst: true }),
  'rnn packed': () => new nn.RNN(2, 3),
  'lstm cell': () => new nn.LSTMCell(3, 4),
  'lstm cell unbatched': () => new nn.LSTMCell(3, 4, { bias: false }),
  'gru cell': () => new nn.GRUCell(3, 4),
  'rnn cell': () => new nn.RNNCell(3, 4),
  'lstm projected deep unsorted': () =>
    new nn.LSTM(2, 4, { numLayers: 2, batchFirst: true, bidirectional: true, projSize: 3 }),
  'lstm projected unbatched': () => new nn.LSTM(3, 4, { projSize: 1 }),
  'gru unsorted': () => new nn.GRU(2, 3, { numLayers: 2, bias: false, bidirectional: true }),
  'rnn relu unsorted': () =>
    new nn.RNN(2, 3, { numLayers: 2, nonlinearity: 'relu', bidirectional: true, batchFirst: true }),
  'gru cell unbatched': () => new nn.GRUCell(3, 4, { bias: false }),
  'rnn cell unbatched': () => new nn.RNNCell(3, 4),
  'rnn cell relu': () => new nn.RNNCell(3, 4, { bias: false, nonlinearity: 'relu' }),
};

const cases = JSON.parse(readFileSync(new URL('../fixtures/nn_rnn.json', import.meta.url), 'utf8')) as Case[];

const asTensor = ({ shape, data }: Values, dtype: DType): Tensor => tensor(data, { dtype }).reshape(shape);

/** The tensors of an output or of a state, packed ones as their data. */
function flat(output: unknown): Tensor[] {
  if (output instanceof PackedSequence) return [output.data];
  return Array.isArray(output) ? output.flatMap(flat) : [output as Tensor];
}

function compare(what: string, got: Tensor | null, want: Values): void {
  expect(got, what).not.toBeNull();
  const { dtype, shape } = got as Tensor;
  const values = { dtype, shape: [...shape], data: Array.from((got as Tensor).dataSync(), Number) };
  expect(difference(values, { ...want, dtype }, { length: 64, ulps: 64 }, 1), what).toBeUndefined();
}

function check(one: Case, dtype: DType): void {
  const module = MAKE[one.name]().to(dtype);
  module.loadStateDict(
    Object.fromEntries(Object.entries(one.state).map(([key, value]) => [key, asTensor(value, dtype)])),
  );
  const [x, ...states] = one.inputs.map((values) => asTensor(values, dtype).requiresGrad_(true));
  const batchFirst = 'batchFirst' in module && module.batchFirst;
  const input = one.lengths ? packPaddedSequence(x, one.lengths, { batchFirst, enforceSorted: one.sorted }) : x;
  const state = states.length > 1 ? states : states[0];
  const outputs = flat((module.forward as (...args: unknown[]) => unknown).call(module, input, state));
  expect(outputs.length).toBe(one.outputs.length);
  outputs.forEach((output, i) => {
    compare(`output ${i}`, output, one.outputs[i]);
  });
  const incoming = one.incoming.map((values) => asTensor(values, dtype));
  autograd.backward(outputs, incoming);
  [x, ...states].forEach((leaf, i) => {
    compare(`gradient of input ${i}`, leaf.grad, one.inputGradients[i]);
  });
  for (const [key, parameter] of module.namedParameters()) compare(key, parameter.grad, one.gradients[key]);
}

describe.each(cases)('$name', (one) => {
  it('prints as in PyTorch and has its state', () => {
    const module = MAKE[one.name]();
    expect(String(module)).toBe(one.text);
    expect(Object.entries(module.stateDict()).map(([key, { shape }]) => [key, [...shape]])).toEqual(
      Object.entries(one.state).map(([key, { shape }]) => [key, shape]),
    );
  });
  for (const dtype of ['float64', 'float32'] as const) it(`${dtype}: outputs and gradients`, () => check(one, dtype));
});

describe('recurrent layers', () => {
  it('give the same numbers with and without a tape', () => {
    manualSeed(3);
    const x = randn([6, 9, 7]);
    const [lstm, gru, rnn] = [new nn.LSTM(7, 33, { projSize: 5 }), new nn.GRU(7, 33), new nn.RNN(7, 70)];
    const runs = [() => lstm.forward(x)[0], () => gru.forward(x)[0], () => rnn.forward(x)[0]];
    for (const run of runs) {
      const recorded = run().toArraySync();
      noGrad(() => expect(run().toArraySync()).toEqual(recorded));
    }
  });

  it('have the numbers of their steps', () => {
    const layer = new nn.LSTM(3, 20, { dtype: 'float64' });
    const cell = new nn.LSTMCell(3, 20, { dtype: 'float64' });
    const state = layer.stateDict();
    cell.loadStateDict(
      Object.fromEntries(Object.entries(state).map(([key, value]) => [key.replace('_l0', ''), value])),
    );
    const x = randn([5, 40, 3], { dtype: 'float64' });
    const [out, [, cN]] = layer.forward(x);
    let now: nn.LSTMState | undefined;
    for (let t = 0; t < 5; t++) now = cell.forward(x.select(0, t), now);
    const [h, c] = now as nn.LSTMState;
    expect(h.sub(out.select(0, 4)).abs().max().itemSync()).toBeLessThan(1e-15);
    expect(c.sub(cN.select(0, 0)).abs().max().itemSync()).toBeLessThan(1e-15);
  });

  it('drop between layers in training only', () => {
    const module = new nn.GRU(3, 4, { numLayers: 2, dropout: 1 });
    const x = randn([4, 2, 3]);
    const silent = module.eval().forward(x)[0];
    expect(module.train().forward(x)[0].toArraySync()).not.toEqual(silent.toArraySync());
    expect(module.eval().forward(x)[0].toArraySync()).toEqual(silent.toArraySync());
  });

  it('refuse wrong inputs and states', () => {
    const lstm = new nn.LSTM(3, 4);
    const x = zeros([5, 2, 3]);
    expect(() => lstm.forward(zeros([5, 2, 4]))).toThrow(/LSTM: input \[5, 2, 4\] must end in inputSize 3/);
    expect(() => lstm.forward(zeros([3]))).toThrow(ShapeError);
    expect(() => lstm.forward(zeros([0, 2, 3]))).toThrow(/at least one step/);
    expect(() => lstm.forward(zeros([5, 2, 3], { dtype: 'float64' }))).toThrow(DTypeError);
    expect(() => lstm.forward(x, [zeros([1, 2, 4]), zeros([1, 3, 4])])).toThrow(
      /c0 has shape \[1, 3, 4\], \[1, 2, 4\]/,
    );
    expect(() => lstm.forward(x, zeros([1, 2, 4]) as never)).toThrow(/the state must be \[h0, c0\]/);
    expect(() => new nn.LSTM(3, 4, { projSize: 4 })).toThrow(/projSize 4 must be smaller than hiddenSize 4/);
    expect(() => new nn.GRU(3, 0)).toThrow(ArgumentError);
    expect(() => new nn.RNN(3, 4, { nonlinearity: 'gelu' as never })).toThrow(/nonlinearity must be/);
    expect(() => new nn.GRUCell(3, 4).forward(zeros([2, 4]))).toThrow(/input must be \[N, 3\] or \[3\]/);
    expect(() => new nn.GRUCell(3, 4).forward(zeros([2, 3]), zeros([2, 3]))).toThrow(/h has shape \[2, 3\]/);
  });
});

describe('packed sequences', () => {
  const rows = (x: Tensor) => x.toArraySync();

  it('pack and pad back', () => {
    const x = tensor([
      [1, 2, 0],
      [3, 0, 0],
      [4, 5, 6],
    ]);
    const packed = packPaddedSequence(x, [2, 1, 3], { batchFirst: true, enforceSorted: false });
    expect(rows(packed.data)).toEqual([4, 1, 3, 5, 2, 6]);
    expect(packed.batchSizes).toEqual([3, 2, 1]);
    expect(packed.sortedIndices).toEqual([2, 0, 1]);
    expect(packed.unsortedIndices).toEqual([1, 2, 0]);
    const [padded, lengths] = padPackedSequence(packed, { batchFirst: true, paddingValue: -1, totalLength: 4 });
    expect(lengths).toEqual([2, 1, 3]);
    expect(rows(padded)).toEqual([
      [1, 2, -1, -1],
      [3, -1, -1, -1],
      [4, 5, 6, -1],
    ]);
    expect(unpackSequence(packed).map(rows)).toEqual([[1, 2], [3], [4, 5, 6]]);
  });

  it('pad sequences on either side and take them out again', () => {
    const list = [tensor([1, 2, 3]), tensor([4])];
    expect(rows(padSequence(list))).toEqual([
      [1, 4],
      [2, 0],
      [3, 0],
    ]);
    const left = padSequence(list, { batchFirst: true, paddingValue: 9, paddingSide: 'left' });
    expect(rows(left)).toEqual([
      [1, 2, 3],
      [9, 9, 4],
    ]);
    expect(unpadSequence(padSequence(list), tensor([3, 1])).map(rows)).toEqual([[1, 2, 3], [4]]);
    expect(packSequence(list).batchSizes).toEqual([2, 1, 1]);
  });

  it('pass gradients to what was packed and none to the padding', () => {
    const x = randn([3, 2, 2]).requiresGrad_(true);
    const [padded] = padPackedSequence(packPaddedSequence(x, [3, 1]));
    padded.sum().backward();
    expect(rows(x.grad as Tensor)).toEqual([
      [
        [1, 1],
        [1, 1],
      ],
      [
        [1, 1],
        [0, 0],
      ],
      [
        [1, 1],
        [0, 0],
      ],
    ]);
  });

  it('have orders that can be inverted', () => {
    const { invertPermutation } = nn.utils.rnn;
    const order = tensor([2, 0, 3, 1], { dtype: 'int64' });
    expect(rows(invertPermutation(order).to('int32'))).toEqual([1, 3, 0, 2]);
    expect(invertPermutation([2, 0, 3, 1])).toEqual([1, 3, 0, 2]);
    expect(invertPermutation(null)).toBeNull();
    expect(() => invertPermutation(tensor([1, 0]))).toThrow(DTypeError);
    expect(() => invertPermutation(order.reshape([2, 2]))).toThrow(ShapeError);
    expect(() => invertPermutation([1, 1])).toThrow(/every number below 2/);
  });

  it('refuse wrong lengths', () => {
    const x = zeros([3, 2, 1]);
    expect(() => packPaddedSequence(x, [1, 3])).toThrow(/must not grow unless enforceSorted is false, got \[1,3\]/);
    expect(() => packPaddedSequence(x, [4, 1])).toThrow(/integers in \[1, 3\], got 4/);
    expect(() => packPaddedSequence(x, [2, 0])).toThrow(/integers in \[1, 3\], got 0/);
    expect(() => packPaddedSequence(x, [2])).toThrow(ShapeError);
    expect(() => padPackedSequence(packPaddedSequence(x, [3, 1]), { totalLength: 2 })).toThrow(/totalLength/);
    expect(() => padSequence([zeros([2, 3]), zeros([2, 4])])).toThrow(ShapeError);
  });
});
