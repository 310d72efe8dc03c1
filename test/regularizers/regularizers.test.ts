// Layers, callbacks and losses that regularize.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  data,
  F,
  manualSeed,
  memory,
  nn,
  noGrad,
  ones,
  optim,
  randn,
  regularizers,
  ShapeError,
  type Tensor,
  Trainer,
  tensor,
  vision,
} from '../../lib/index.js';
import type { Callback, TrainerOptions } from '../../lib/training/index.js';
import { liveTensors } from '../support/garbage.js';

const list = (x: Tensor): number[] => Array.from(x.dataSync(), Number);
const labels = (...values: number[]): Tensor => tensor(values, { dtype: 'int64' });
const quiet = { progress: false } as const;

function net(): nn.Sequential {
  return new nn.Sequential(new nn.Linear(4, 6), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(6, 3));
}

function trainerOf(model: nn.Module, options: Partial<TrainerOptions> = {}): Trainer {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
  return new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, ...options });
}

const loader = (): data.DataLoader<readonly [Tensor, Tensor], readonly [Tensor, Tensor]> => {
  manualSeed(11);
  const x = randn([12, 4]);
  return new data.DataLoader(new data.TensorDataset(x, x.slice(1, 0, 3).argmax(1)), { batchSize: 4 }) as never;
};

describe('GaussianNoise', () => {
  it('adds noise in training only, and gradients pass', () => {
    manualSeed(1);
    const layer = new regularizers.GaussianNoise(0.2);
    const x = ones([5000], { dtype: 'float64' }).requiresGrad_();
    const y = layer.forward(x);
    expect(y.sub(1).std().itemSync()).toBeCloseTo(0.2, 1);
    expect(y.mean().itemSync()).toBeCloseTo(1, 1);
    y.sum().backward();
    expect(list((x.grad as Tensor).eq(1).all())).toEqual([1]);
    expect(layer.eval().forward(x)).toBe(x);
    expect(String(layer)).toBe('GaussianNoise(std=0.2)');
    expect(() => new regularizers.GaussianNoise(-1)).toThrow(ArgumentError);
  });
});

describe('weightNoise', () => {
  it('runs the batch with noisy weights and steps from the clean ones', async () => {
    const model = new nn.Linear(4, 3);
    const before = list(model.weight);
    const seen: number[][] = [];
    const forward = model.forward.bind(model);
    model.forward = (x: Tensor): Tensor => {
      seen.push(list(model.weight));
      return forward(x);
    };
    const still = { zeroGrad() {}, step() {} };
    const trainer = trainerOf(model, { optimizer: still, callbacks: [regularizers.weightNoise(0.1)] });
    const bias = list(model.bias as Tensor);
    await trainer.fit(loader(), quiet);
    expect(list(model.weight)).toEqual(before);
    expect(list(model.bias as Tensor)).toEqual(bias);
    const spread = seen.flat().map((value, i) => value - before[i % 12]);
    const deviation = Math.sqrt(spread.reduce((a, b) => a + b * b, 0) / spread.length);
    expect(deviation).toBeGreaterThan(0.05);
    expect(deviation).toBeLessThan(0.16);
    expect(new Set(seen.map(String)).size).toBe(3);
  });
  it('is gone while gradients gather, behind an error, and keeps no tensors', async () => {
    const model = net();
    const noise = regularizers.weightNoise(0.1, { relative: true });
    const clean: number[][] = [];
    const watch: Callback = { runLast: true, onBatchEnd: () => void clean.push(list(model.parameters()[0])) };
    const still = { zeroGrad() {}, step() {} };
    const before = list(model.parameters()[0]);
    const trainer = trainerOf(model, { optimizer: still, callbacks: [watch, noise], gradientAccumulation: 2 });
    await trainer.fit(loader(), quiet);
    expect(clean).toEqual([before, before, before]);
    const failing = trainerOf(model, { callbacks: [noise], loss: () => undefined as never });
    await expect(failing.fit(loader(), quiet)).rejects.toThrow(/loss must be a Tensor/);
    expect(list(model.parameters()[0])).toEqual(before);
    const batches = loader();
    await trainer.fit(batches, quiet);
    const tensors = liveTensors();
    await trainer.fit(batches, { ...quiet, epochs: 3 });
    expect(liveTensors()).toBe(tensors);
  });
});

describe('constraints', () => {
  it('hold after every step, for weights and not for biases', async () => {
    const model = net();
    const callbacks = [regularizers.maxNorm(0.3)];
    await trainerOf(model, { callbacks }).fit(loader(), { ...quiet, epochs: 2 });
    const first = model.getSubmodule<nn.Linear>('0');
    for (const norm of list(first.weight.norm(2, 1))) expect(norm).toBeLessThan(0.3 + 1e-6);
    expect(Math.max(...list((first.bias as Tensor).abs()))).toBeGreaterThan(0.3);

    const unit = net();
    await trainerOf(unit, { callbacks: [regularizers.unitNorm({ dim: 1 })] }).fit(loader(), quiet);
    for (const norm of list(unit.parameters()[0].norm(2, 0))) expect(norm).toBeCloseTo(1, 5);

    const positive = net();
    const only = { parameters: (name: string) => name === '3.weight' };
    await trainerOf(positive, { callbacks: [regularizers.nonNegative(only)] }).fit(loader(), quiet);
    const least = (name: string): number => positive.getParameter(name).min().itemSync();
    expect([least('3.weight') >= 0, least('0.weight') < 0]).toEqual([true, true]);
  });
  it('take a function of their own', () => {
    expect(() => regularizers.constraint(3 as never)).toThrow(/a function of weights is needed, got 3/);
    expect(() => regularizers.maxNorm(-1)).toThrow(ArgumentError);
    expect(() => regularizers.unitNorm({ parameters: 1 as never })).toThrow(/parameters must be a function/);
  });
});

describe('penalties', () => {
  it('elasticNet counts weights, not biases, unless told', () => {
    const model = new nn.Linear(2, 1);
    noGrad(() => {
      model.weight.copy_(tensor([[1, -2]]));
      (model.bias as Tensor).fill_(3);
    });
    expect(regularizers.elasticNet({ l1: 0.5, l2: 0.1 })(model).itemSync()).toBeCloseTo(0.5 * 3 + 0.1 * 5, 6);
    const all = regularizers.elasticNet({ l1: 1, parameters: () => true });
    expect(all(model).itemSync()).toBe(6);
    const both = regularizers.penalties(all, regularizers.elasticNet({ l2: 1 }));
    expect(both(model).itemSync()).toBe(11);
    expect(() => regularizers.elasticNet({ l1: -1 })).toThrow(/l1 must be a number >= 0/);
    expect(() => regularizers.penalties(3 as never)).toThrow(ArgumentError);
  });
  it('activityPenalty sees the outputs of layers in training', () => {
    manualSeed(2);
    const model = net();
    const penalty = regularizers.activityPenalty(model, { layers: ['1', '3'], l1: 0.5, l2: 0.25 });
    const x = randn([5, 4]);
    const hidden = model.getSubmodule<nn.Linear>('0').forward(x).relu();
    const output = model.forward(x);
    const want = (y: Tensor): Tensor => y.abs().sum().mul(0.5).add(y.square().sum().mul(0.25)).div(5);
    const value = penalty(model);
    expect(value.itemSync()).toBeCloseTo(want(hidden).add(want(output)).itemSync(), 4);
    value.backward();
    expect((model.parameters()[0].grad as Tensor).abs().sum().itemSync()).toBeGreaterThan(0);
    expect(penalty(model).itemSync()).toBe(0);
    model.forward(x);
    model.forward(x); // only the newest pass counts
    const one = penalty(model).itemSync();
    expect(one).toBeLessThan(1.9 * value.itemSync());
    model.eval().forward(x);
    noGrad(() => model.train().forward(x));
    expect(penalty(model).itemSync()).toBe(0);
    penalty.remove();
    model.forward(x);
    expect(penalty(model).itemSync()).toBe(0);
    expect(() => regularizers.activityPenalty(model, { layers: ['7'] })).toThrow(ArgumentError);
    expect(() => regularizers.activityPenalty(model, { layers: [] })).toThrow(/layers must be a list of paths/);
  });
  it('in the Trainer makes activations small', async () => {
    const sizes: number[] = [];
    for (const l2 of [0, 0.2]) {
      manualSeed(3);
      const model = net();
      const penalty = regularizers.activityPenalty(model, { layers: ['1'], l2 });
      const { epochs } = await trainerOf(model, { penalty }).fit(loader(), { ...quiet, epochs: 10 });
      expect(Number.isFinite(epochs[9].penalty)).toBe(true);
      sizes.push(
        model
          .getSubmodule<nn.Linear>('0')
          .forward(randn([50, 4]))
          .relu()
          .square()
          .mean()
          .itemSync(),
      );
    }
    expect(sizes[1]).toBeLessThan(sizes[0] / 2);
  });
});

describe('manifoldMixup', () => {
  it('mixes a hidden layer by the share of the targets, once, and the input for the empty path', () => {
    manualSeed(4);
    const model = new nn.Sequential(new nn.Linear(4, 6), new nn.Linear(6, 3));
    const mix = regularizers.manifoldMixup(model, { layers: ['0'], numClasses: 3 });
    const x = randn([4, 4]);
    const plain = model.forward(x);
    const hidden = model.getSubmodule<nn.Linear>('0').forward(x);
    const [input, soft] = mix(x, labels(0, 1, 2, 1));
    expect(input).toBe(x);
    const share = soft.index([0, 0]).itemSync();
    const wanted = model.getSubmodule<nn.Linear>('1').forward(hidden.mul(share).add(hidden.roll(1, 0).mul(1 - share)));
    const near = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().itemSync();
    expect(near(model.forward(x), wanted)).toBeLessThan(1e-6);
    expect(near(model.forward(x), plain)).toBe(0);
    mix(x, labels(0, 1, 2, 1));
    expect(near(model.eval().forward(x), plain)).toBe(0);
    mix.remove();
    expect(near(model.train().forward(x), plain)).toBe(0);

    const first = regularizers.manifoldMixup(model, { layers: [''], numClasses: 3 });
    const [mixedInput, target] = first(x, labels(0, 1, 2, 1));
    const part = target.index([0, 0]).itemSync();
    expect(near(mixedInput, x.mul(part).add(x.roll(1, 0).mul(1 - part)))).toBeLessThan(1e-6);
    expect(() => regularizers.manifoldMixup(model, { layers: ['9'], numClasses: 3 })).toThrow(ArgumentError);
  });
  it('draws all layers, and trains', async () => {
    manualSeed(5);
    const model = net();
    const mix = regularizers.manifoldMixup(model, { layers: ['', '0', '1'], numClasses: 3 });
    const x = randn([4, 4]);
    let unchanged = 0;
    for (let i = 0; i < 60; i++) if (mix(x, labels(0, 1, 2, 1))[0] === x) unchanged++;
    expect(unchanged).toBeGreaterThan(25);
    expect(unchanged).toBeLessThan(55);
    const { epochs } = await trainerOf(model, { batchTransforms: [mix] }).fit(loader(), { ...quiet, epochs: 15 });
    expect(epochs[14].loss).toBeLessThan(epochs[0].loss);
  });
});

describe('rDrop', () => {
  it('penalty is the mean of both divergences', () => {
    const [a, b] = [tensor([[1, 2, 0.5]], { dtype: 'float64' }), tensor([[0.2, -1, 3]], { dtype: 'float64' })];
    const [p, q] = [a, b].map((x) => F.logSoftmax(x, 1));
    const kl = (from: Tensor, to: Tensor): number =>
      F.klDiv(to, from, { reduction: 'sum', logTarget: true }).itemSync();
    expect(regularizers.rDropPenalty(a, b).itemSync()).toBeCloseTo((kl(p, q) + kl(q, p)) / 2, 12);
    expect(regularizers.rDropPenalty(a, a).itemSync()).toBe(0);
    expect(() => regularizers.rDropPenalty(a, randn([2, 3]))).toThrow(ShapeError);
  });
  it('runs the model twice in training', () => {
    manualSeed(6);
    const model = net();
    const outputs: Tensor[] = [];
    model.getSubmodule('3').registerForwardHook((_m, _i, output) => void outputs.push(output as Tensor));
    const loss = regularizers.rDrop(model, new nn.CrossEntropyLoss(), { alpha: 2 });
    const [x, y] = [randn([6, 4]), labels(0, 1, 2, 0, 1, 2)];
    const output = model.forward(x);
    expect([outputs.length, outputs[0] === output]).toEqual([2, true]);
    const mean = (F.crossEntropy(outputs[0], y).itemSync() + F.crossEntropy(outputs[1], y).itemSync()) / 2;
    const agree = regularizers.rDropPenalty(outputs[0], outputs[1]).itemSync();
    expect(agree).toBeGreaterThan(0);
    expect(loss(output, y).itemSync()).toBeCloseTo(mean + 2 * agree, 5);
    const plain = model.eval().forward(x);
    expect(outputs.length).toBe(3);
    expect(loss(plain, y).itemSync()).toBe(F.crossEntropy(plain, y).itemSync());
    loss.remove();
    model.train().forward(x);
    expect(outputs.length).toBe(4);
    expect(() => regularizers.rDrop(model, 3 as never)).toThrow(/loss must be a Module or a function, got 3/);
  });
  it('trains, with flat memory', async () => {
    manualSeed(7);
    const model = net();
    const trainer = trainerOf(model, { loss: regularizers.rDrop(model, new nn.CrossEntropyLoss()) });
    const batches = loader();
    const { epochs } = await trainer.fit(batches, { ...quiet, epochs: 15, validation: batches });
    expect(epochs[14].loss).toBeLessThan(epochs[0].loss);
    const tensors = liveTensors();
    await trainer.fit(batches, { ...quiet, epochs: 3 });
    expect(liveTensors()).toBe(tensors);
    expect(memory().tensors).toBe(tensors);
  });
});

describe('dropBlock', () => {
  const { dropBlock2d, dropBlock3d, DropBlock2d, DropBlock3d } = vision.ops;
  it('drops whole squares, about as much as asked, and keeps the sum', () => {
    manualSeed(8);
    const x = ones([20, 8, 14, 14], { dtype: 'float64' });
    const y = dropBlock2d(x, 0.2, 3);
    const gone = y.eq(0).to('float64');
    expect(gone.mean().itemSync()).toBeGreaterThan(0.14);
    expect(gone.mean().itemSync()).toBeLessThan(0.24);
    expect(y.mean().itemSync()).toBeCloseTo(1, 6);
    // Every dropped pixel lies in a dropped square: eroding and dilating by the square gives the same map.
    const eroded = F.maxPool2d(gone.neg(), 3, { stride: 1 }).neg();
    const opened = F.maxPool2d(F.pad(eroded, [2, 2, 2, 2]), 3, { stride: 1 });
    expect(list(opened.eq(gone).all())).toEqual([1]);
  });
  it('of volumes, with gradients, in place, and nothing in evaluation', () => {
    manualSeed(9);
    const x = ones([2, 3, 5, 6, 7]).requiresGrad_();
    const y = dropBlock3d(x, 0.3, 3);
    y.sum().backward();
    expect(list((x.grad as Tensor).eq(y).all())).toEqual([1]);
    expect(list(y.eq(0).any())).toEqual([1]);
    const z = ones([1, 1, 5, 5]);
    expect(dropBlock2d(z, 0.9, 3, { inplace: true })).toBe(z);
    expect(dropBlock2d(z, 0.5, 3, { training: false })).toBe(z);
    const module = new DropBlock2d(0.1, 7);
    expect(String(module)).toBe('DropBlock2d(p=0.1, block_size=7, inplace=False)');
    expect(module.forward(ones([1, 2, 5, 5])).shape).toEqual([1, 2, 5, 5]);
    expect(module.eval().forward(z)).toBe(z);
    expect(new DropBlock3d(0.5, 1).forward(ones([1, 2, 3, 3, 3])).shape).toEqual([1, 2, 3, 3, 3]);
  });
  it('refuses what torchvision refuses', () => {
    expect(() => dropBlock2d(ones([1, 1, 8, 8]), 1.5, 3)).toThrow(/p must lie in \[0, 1\], got 1.5/);
    expect(() => dropBlock2d(ones([1, 1, 8, 8]), 0.5, 4)).toThrow(/block size must be odd, got 4/);
    expect(() => dropBlock2d(ones([1, 8, 8]), 0.5, 3)).toThrow(ShapeError);
    expect(() => new DropBlock2d(0.5, 0)).toThrow(/blockSize must be an integer >= 1/);
  });
});

describe('stochasticDepth', () => {
  const { stochasticDepth, StochasticDepth } = vision.ops;
  it('drops rows or the batch, and scales the rest', () => {
    manualSeed(10);
    const rows = stochasticDepth(ones([400, 3]), 0.25, 'row');
    const kept = list(rows.select(1, 0)).filter((x) => x > 0);
    expect(Math.abs(kept.length - 300)).toBeLessThan(40);
    expect(kept[0]).toBeCloseTo(4 / 3, 6);
    expect(list(rows.eq(rows.slice(1, 0, 1)).all())).toEqual([1]);
    const batches = Array.from({ length: 60 }, () => list(stochasticDepth(ones([3]), 0.5, 'batch')).join());
    expect(new Set(batches)).toEqual(new Set(['0,0,0', '2,2,2']));
    expect(list(stochasticDepth(ones([2]), 1, 'row'))).toEqual([0, 0]);
  });
  it('is a module', () => {
    const module = new StochasticDepth(0.2, 'row');
    expect(String(module)).toBe('StochasticDepth(p=0.2, mode=row)');
    const x = ones([2, 2]);
    expect(module.eval().forward(x)).toBe(x);
    expect(() => new StochasticDepth(0.2, 'column' as never)).toThrow(/mode must be "batch" or "row", got "column"/);
    expect(() => stochasticDepth(x, -1, 'row')).toThrow(ArgumentError);
  });
});

it('all of them together train', async () => {
  manualSeed(12);
  const model = new nn.Sequential(
    new regularizers.GaussianNoise(0.05),
    ...net()
      .children()
      .map((m) => m as nn.Module),
  );
  const trainer = trainerOf(model, {
    loss: regularizers.rDrop(model, new nn.CrossEntropyLoss({ labelSmoothing: 0.1 })),
    batchTransforms: [regularizers.gaussianNoise(0.05), regularizers.mixup({ alpha: 0.2, numClasses: 3 })],
    penalty: regularizers.penalties(
      regularizers.elasticNet({ l1: 1e-5, l2: 1e-4 }),
      regularizers.activityPenalty(model, { layers: ['2'], l1: 1e-4 }),
    ),
    callbacks: [regularizers.weightNoise(0.01), regularizers.maxNorm(4)],
  });
  const batches = loader();
  const { epochs } = await trainer.fit(batches, { ...quiet, epochs: 30, validation: batches });
  expect(epochs[29].valLoss).toBeLessThan(0.9 * epochs[0].valLoss);
});
