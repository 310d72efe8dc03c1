import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  type Batches,
  type Callback,
  data,
  F,
  manualSeed,
  memory,
  metrics,
  NablaError,
  nn,
  optim,
  randn,
  ShapeError,
  scope,
  synchronize,
  type Tensor,
  Trainer,
  type TrainerOptions,
  tensor,
  ValueError,
} from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';

const CLASSES = 3;

/** `[4, 5]` inputs with labels; a label of `wrong` makes that batch one that cross entropy refuses. */
function makeBatches(count: number, wrong: Record<number, number> = {}): (readonly [Tensor, Tensor])[] {
  manualSeed(4);
  return Array.from({ length: count }, (_, i) => {
    const labels = [0, 1, 2, i % CLASSES];
    if (i in wrong) labels[1] = wrong[i];
    return [randn([4, 5]), tensor(labels, { dtype: 'int64' })] as const;
  });
}

function setUp(options: Partial<TrainerOptions> = {}) {
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(5, 8), new nn.ReLU(), new nn.Dropout(0.25), new nn.Linear(8, CLASSES));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const trainer = new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, ...options });
  return { model, optimizer, trainer };
}

const quiet = { progress: false } as const;
const weights = (model: nn.Module): number[][] => model.parameters().map((p) => Array.from(p.dataSync(), Number));

describe('fit', () => {
  it('does what the loop written out does', async () => {
    const batches = makeBatches(5);
    const { model, trainer } = setUp({ metrics: [metrics.accuracy()] });
    const history = await trainer.fit(batches, { ...quiet, epochs: 2, validation: batches.slice(0, 2) });

    const other = setUp();
    const losses: number[] = [];
    let right = 0;
    for (let step = 0; step < 10; step++) {
      const [x, y] = batches[step % 5];
      const output = other.model.forward(x);
      const loss = F.crossEntropy(output, y);
      other.optimizer.zeroGrad();
      loss.backward();
      other.optimizer.step();
      losses.push(loss.itemSync());
      if (step >= 5) right += output.argmax(1).eq(y).sum().itemSync();
    }
    expect(weights(model)).toEqual(weights(other.model));
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    expect(history.epochs[0].loss).toBeCloseTo(mean(losses.slice(0, 5)), 12);
    expect(history.epochs[1].loss).toBeCloseTo(mean(losses.slice(5)), 12);
    expect(history.epochs[1].accuracy).toBe(right / 20);

    other.model.eval();
    const validation = batches.slice(0, 2).map(([x, y]) => F.crossEntropy(other.model.forward(x), y).itemSync());
    expect(history.epochs[1].valLoss).toBeCloseTo(mean(validation), 12);
    expect(history.epochs[1].valAccuracy).toBeGreaterThanOrEqual(0);
    const keys = ['epoch', 'loss', 'accuracy', 'seconds', 'samplesPerSecond', 'valLoss', 'valAccuracy'];
    expect(Object.keys(history.epochs[0])).toEqual(keys);
    expect(history.epochs[0].samplesPerSecond * history.epochs[0].seconds).toBeCloseTo(20, 9);
    expect(trainer.history).toBe(history);
  });

  it('weighs batches by their samples and goes on counting epochs', async () => {
    const x = randn([7, 5]);
    const y = tensor([0, 1, 2, 0, 1, 2, 0], { dtype: 'int64' });
    const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 3 });
    const { model, trainer } = setUp({ optimizer: { zeroGrad() {}, step() {} } });
    model.layers[2].eval();
    const { loss } = await trainer.evaluate(loader);
    expect(loss).toBeCloseTo(F.crossEntropy(model.eval().forward(x), y).itemSync(), 6);
    await trainer.fit(loader, quiet);
    await trainer.fit(loader, { ...quiet, epochs: 2 });
    expect(trainer.history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  it('takes a function as loss and an asynchronous source', async () => {
    const batches = makeBatches(3);
    async function* stream() {
      for (const [x, y] of batches) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield [x.add(0), y] as const;
      }
    }
    const loss = (output: Tensor, target: Tensor): Tensor => F.crossEntropy(output, target).mul(2);
    const { trainer } = setUp({ loss });
    const source: Batches = Object.assign(stream(), { length: 3 });
    const { epochs } = await trainer.fit(source, quiet);
    expect(epochs[0].loss).toBeGreaterThan(1);
  });

  it('with 0 epochs only the outer callbacks run', async () => {
    const calls: string[] = [];
    const callback: Callback = {
      onFitStart: () => void calls.push('start'),
      onEpochStart: () => void calls.push('epoch'),
      onFitEnd: () => void calls.push('end'),
    };
    const { model, trainer } = setUp({ callbacks: [callback] });
    const before = weights(model);
    expect(await trainer.fit(makeBatches(1), { ...quiet, epochs: 0 })).toEqual({ epochs: [] });
    expect(calls).toEqual(['start', 'end']);
    expect(weights(model)).toEqual(before);
  });

  it('learns', async () => {
    manualSeed(12);
    const x = randn([200, 5]);
    const y = x.slice(1, 0, CLASSES).argmax(1);
    const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 20, shuffle: true, seed: 1 });
    const { trainer } = setUp({ metrics: [metrics.accuracy()] });
    const { epochs } = await trainer.fit(loader, { ...quiet, epochs: 15, validation: loader });
    expect(epochs[14].loss).toBeLessThan(0.6 * epochs[0].loss);
    expect(epochs[14].valAccuracy).toBeGreaterThan(0.85);
  });
});

describe('callbacks', () => {
  it('run in order, each awaited, in the order given', async () => {
    const calls: string[] = [];
    const record = (name: string): Callback => {
      const note = async (what: string): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        calls.push(`${name} ${what}`);
      };
      return {
        onFitStart: () => note('fit'),
        onEpochStart: (epoch) => note(`epoch ${epoch}`),
        onBatchEnd: (batch, loss) => note(`batch ${batch} ${typeof loss}`),
        onEpochEnd: ({ epoch, loss }) => note(`end ${epoch} ${typeof loss}`),
        onFitEnd: ({ epochs }) => note(`done ${epochs.length}`),
      };
    };
    const { trainer } = setUp({ callbacks: [record('a'), record('b')] });
    await trainer.fit(makeBatches(2), { ...quiet, epochs: 2 });
    const epoch = (n: number) => [`epoch ${n}`, 'batch 0 undefined', 'batch 1 number', `end ${n} number`];
    const expected = ['fit', ...epoch(1), ...epoch(2), 'done 2'].flatMap((what) => [`a ${what}`, `b ${what}`]);
    expect(calls).toEqual(expected);
  });

  it('get the trainer, and what they throw stops fit', async () => {
    let seen: unknown;
    const failure = new Error('enough');
    const callback: Callback = {
      onBatchEnd(batch, _, trainer) {
        seen = trainer;
        if (batch === 1) throw failure;
      },
    };
    const { trainer } = setUp({ callbacks: [callback] });
    const fit = trainer.fit(makeBatches(3), quiet);
    await expect(fit).rejects.toThrow('Trainer: onBatchEnd of callbacks[0] failed: enough');
    await expect(fit).rejects.toMatchObject({ name: 'CallbackError', hook: 'onBatchEnd', cause: failure });
    expect(seen).toBe(trainer);
    expect(trainer.history.epochs).toEqual([]);
  });
});

describe('abort', () => {
  it('rejects with the reason, keeps finished epochs, and the model trains on', async () => {
    const controller = new AbortController();
    const reason = new Error('the user left');
    let batches = 0;
    const callback: Callback = {
      onBatchEnd() {
        if (++batches === 5) controller.abort(reason);
      },
    };
    const { trainer } = setUp({ callbacks: [callback] });
    const fit = trainer.fit(makeBatches(3), { ...quiet, epochs: 4, signal: controller.signal });
    await expect(fit).rejects.toBe(reason);
    expect(batches).toBe(5);
    expect(trainer.history.epochs.map(({ epoch }) => epoch)).toEqual([1]);
    await trainer.fit(makeBatches(3), quiet);
    expect(trainer.history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
  });

  it('before the first batch nothing is run, and the source is closed', async () => {
    let [taken, closed] = [0, 0];
    const source: Batches = {
      length: 3,
      *[Symbol.iterator]() {
        try {
          for (const batch of makeBatches(3)) {
            taken++;
            yield batch;
          }
        } finally {
          closed++;
        }
      },
    };
    const { model, trainer } = setUp();
    const before = weights(model);
    await expect(trainer.fit(source, { ...quiet, signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(taken).toBe(0);
    expect(weights(model)).toEqual(before);

    const controller = new AbortController();
    const stopping = setUp({ callbacks: [{ onBatchEnd: () => controller.abort() }] });
    await expect(stopping.trainer.fit(source, { ...quiet, signal: controller.signal })).rejects.toThrow();
    expect([taken, closed]).toEqual([1, 1]);
  });

  it('stops evaluation too, and the mode is restored', async () => {
    const { model, trainer } = setUp();
    await expect(trainer.evaluate(makeBatches(2), { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(model.training).toBe(true);
  });
});

describe('errors that only a kernel can find', () => {
  it.each([3, -1])('label %d rejects fit with a ValueError and changes no parameter', async (label) => {
    const { model, trainer } = setUp();
    await trainer.fit(makeBatches(2), quiet);
    const before = weights(model);
    const failing = trainer.fit(makeBatches(1, { 0: label }), quiet);
    await expect(failing).rejects.toThrow(ValueError);
    await expect(failing).rejects.toMatchObject({
      op: 'crossEntropy',
      message: expect.stringContaining(String(label)),
    });
    expect(weights(model)).toEqual(before);
    expect(trainer.history.epochs.length).toBe(1);
  });

  it('in the middle of an epoch that batch is left out, and training can go on', async () => {
    const { model, trainer } = setUp({ metrics: [metrics.accuracy()] });
    model.layers[2].forward = (x: Tensor): Tensor => x; // no dropout: its random numbers follow the batches
    await expect(trainer.fit(makeBatches(6, { 2: 7 }), quiet)).rejects.toThrow(/crossEntropy: .*7/);
    const after = weights(model);
    const other = setUp();
    other.model.layers[2].forward = (x: Tensor): Tensor => x;
    const good = makeBatches(6).filter((_, i) => i !== 2);
    await other.trainer.fit(good.slice(0, 2), quiet);
    const without = weights(other.model);
    await other.trainer.fit(good.slice(2, 3), quiet);
    // The batch behind it may have been queued before the error arrived.
    expect([without, weights(other.model)]).toContainEqual(after);

    await synchronize();
    await trainer.fit(makeBatches(3), quiet);
    expect(trainer.history.epochs.length).toBe(1);
    expect(weights(model).flat().every(Number.isFinite)).toBe(true);
  });

  it('rejects evaluation, and validation inside fit', async () => {
    const { model, trainer } = setUp();
    await expect(trainer.evaluate(makeBatches(3, { 1: 3 }))).rejects.toThrow(ValueError);
    expect(model.training).toBe(true);
    await expect(trainer.fit(makeBatches(1), { ...quiet, validation: makeBatches(3, { 2: 3 }) })).rejects.toThrow(
      ValueError,
    );
    expect(trainer.history.epochs).toEqual([]);
  });
});

describe('evaluate', () => {
  it('is in evaluation mode, without gradients, and restores the mode of every module', async () => {
    const { model, trainer } = setUp();
    model.layers[2].training = false;
    const modes = model.modules().map((module) => module.training);
    const before = weights(model);
    const seen: boolean[] = [];
    const forward = model.layers[0].forward.bind(model.layers[0]);
    model.layers[0].forward = (x: Tensor): Tensor => {
      seen.push(model.training || model.layers[3].training);
      const y = forward(x);
      seen.push(y.requiresGrad);
      return y;
    };
    const first = await trainer.evaluate(makeBatches(3));
    expect(seen).toEqual(Array(6).fill(false));
    expect(await trainer.evaluate(makeBatches(3))).toEqual(first);
    expect(model.modules().map((module) => module.training)).toEqual(modes);
    expect(weights(model)).toEqual(before);
    expect(model.parameters().every((p) => p.grad === null)).toBe(true);
  });
});

describe('memory', () => {
  it('does not grow over epochs', async () => {
    const batches = makeBatches(4);
    const { trainer } = setUp({ metrics: [metrics.accuracy()] });
    const options = { ...quiet, validation: batches };
    await trainer.fit(batches, options);
    await synchronize();
    const tensors = liveTensors();
    const { live } = memory();
    for (let i = 0; i < 3; i++) {
      await trainer.fit(batches, { ...options, epochs: 5 });
      expect(memory().tensors).toBe(tensors);
    }
    await synchronize();
    expect(memory().live).toBe(live);
  });

  it('inside a scope of the user it works too', async () => {
    const { trainer } = setUp();
    await scope(async () => {
      await trainer.fit(makeBatches(2), { ...quiet, epochs: 2 });
    });
    await trainer.fit(makeBatches(2), quiet);
    expect(trainer.history.epochs.length).toBe(3);
  });

  it('is freed when a step fails', async () => {
    const { trainer } = setUp();
    await trainer.fit(makeBatches(2), quiet);
    const bad = [[randn([4, 6]), tensor([0, 1, 2, 0], { dtype: 'int64' })]] as const;
    const before = liveTensors();
    await expect(trainer.fit(bad, quiet)).rejects.toThrow(ShapeError);
    expect(liveTensors()).toBe(before);
  });
});

describe('wrong arguments', () => {
  it('of the constructor', () => {
    const { model, optimizer } = setUp();
    const loss = new nn.MSELoss();
    const wrong: [object | null, RegExp][] = [
      [null, /options must be an object/],
      [{ loss, optimizer }, /model must be a Module, got undefined/],
      [{ model: (x: Tensor) => x, loss, optimizer }, /model must be a Module, got a function/],
      [{ model, optimizer }, /loss must be a Module or a function/],
      [{ model, loss: 'mse', optimizer }, /loss must be .*"mse"/],
      [{ model, loss }, /optimizer must have a step/],
      [{ model, loss, optimizer, metrics: metrics.accuracy() }, /metrics must be an array/],
      [{ model, loss, optimizer, callbacks: {} }, /callbacks must be an array/],
    ];
    for (const [options, message] of wrong) {
      expect(() => new Trainer(options as never)).toThrow(ArgumentError);
      expect(() => new Trainer(options as never)).toThrow(message);
    }
  });

  it('an empty loader', async () => {
    const { trainer } = setUp({ metrics: [metrics.accuracy()] });
    await expect(trainer.fit([], quiet)).rejects.toThrow(/^Trainer.fit: there is no batch: the loader is empty/);
    await expect(trainer.evaluate([])).rejects.toThrow(/^Trainer.evaluate: there is no batch/);
    await expect(trainer.fit(makeBatches(1), { ...quiet, validation: [] })).rejects.toThrow(ArgumentError);
    const loader = new data.DataLoader(new data.TensorDataset(randn([3, 5]), randn([3])), {
      batchSize: 4,
      dropLast: true,
    });
    await expect(trainer.fit(loader as never, quiet)).rejects.toThrow(/the loader is empty/);
  });

  it('batches that are not [input, target]', async () => {
    const { trainer } = setUp();
    const x = randn([2, 5]);
    for (const batch of [x, [x], [x, x, x], { x, y: x }, [x, [0, 1]], [x, undefined], undefined, 5, [x, randn([])]]) {
      const fit = trainer.fit([batch] as never, quiet);
      await expect(fit).rejects.toThrow(ArgumentError);
      await expect(fit).rejects.toThrow(/^Trainer\.fit: batch 0 must be \[input, target\]/);
    }
    await expect(trainer.evaluate([x] as never)).rejects.toThrow(/^Trainer\.evaluate: batch 0 must be/);
  });

  it('of fit and evaluate', async () => {
    const { trainer } = setUp();
    const batches = makeBatches(1);
    for (const source of [undefined, null, 3, {}]) {
      await expect(trainer.fit(source as never, quiet)).rejects.toThrow(/batches to loop over are needed/);
      await expect(trainer.evaluate(source as never)).rejects.toThrow(ArgumentError);
    }
    for (const epochs of [-1, 1.5, Number.NaN, '3']) {
      await expect(trainer.fit(batches, { ...quiet, epochs: epochs as never })).rejects.toThrow(/epochs must be/);
    }
    const signal = new AbortController() as never;
    await expect(trainer.fit(batches, { ...quiet, signal })).rejects.toThrow(/signal must be an AbortSignal/);
    await expect(trainer.evaluate(batches, { signal })).rejects.toThrow(ArgumentError);
    await expect(trainer.fit(batches, null as never)).rejects.toThrow(ArgumentError);
    await expect(trainer.fit(batches, { ...quiet, validation: 1 as never })).rejects.toThrow(ArgumentError);
    expect(trainer.history.epochs).toEqual([]);
  });

  it('a model or a loss that forgets to return is named', async () => {
    class Forgetful extends nn.Module {
      weight = new nn.Parameter(randn([5, 3]));
      forward(x: Tensor): Tensor {
        x.matmul(this.weight);
        return undefined as never;
      }
    }
    const { trainer } = setUp({ model: new Forgetful() });
    await expect(trainer.fit(makeBatches(1), quiet)).rejects.toThrow(
      'Trainer: Forgetful.forward must return a Tensor, got undefined',
    );
    const lossless = setUp({ loss: () => undefined as never });
    await expect(lossless.trainer.fit(makeBatches(1), quiet)).rejects.toThrow(/the loss must be a Tensor/);
  });

  it('a loss that is no scalar, or without a gradient', async () => {
    const none = setUp({ loss: new nn.CrossEntropyLoss({ reduction: 'none' }) });
    await expect(none.trainer.fit(makeBatches(1), quiet)).rejects.toThrow(NablaError);
    const detached = setUp({ loss: (output) => output.detach().sum() });
    await expect(detached.trainer.fit(makeBatches(1), quiet)).rejects.toMatchObject({ name: 'AutogradError' });
  });
});
