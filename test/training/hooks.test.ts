import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  type Callback,
  F,
  manualSeed,
  memory,
  metrics,
  nn,
  optim,
  randn,
  type StepInfo,
  synchronize,
  type Tensor,
  Trainer,
  type TrainerOptions,
  tensor,
} from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';

const quiet = { progress: false } as const;
const numbers = (x: Tensor): number[] => Array.from(x.dataSync(), Number);
const weights = (model: nn.Module): number[] => model.parameters().flatMap(numbers);

const gradients = (model: nn.Module): [string, number[]][] =>
  [...model.namedParameters()].map(([name, p]) => [name, numbers(p.grad as Tensor)]);

function makeBatches(count: number, rows = 4): [Tensor, Tensor][] {
  manualSeed(4);
  return Array.from({ length: count }, (_, i) => [
    randn([rows, 5]),
    tensor(
      Array.from({ length: rows }, (_, j) => (i + j) % 3),
      { dtype: 'int64' },
    ),
  ]);
}

function setUp(options: Partial<TrainerOptions> = {}) {
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(5, 8), new nn.Tanh(), new nn.Linear(8, 3));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  return { model, optimizer, trainer: new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, ...options }) };
}

/** Notes every hook with its numbers. */
function recorder(): { calls: string[]; callback: Callback } {
  const calls: string[] = [];
  const note = (text: string): void => void calls.push(text);
  return {
    calls,
    callback: {
      onFitStart: () => note('fit'),
      onEpochStart: (epoch) => note(`epoch ${epoch}`),
      onBatchStart: (batch) => note(`batch ${batch}`),
      onBeforeStep: ({ step, epoch, batch }) => note(`before ${step} in ${epoch}/${batch}`),
      onStepEnd: (step) => note(`step ${step}`),
      onBatchEnd: (batch) => note(`batch end ${batch}`),
      onEvaluateStart: () => note('evaluate'),
      onEvaluateEnd: (values) => note(`evaluated ${Object.keys(values)}`),
      onEpochEnd: ({ epoch }) => note(`epoch end ${epoch}`),
      onFitEnd: () => note('fit end'),
      onFitError: (error) => note(`error ${(error as Error).message}`),
    },
  };
}

describe('hooks', () => {
  it('run in this order', async () => {
    const { calls, callback } = recorder();
    const { trainer } = setUp({ callbacks: [callback] });
    const batches = makeBatches(2);
    await trainer.fit(batches, { ...quiet, validation: batches });
    const batch = (i: number) => [`batch ${i}`, `before ${i + 1} in 1/${i}`, `step ${i + 1}`, `batch end ${i}`];
    const evaluation = ['evaluate', 'evaluated loss'];
    expect(calls).toEqual(['fit', 'epoch 1', ...batch(0), ...batch(1), ...evaluation, 'epoch end 1', 'fit end']);
    expect(trainer.globalStep).toBe(2);
  });

  it('before a step the gradients are there, unclipped, and the loss is that of the step', async () => {
    const [batch] = makeBatches(1);
    const other = setUp();
    const loss = F.crossEntropy(other.model.forward(batch[0]), batch[1]);
    loss.backward();
    const wanted = gradients(other.model);
    const seen: { loss: number; gradients: [string, number[]][]; rates: number[] }[] = [];
    const callback: Callback = {
      async onBeforeStep(info: StepInfo, trainer: Trainer) {
        seen.push({
          loss: await info.loss.item(),
          gradients: gradients(trainer.model),
          rates: trainer.learningRates(),
        });
      },
    };
    const { trainer } = setUp({ callbacks: [callback], clipGradNorm: 1e-3 });
    await trainer.fit([batch], quiet);
    expect(seen).toEqual([{ loss: loss.itemSync(), gradients: wanted, rates: [0.1] }]);
  });

  it('those with runLast run behind the others', async () => {
    const order: string[] = [];
    const late: Callback = { runLast: true, onEpochEnd: () => void order.push('late') };
    const early: Callback = { onEpochEnd: () => void order.push('early') };
    const { trainer } = setUp({ callbacks: [late, early] });
    await trainer.fit(makeBatches(1), quiet);
    expect(order).toEqual(['early', 'late']);
  });

  it('stop() ends behind the batch; the epoch is logged', async () => {
    const { calls, callback } = recorder();
    const stopper: Callback = { onBatchEnd: (batch, _, trainer) => void (batch === 1 && trainer.stop()) };
    const { trainer } = setUp({ callbacks: [callback, stopper] });
    const { epochs } = await trainer.fit(makeBatches(5), { ...quiet, epochs: 4 });
    expect(epochs.length).toBe(1);
    expect(trainer.globalStep).toBe(2);
    expect(calls.at(-1)).toBe('fit end');
    await trainer.fit(makeBatches(1), quiet);
    expect(epochs.length).toBe(2);
  });

  it('hear of errors, and what they throw then does not count', async () => {
    const { calls, callback } = recorder();
    const thrower: Callback = {
      onFitError() {
        throw new Error('again');
      },
      onStepEnd() {
        throw new RangeError('first');
      },
    };
    const { trainer } = setUp({ callbacks: [thrower, callback] });
    await expect(trainer.fit(makeBatches(2), quiet)).rejects.toMatchObject({
      name: 'CallbackError',
      hook: 'onStepEnd',
      callback: 'callbacks[0]',
      cause: new RangeError('first'),
    });
    expect(calls.at(-1)).toBe('error Trainer: onStepEnd of callbacks[0] failed: first');
  });

  it('one fit at a time', async () => {
    const { trainer } = setUp();
    const first = trainer.fit(makeBatches(2), quiet);
    await expect(trainer.fit(makeBatches(2), quiet)).rejects.toThrow('Trainer.fit: is running already');
    await first;
    expect(trainer.history.epochs.length).toBe(1);
  });
});

describe('gradientAccumulation', () => {
  it('of equal batches is one large batch', async () => {
    const large = makeBatches(3, 8);
    const small = large.flatMap(([x, y]) => [
      [x.slice(0, 0, 4), y.slice(0, 0, 4)] as const,
      [x.slice(0, 4, 8), y.slice(0, 4, 8)] as const,
    ]);
    const whole = setUp();
    await whole.trainer.fit(large, quiet);
    const parts = setUp({ gradientAccumulation: 2 });
    await parts.trainer.fit(small, quiet);
    const wanted = weights(whole.model);
    weights(parts.model).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i], 6);
    });
    expect(parts.trainer.globalStep).toBe(3);
  });

  it('the rest of an epoch makes a step of its own', async () => {
    const { calls, callback } = recorder();
    const { trainer } = setUp({ gradientAccumulation: 2, callbacks: [callback] });
    await trainer.fit(makeBatches(3), quiet);
    expect(calls.filter((call) => /^(before|step)/.test(call))).toEqual([
      'before 1 in 1/1',
      'step 1',
      'before 2 in 1/3',
      'step 2',
    ]);
  });
});

describe('clipping', () => {
  it('is that of nn.utils', async () => {
    const [batch] = makeBatches(1);
    const clipped = setUp({ clipGradNorm: 0.05, clipGradValue: 0.01 });
    await clipped.trainer.fit([batch], quiet);
    const { model, optimizer } = setUp();
    F.crossEntropy(model.forward(batch[0]), batch[1]).backward();
    nn.utils.clipGradValue_(model.parameters(), 0.01);
    nn.utils.clipGradNorm_(model.parameters(), 0.05);
    optimizer.step();
    expect(weights(clipped.model)).toEqual(weights(model));
    const free = setUp();
    await free.trainer.fit([batch], quiet);
    expect(weights(free.model)).not.toEqual(weights(model));
  });
});

describe('penalty', () => {
  it('is added to the loss of training and logged beside it', async () => {
    const [batch] = makeBatches(1);
    const penalty = (model: nn.Module): Tensor =>
      model
        .parameters()
        .map((p) => p.square().sum())
        .reduce((a, b) => a.add(b))
        .mul(0.5);
    const seen: number[] = [];
    const { model, trainer } = setUp({
      penalty,
      callbacks: [{ onBeforeStep: async ({ loss }) => void seen.push(await loss.item()) }],
    });
    const other = setUp();
    const decayed = new optim.SGD(other.model.parameters(), { lr: 0.1, weightDecay: 1 });
    const norm = penalty(other.model).itemSync();
    const loss = F.crossEntropy(other.model.forward(batch[0]), batch[1]);
    loss.backward();
    decayed.step();
    const { epochs } = await trainer.fit([batch], { ...quiet, validation: [batch] });
    const wanted = weights(other.model);
    weights(model).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i], 6);
    });
    expect(epochs[0].loss).toBeCloseTo(loss.itemSync(), 6);
    expect(epochs[0].penalty).toBeCloseTo(norm, 5);
    expect(seen[0]).toBeCloseTo(loss.itemSync() + norm, 5);
    expect(epochs[0].valLoss).toBeCloseTo(F.crossEntropy(model.forward(batch[0]), batch[1]).itemSync(), 6);
    expect('valPenalty' in epochs[0]).toBe(false);
  });
});

describe('batchTransforms', () => {
  it('change training batches, in order, and leave evaluation alone', async () => {
    const [batch] = makeBatches(1);
    const order: string[] = [];
    const { trainer, model } = setUp({
      batchTransforms: [
        (x, y) => {
          order.push('soft');
          return [
            x,
            F.oneHot(y, 3)
              .to('float32')
              .mul(0.9)
              .add(0.1 / 3),
          ];
        },
        (x, y) => {
          order.push('scaled');
          return [x.mul(2), y];
        },
      ],
      metrics: [metrics.accuracy()],
    });
    const other = setUp();
    const soft = F.oneHot(batch[1], 3)
      .to('float32')
      .mul(0.9)
      .add(0.1 / 3);
    const output = other.model.forward(batch[0].mul(2));
    F.crossEntropy(output, soft).backward();
    other.optimizer.step();
    const { epochs } = await trainer.fit([batch], { ...quiet, validation: [batch] });
    expect(order).toEqual(['soft', 'scaled']);
    expect(weights(model)).toEqual(weights(other.model));
    // The metric takes class indices, so it sees the target before the transforms.
    expect(epochs[0].accuracy).toBeCloseTo(output.argmax(1).eq(batch[1]).to('float32').mean().itemSync(), 6);
    expect(epochs[0].valLoss).toBeCloseTo(F.crossEntropy(model.forward(batch[0]), batch[1]).itemSync(), 6);
  });

  it('metrics see a transformed target of the same kind', async () => {
    const model = new nn.Linear(2, 1);
    const trainer = new Trainer({
      model,
      loss: (output, target) => output.sub(target).square().mean(),
      optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
      metrics: [metrics.meanSquaredError()],
      batchTransforms: [(x, y) => [x, y.add(1)]],
    });
    const { epochs } = await trainer.fit([[randn([4, 2]), randn([4, 1])]], quiet);
    expect(epochs[0].meanSquaredError).toBeCloseTo(epochs[0].loss, 6);
  });

  it('that return something else are named', async () => {
    const { trainer } = setUp({ batchTransforms: [(x, y) => [x, y], (x) => x as never] });
    await expect(trainer.fit(makeBatches(1), quiet)).rejects.toThrow(
      /^Trainer\.fit: what batchTransforms\[1\] returns must be \[input, target\]/,
    );
  });
});

it('memory stays flat with all of it', async () => {
  const { callback } = recorder();
  const { trainer } = setUp({
    gradientAccumulation: 2,
    clipGradNorm: 1,
    clipGradValue: 1,
    penalty: (model) => model.parameters()[0].abs().sum(),
    batchTransforms: [(x, y) => [x.add(1), y]],
    callbacks: [callback],
  });
  const batches = makeBatches(5);
  await trainer.fit(batches, { ...quiet, validation: batches });
  await synchronize();
  const before = liveTensors();
  const { live } = memory();
  await trainer.fit(batches, { ...quiet, epochs: 6, validation: batches });
  await synchronize();
  expect(memory().tensors).toBe(before);
  expect(memory().live).toBe(live);
});

it('wrong options are named', () => {
  const wrong: [Partial<Record<keyof TrainerOptions, unknown>>, RegExp][] = [
    [{ callbacks: [() => {}] }, /a callback must be an object with hooks, got a function/],
    [{ batchTransforms: [3] }, /a batch transform must be a function, got 3/],
    [{ batchTransforms: 3 }, /batchTransforms must be an array/],
    [{ penalty: 3 }, /penalty must be a function, got 3/],
    [{ gradientAccumulation: 0 }, /gradientAccumulation must be an integer >= 1, got 0/],
    [{ clipGradNorm: -1 }, /clipGradNorm must be a number >= 0, got -1/],
    [{ clipGradValue: Number.NaN }, /clipGradValue must be a number >= 0, got NaN/],
  ];
  for (const [options, message] of wrong) {
    expect(() => setUp(options as never)).toThrow(ArgumentError);
    expect(() => setUp(options as never)).toThrow(message);
  }
});
