// Modules against PyTorch's: printed form, state, outputs, gradients and running statistics.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type DType, type nn, synchronizeSync, type Tensor, tensor } from '../../lib/index.js';
import { difference, magnitude, type Values } from './compare.js';
import { expectNoLeak } from './leaks.js';

interface Run {
  mode: 'train' | 'eval';
  inputs: Values[];
  output: Values;
  /** The gradient of the output; null where only the output is compared. */
  incoming: Values | null;
  inputGradients: (Values | null)[];
  gradients: Record<string, Values | null>;
  buffers: Record<string, Values>;
}

interface Case {
  name: string;
  text: string;
  state: Record<string, Values>;
  runs: Run[];
}

const DEEP = /^(net|sequential|encoder|decoder|transformer|gpt|char|seq2seq)\b/;

/** Longest sums are over a batch with its pixels; the models put several behind each other. */
const accuracyOf = (name: string) => ({ length: 400, ulps: DEEP.test(name) ? 400 : 40 });

const asTensor = ({ dtype, shape, data }: Values, floats: DType): Tensor =>
  tensor(data, { dtype: dtype.startsWith('float') ? floats : (dtype as DType) }).reshape(shape);

function compare(name: string, what: string, got: Tensor | null, want: Values | null, inputRange = 0): void {
  if (!got || !want) {
    expect(got === null, what).toBe(want === null);
    return;
  }
  const values = { dtype: got.dtype, shape: [...got.shape], data: Array.from(got.dataSync(), Number) };
  const expected = { ...want, dtype: want.dtype.startsWith('float') ? got.dtype : want.dtype };
  expect(difference(values, expected, accuracyOf(name), inputRange), what).toBeUndefined();
}

function check(module: nn.AnyModule, { name, state, runs }: Case, dtype: DType): void {
  const dict = module.to(dtype).stateDict();
  expect(Object.keys(dict)).toEqual(Object.keys(state));
  for (const [key, value] of Object.entries(state)) {
    expect([key, ...dict[key].shape]).toEqual([key, ...value.shape]);
    expect(dict[key].dtype).toBe(value.dtype.startsWith('float') ? dtype : value.dtype);
  }
  module.loadStateDict(Object.fromEntries(Object.entries(state).map(([key, value]) => [key, asTensor(value, dtype)])));
  for (const [i, run] of runs.entries()) {
    module.train(run.mode === 'train');
    module.zeroGrad();
    const inputs = run.inputs.map((values, k) => asTensor(values, dtype).requiresGrad_(run.inputGradients[k] !== null));
    const output = (module as nn.Module<Tensor[]>).forward(...inputs);
    const given = [...run.inputs, ...(run.incoming ? [run.incoming] : []), ...Object.values(state)];
    const range = Math.max(...given.map((v) => magnitude(v.data)));
    compare(name, `run ${i}: output`, output, run.output, range);
    if (run.incoming) output.backward({ gradient: asTensor(run.incoming, dtype) });
    inputs.forEach((x, k) => {
      compare(name, `run ${i}: gradient of input ${k}`, x.grad, run.inputGradients[k], range);
    });
    const parameters = [...module.namedParameters()];
    expect(parameters.map(([key]) => key)).toEqual(Object.keys(run.gradients));
    for (const [key, p] of parameters) compare(name, `run ${i}: gradient of ${key}`, p.grad, run.gradients[key], range);
    const buffers = [...module.namedBuffers()];
    expect(buffers.map(([key]) => key)).toEqual(Object.keys(run.buffers));
    for (const [key, b] of buffers) compare(name, `run ${i}: ${key}`, b, run.buffers[key], range);
  }
  synchronizeSync();
}

/** Compares each module that `make` builds with the case of its name in test/fixtures/<file>.json. */
export function compareModules(file: string, make: Record<string, () => nn.AnyModule>): void {
  const path = new URL(`../fixtures/${file}.json`, import.meta.url);
  const cases = JSON.parse(readFileSync(path, 'utf8')) as Case[];
  it('the fixture and this file have the same modules', () => {
    expect(cases.map(({ name }) => name)).toEqual(Object.keys(make));
  });
  describe.each(cases)('$name', (one) => {
    it('prints as in PyTorch', () => {
      expect(String(make[one.name]().to('float64'))).toBe(one.text);
    });
    for (const dtype of ['float64', 'float32'] as const) {
      it(`has PyTorch's state and numbers in ${dtype}${dtype === 'float32' ? ', and so has its copy' : ''}`, () => {
        const module = make[one.name]();
        check(dtype === 'float32' ? module.clone() : module, one, dtype);
      });
    }
    it('gives all memory back', () => expectNoLeak(() => check(make[one.name](), one, 'float32')));
  });
}
