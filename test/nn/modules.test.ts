// Every module against PyTorch's: printed form, state, outputs, gradients and running statistics.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cat, type DType, full, nn, ones, synchronizeSync, type Tensor, tensor } from '../../lib/index.js';
import { difference, magnitude, type Values } from '../support/compare.js';

interface Run {
  mode: 'train' | 'eval';
  inputs: Values[];
  output: Values;
  incoming: Values;
  inputGradients: (Values | null)[];
  gradients: Record<string, Values>;
  buffers: Record<string, Values>;
}

interface Case {
  name: string;
  text: string;
  state: Record<string, Values>;
  runs: Run[];
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/nn.json', import.meta.url), 'utf8')) as Case[];

class Block extends nn.Module {
  convLayer = new nn.Conv2d(2, 3, 3, { padding: 1 });
  batchNorm = new nn.BatchNorm2d(3);
  forward(x: Tensor): Tensor {
    return this.batchNorm.forward(this.convLayer.forward(x)).tanh();
  }
}

class Net extends nn.Module {
  scale = new nn.Parameter(ones([3, 1, 1]));
  declare pixelMean: Tensor;
  block = new Block();
  heads = new nn.ModuleList([new nn.Linear(3, 4), new nn.Linear(3, 4), new nn.Linear(3, 2)]);
  lastHead = this.heads.items[2];

  constructor() {
    super();
    this.registerBuffer('pixelMean', full([2, 1, 1], 0.25));
  }

  forward(x: Tensor): Tensor {
    const y = this.block.forward(x.sub(this.pixelMean)).mul(this.scale).mean([2, 3]);
    return cat(
      [...this.heads, this.lastHead].map((head) => head.forward(y)),
      1,
    );
  }
}

const two = { stride: [2, 1], padding: [1, 0], dilation: [1, 2] } as const;

const make: Record<string, () => nn.AnyModule> = {
  conv: () => new nn.Conv2d(4, 3, 3),
  'conv rectangular': () => new nn.Conv2d(4, 6, [3, 2], { ...two, groups: 2, bias: false }),
  'conv same': () => new nn.Conv2d(4, 2, 3, { padding: 'same', dilation: 2 }),
  'conv valid': () => new nn.Conv2d(4, 2, 3, { padding: 'valid' }),
  'conv unbatched': () => new nn.Conv2d(4, 2, 3, { padding: 1 }),
  linear: () => new nn.Linear(5, 3),
  'linear without bias': () => new nn.Linear(5, 3, { bias: false }),
  batchNorm1d: () => new nn.BatchNorm1d(4),
  'batchNorm1d cumulative': () => new nn.BatchNorm1d(4, { momentum: null, eps: 1e-3 }),
  'batchNorm1d plain': () => new nn.BatchNorm1d(4, { affine: false }),
  'batchNorm1d untracked': () => new nn.BatchNorm1d(4, { trackRunningStats: false, eps: 1e-6 }),
  'batchNorm1d without bias': () => new nn.BatchNorm1d(4, { bias: false, momentum: 0.3 }),
  'batchNorm1d of sequences': () => new nn.BatchNorm1d(3),
  batchNorm2d: () => new nn.BatchNorm2d(4),
  maxPool: () => new nn.MaxPool2d(2),
  'maxPool rectangular': () => new nn.MaxPool2d([3, 2], { ...two, ceilMode: true }),
  avgPool: () => new nn.AvgPool2d(2),
  'avgPool rectangular': () =>
    new nn.AvgPool2d([3, 2], { stride: [2, 1], padding: [1, 0], ceilMode: true, countIncludePad: false }),
  'avgPool divisor': () => new nn.AvgPool2d(3, { divisorOverride: 4 }),
  flatten: () => new nn.Flatten(),
  'flatten two axes': () => new nn.Flatten(0, 1),
  identity: () => new nn.Identity(),
  relu: () => new nn.ReLU(),
  sigmoid: () => new nn.Sigmoid(),
  tanh: () => new nn.Tanh(),
  softmax: () => new nn.Softmax(1),
  'softmax last': () => new nn.Softmax(-1),
  dropout: () => new nn.Dropout(),
  'dropout small': () => new nn.Dropout(0.00001),
  crossEntropy: () => new nn.CrossEntropyLoss(),
  'crossEntropy smooth': () => new nn.CrossEntropyLoss({ reduction: 'sum', ignoreIndex: 2, labelSmoothing: 0.125 }),
  'crossEntropy of images': () => new nn.CrossEntropyLoss(),
  mse: () => new nn.MSELoss(),
  'mse per element': () => new nn.MSELoss({ reduction: 'none' }),
  sequential: () =>
    new nn.Sequential(
      new nn.Conv2d(2, 4, 3, { padding: 1 }),
      new nn.BatchNorm2d(4),
      new nn.Sigmoid(),
      new nn.MaxPool2d(2, { ceilMode: true }),
      new nn.Conv2d(4, 3, 1),
      new nn.Tanh(),
      new nn.AvgPool2d(2),
      new nn.Flatten(),
      new nn.Dropout(0),
      new nn.Linear(6, 5),
      new nn.BatchNorm1d(5),
      new nn.ReLU(),
      new nn.Identity(),
      new nn.Sequential(new nn.Linear(5, 4), new nn.Softmax(1)),
      new nn.Sequential(),
    ),
  net: () => new Net(),
};

/** Longest sums are over a batch with its pixels; the models put several behind each other. */
const accuracyOf = (name: string) => ({ length: 400, ulps: name === 'net' || name === 'sequential' ? 400 : 40 });

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

function check({ name, state, runs }: Case, dtype: DType): void {
  const module = make[name]();
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
    const inputs = run.inputs.map((values) => {
      const x = asTensor(values, dtype);
      return values.dtype.startsWith('float') ? x.requiresGrad_() : x;
    });
    const output = (module as nn.Module<Tensor[]>).forward(...inputs);
    const range = Math.max(...[...run.inputs, run.incoming, ...Object.values(state)].map((v) => magnitude(v.data)));
    compare(name, `run ${i}: output`, output, run.output, range);
    output.backward({ gradient: asTensor(run.incoming, dtype) });
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

it('the fixture and this file have the same modules', () => {
  expect(cases.map(({ name }) => name)).toEqual(Object.keys(make));
});

describe.each(cases)('$name', (one) => {
  it('prints as in PyTorch', () => {
    expect(String(make[one.name]())).toBe(one.text);
  });
  for (const dtype of ['float64', 'float32'] as const) {
    it(`has PyTorch's state and numbers in ${dtype}`, () => {
      check(one, dtype);
    });
  }
});
