import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  type Callback,
  callbacks,
  classWeights,
  data,
  type EpochLog,
  F,
  io,
  manualSeed,
  NonFiniteError,
  nn,
  optim,
  randn,
  type Tensor,
  Trainer,
  type TrainerOptions,
  tensor,
} from '../../lib/index.js';

const quiet = { progress: false } as const;
const { lrScheduler } = optim;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-callbacks-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function setUp(options: Partial<TrainerOptions> = {}, lr = 0.1) {
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(5, 4), new nn.Tanh(), new nn.Linear(4, 3));
  const optimizer = new optim.SGD(model.parameters(), { lr });
  const make = (extra: readonly Callback[]) =>
    new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, ...options, callbacks: extra });
  const batches = [0, 1, 2].map((i) => [randn([4, 5]), tensor([0, 1, 2, i], { dtype: 'int64' })] as const);
  return { model, optimizer, make, batches };
}

const weights = (model: nn.Module): number[] => model.parameters().flatMap((p) => Array.from(p.dataSync(), Number));

/** Puts values of its own into the log of each epoch. */
const scripted = (values: readonly number[]): Callback => ({
  logs: ['score'],
  onEpochEnd(log: EpochLog) {
    log.score = values[log.epoch - 1];
  },
});

/** The epochs that are run when a value takes these values. */
async function epochsWith(values: readonly number[], options: callbacks.EarlyStoppingOptions) {
  const { make, batches } = setUp();
  const stopping = new callbacks.EarlyStopping({ monitor: 'score', ...options });
  const { epochs } = await make([scripted(values), stopping]).fit(batches, { ...quiet, epochs: values.length });
  return { count: epochs.length, stopping };
}

describe('EarlyStopping', () => {
  it('waits `patience` epochs without progress', async () => {
    const { count, stopping } = await epochsWith([5, 4, 4.5, 3, 3, 3, 3, 3], { patience: 2 });
    expect(count).toBe(6);
    expect(stopping).toMatchObject({ best: 3, bestEpoch: 4, stoppedEpoch: 6, wait: 2 });
    expect((await epochsWith([1, 1, 1], { patience: 1 })).count).toBe(2);
    expect((await epochsWith([1, 1, 1], {})).count).toBe(2);
    expect((await epochsWith([3, 2, 1], {})).stopping.stoppedEpoch).toBe(null);
  });

  it('mode max, minDelta, startEpoch, baseline, NaN', async () => {
    expect((await epochsWith([1, 2, 3, 3, 3], { mode: 'max' })).count).toBe(4);
    expect((await epochsWith([5, 4.95, 4.9, 4.85, 4], { minDelta: 0.1 })).count).toBe(2);
    expect((await epochsWith([1, 5, 5, 5, 4, 4, 4], { startEpoch: 4 })).count).toBe(6);
    expect((await epochsWith([5, 4, 3, 2, 1], { baseline: 2.5, patience: 2 })).count).toBe(2);
    expect((await epochsWith([Number.NaN, 2, Number.NaN, 1, 3], { patience: 2 })).count).toBe(5);
    expect((await epochsWith([Number.NaN, Number.NaN, 2], {})).count).toBe(1);
  });

  it('restoreBest puts the weights of the best epoch back', async () => {
    const { model, make, batches } = setUp();
    const after: number[][] = [];
    const stopping = new callbacks.EarlyStopping({ monitor: 'score', patience: 2, restoreBest: true });
    const spy: Callback = { onEpochEnd: () => void after.push(weights(model)) };
    await make([scripted([3, 1, 2, 2, 2, 2]), stopping, spy]).fit(batches, { ...quiet, epochs: 6 });
    expect(after.length).toBe(4);
    expect(weights(model)).toEqual(after[1]);
    expect(after[3]).not.toEqual(after[1]);
  });

  it('begins anew with the next fit', async () => {
    const { make, batches } = setUp();
    const stopping = new callbacks.EarlyStopping({ monitor: 'score' });
    const trainer = make([scripted([3, 3, 9, 9, 9]), stopping]);
    await trainer.fit(batches, { ...quiet, epochs: 5 });
    expect(trainer.history.epochs.length).toBe(2);
    await trainer.fit(batches, { ...quiet, epochs: 5 });
    expect(trainer.history.epochs.length).toBe(4);
    expect(stopping.best).toBe(9);
  });

  it('an unknown monitor is named before the first epoch, and nothing is lost', async () => {
    const { model, make, batches } = setUp();
    const before = weights(model);
    const trainer = make([new callbacks.EarlyStopping({ monitor: 'valAcuracy' })]);
    const fit = trainer.fit(batches, { ...quiet, validation: batches });
    await expect(fit).rejects.toThrow(ArgumentError);
    await expect(fit).rejects.toThrow(
      'EarlyStopping: there is no value "valAcuracy" to monitor; there are loss, valLoss, seconds, samplesPerSecond',
    );
    expect(weights(model)).toEqual(before);
    // valLoss is there only with validation.
    await expect(make([new callbacks.EarlyStopping()]).fit(batches, quiet)).rejects.toThrow(/no value "valLoss"/);
    await expect(make([new callbacks.Checkpoint({ folder, monitor: 'x' })]).fit(batches, quiet)).rejects.toThrow(/"x"/);
  });

  it('wrong options', () => {
    const wrong = [{ mode: 'best' }, { patience: -1 }, { patience: 1.5 }, { minDelta: Number.NaN }, { monitor: '' }];
    for (const options of [...wrong, null, { startEpoch: 0 }, { baseline: 'x' }]) {
      expect(() => new callbacks.EarlyStopping(options as never), JSON.stringify(options)).toThrow(ArgumentError);
    }
  });
});

describe('Checkpoint', () => {
  it('writes last, best and the newest numbers', async () => {
    const { make, batches } = setUp();
    const checkpoint = new callbacks.Checkpoint({ folder, keep: 2, monitor: 'score', everySteps: 2 });
    await make([scripted([3, 1, 2]), checkpoint]).fit(batches, { ...quiet, epochs: 3 });
    expect((await readdir(folder)).sort()).toEqual([
      'best.safetensors',
      'epoch-0003.safetensors',
      'last.safetensors',
      'step-00000008.safetensors',
    ]);
    const epochsOf = async (path: string) => ((await io.loadCheckpoint(path)).history as EpochLog[]).length;
    expect(await epochsOf(checkpoint.last)).toBe(3);
    expect(await epochsOf(checkpoint.bestPath)).toBe(2);
    expect(checkpoint.best).toBe(1);
  });

  it('every n epochs, and where the value is best', async () => {
    const { make, batches } = setUp();
    const folders: string[][] = [];
    const spy: Callback = {
      runLast: true,
      onEpochEnd: async () => void folders.push((await readdir(folder)).sort()),
    };
    const checkpoint = new callbacks.Checkpoint({
      folder,
      everyEpochs: 4,
      keep: Number.POSITIVE_INFINITY,
      monitor: 'score',
      mode: 'max',
    });
    await make([scripted([1, 0, 2, 0]), checkpoint, spy]).fit(batches, { ...quiet, epochs: 4 });
    const [last, best] = ['last.safetensors', 'best.safetensors'];
    const epochs = (...numbers: number[]) => numbers.map((n) => `epoch-000${n}.safetensors`);
    expect(folders).toEqual([
      [best, ...epochs(1), last],
      [best, ...epochs(1), last],
      [best, ...epochs(1, 3), last],
      [best, ...epochs(1, 3, 4), last],
    ]);
  });

  it('wrong options', () => {
    for (const options of [
      {},
      { folder: '' },
      { folder, keep: -1 },
      { folder, everySteps: 0 },
      { folder, mode: 'x' },
    ]) {
      expect(() => new callbacks.Checkpoint(options as never)).toThrow(ArgumentError);
    }
  });
});

it('CSVLogger writes a row per epoch', async () => {
  const { make, batches } = setUp();
  const path = join(folder, 'deep', 'log.csv');
  const odd: Callback = { onEpochEnd: (log) => void (log.epoch === 2 && Object.assign(log, { 'a "b", c': 1e-7 })) };
  const trainer = make([new callbacks.CSVLogger(path), odd]);
  await trainer.fit(batches, { ...quiet, epochs: 2, validation: batches });
  const lines = (await readFile(path, 'utf8')).split('\n');
  expect(lines[0]).toBe('epoch,loss,seconds,samplesPerSecond,valLoss,"a ""b"", c"');
  const [first, second] = trainer.history.epochs;
  expect(lines[1]).toBe(`1,${first.loss},${first.seconds},${first.samplesPerSecond},${first.valLoss},`);
  expect(lines[2].split(',').map(Number)).toEqual(Object.values(second));
  expect(lines.length).toBe(4);
  expect(() => new callbacks.CSVLogger('')).toThrow(ArgumentError);
});

describe('LearningRateSchedule', () => {
  it('after each epoch, after each step', async () => {
    const rates = async (every: 'epoch' | 'step'): Promise<number[]> => {
      const { make, optimizer, batches } = setUp();
      const schedule = new callbacks.LearningRateSchedule(new lrScheduler.ExponentialLR(optimizer, 0.5), { every });
      const seen: number[] = [];
      const spy: Callback = { onBeforeStep: (_, trainer) => void seen.push(trainer.learningRates()[0]) };
      const { epochs } = await make([schedule, spy]).fit(batches, { ...quiet, epochs: 2 });
      expect(epochs.map((log) => log.learningRate)).toEqual([seen[2], seen[5]]);
      return seen;
    };
    expect(await rates('epoch')).toEqual([0.1, 0.1, 0.1, 0.05, 0.05, 0.05]);
    expect(await rates('step')).toEqual([0.1, 0.05, 0.025, 0.0125, 0.00625, 0.003125]);
  });

  it('ReduceLROnPlateau watches a value', async () => {
    const { make, optimizer, batches } = setUp();
    const plateau = new lrScheduler.ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.1 });
    const schedule = new callbacks.LearningRateSchedule(plateau, { monitor: 'score' });
    const { epochs } = await make([scripted([1, 1, 1, 0, 0]), schedule]).fit(batches, { ...quiet, epochs: 5 });
    expect(epochs.map((log) => Number(log.learningRate.toFixed(6)))).toEqual([0.1, 0.1, 0.1, 0.01, 0.01]);
    const unknown = new callbacks.LearningRateSchedule(plateau);
    await expect(make([unknown]).fit(batches, quiet)).rejects.toThrow(/no value "valLoss" to monitor/);
    expect(() => new callbacks.LearningRateSchedule(plateau, { every: 'step' })).toThrow(ArgumentError);
    expect(() => new callbacks.LearningRateSchedule({ step() {} } as never)).toThrow(/a schedule of optim/);
  });
});

describe('NaN', () => {
  const poison = (at: number): Callback & { count: number } => ({
    count: 0,
    onBatchStart(_, trainer) {
      if (this.count++ === at) trainer.model.parameters()[0].detach().fill_(Number.NaN);
    },
  });

  it('TerminateOnNaN stops before the step; weights and history stay', async () => {
    const { model, make, batches } = setUp();
    const bad = [...batches.slice(0, 2), [batches[2][0].mul(Number.NaN), batches[2][1]] as const];
    const trainer = make([new callbacks.TerminateOnNaN()]);
    await trainer.fit(batches, quiet);
    const fit = trainer.fit(bad, quiet);
    await expect(fit).rejects.toThrow(NonFiniteError);
    await expect(fit).rejects.toMatchObject({ step: 6, epoch: 2, names: ['loss'] });
    await expect(fit).rejects.toThrow('TerminateOnNaN: the loss is NaN in step 6 (epoch 2)');
    expect(trainer.history.epochs.length).toBe(1);
    expect(trainer.globalStep).toBe(5);
    const other = setUp();
    const plain = other.make([]);
    await plain.fit(batches, quiet);
    await plain.fit(batches.slice(0, 2), quiet);
    expect(weights(model)).toEqual(weights(other.model));
    await trainer.fit(batches, quiet);
    expect(weights(model).every(Number.isFinite)).toBe(true);
    // Without it the loss goes into the history as it is.
    const unwatched = setUp();
    const { epochs } = await unwatched.make([]).fit(bad, quiet);
    expect(epochs[0].loss).toBe(Number.NaN);
  });

  it('in one of the accumulated batches', async () => {
    const { make, batches } = setUp({ gradientAccumulation: 3 });
    const bad = [[batches[0][0].mul(Number.NaN), batches[0][1]] as const, batches[1], batches[2]];
    await expect(make([new callbacks.TerminateOnNaN()]).fit(bad, quiet)).rejects.toMatchObject({ step: 1 });
  });

  it('GradientMonitor names the parameters', async () => {
    const { make, batches } = setUp();
    const fit = make([poison(1), new callbacks.GradientMonitor()]).fit(batches, quiet);
    await expect(fit).rejects.toThrow(/^GradientMonitor: gradients are not finite \(.*2\.weight.*\) in step 2/);
    await expect(fit).rejects.toMatchObject({ name: 'NonFiniteError', step: 2 });
    const counted = setUp();
    const monitor = new callbacks.GradientMonitor({ onNonFinite: 'count' });
    const { epochs } = await counted.make([poison(1), monitor]).fit(batches, quiet);
    expect(epochs[0].nonFiniteSteps).toBe(2);
  });
});

it('GradientMonitor has the norms that the gradients have', async () => {
  const { make, batches } = setUp();
  const other = setUp();
  F.crossEntropy(other.model.forward(batches[0][0]), batches[0][1]).backward();
  const norm = (grad: Tensor): number => Math.hypot(...Array.from(grad.dataSync(), Number));
  const wanted = [...other.model.namedParameters()].map(([name, p]) => [name, norm(p.grad as Tensor)] as const);
  const seen: number[] = [];
  const monitor = new callbacks.GradientMonitor({ every: 2, onNorms: (_, { step }) => void seen.push(step) });
  const first = new callbacks.GradientMonitor();
  const { epochs } = await make([first]).fit(batches.slice(0, 1), quiet);
  expect([...first.norms.keys()]).toEqual(wanted.map(([name]) => name));
  for (const [name, value] of wanted) expect(first.norms.get(name)).toBeCloseTo(value, 6);
  expect(epochs[0].gradNorm).toBeCloseTo(Math.hypot(...wanted.map(([, value]) => value)), 6);
  expect(epochs[0].gradNormMax).toBe(epochs[0].gradNorm);
  await setUp()
    .make([monitor])
    .fit(batches, { ...quiet, epochs: 2 });
  expect(seen).toEqual([2, 4, 6]);
  for (const options of [{ every: 0 }, { onNonFinite: 'stop' }, { onNorms: 1 }]) {
    expect(() => new callbacks.GradientMonitor(options as never)).toThrow(ArgumentError);
  }
});

describe('WeightAveraging', () => {
  /** Weights behind every step. */
  const history = (model: nn.Module, into: number[][]): Callback => ({
    onStepEnd: () => void into.push(weights(model)),
  });

  it('with a decay is the exponential average, and validation uses it', async () => {
    const { model, make, batches } = setUp();
    const steps: number[][] = [];
    const ema = new callbacks.WeightAveraging(model, { decay: 0.75 });
    const { epochs } = await make([history(model, steps), ema]).fit(batches, { ...quiet, validation: batches });
    const wanted = steps.reduce((average, now) => average.map((a, i) => 0.75 * a + 0.25 * now[i]));
    weights(ema.averaged).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i], 5);
    });
    const { loss } = await new Trainer({
      model: ema.averaged,
      loss: new nn.CrossEntropyLoss(),
      optimizer: { step() {}, zeroGrad() {} },
    }).evaluate(batches);
    expect(epochs[0].valLoss).toBe(loss);
    expect(weights(model)).toEqual(steps[2]);
    expect(model.training).toBe(true);
  });

  it('without one is the mean of epochs; start, apply', async () => {
    const { model, make, batches } = setUp();
    const steps: number[][] = [];
    const swa = new callbacks.WeightAveraging(model, { start: 2, apply: true, evaluate: false });
    await make([history(model, steps), swa]).fit(batches, { ...quiet, epochs: 3 });
    const wanted = steps[5].map((value, i) => (value + steps[8][i]) / 2);
    weights(model).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i], 5);
    });
    expect(weights(swa.averaged)).toEqual(weights(model));
  });

  it('updates batch normalization for the averaged weights', async () => {
    manualSeed(2);
    const model = new nn.Sequential(new nn.Linear(5, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 3));
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
    const loader = new data.DataLoader(
      new data.TensorDataset(
        randn([20, 5]),
        tensor(
          Array.from({ length: 20 }, (_, i) => i % 3),
          { dtype: 'int64' },
        ),
      ),
      { batchSize: 10 },
    );
    const swa = new callbacks.WeightAveraging(model, { apply: true, updateBn: loader });
    await new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, callbacks: [swa] }).fit(loader, {
      ...quiet,
      epochs: 2,
    });
    const same = model.clone();
    await optim.swaUtils.updateBn(loader, same);
    expect(model.buffers().map((b) => b.toArraySync())).toEqual(same.buffers().map((b) => b.toArraySync()));
    expect(() => new callbacks.WeightAveraging(model, { decay: 2 })).toThrow(ArgumentError);
    expect(() => new callbacks.WeightAveraging({} as never)).toThrow(ArgumentError);
    expect(() => new callbacks.WeightAveraging(model, { every: 'batch' as never })).toThrow(ArgumentError);
  });
});

describe('classWeights', () => {
  it('are those of scikit-learn', async () => {
    // compute_class_weight('balanced', classes=[0, 1, 2], y=[0, 0, 0, 0, 1, 1, 2, 0]) = [0.5333, 1.3333, 2.6667]
    const labels = [0, 0, 0, 0, 1, 1, 2, 0];
    const wanted = [8 / 15, 4 / 3, 8 / 3];
    for (const given of [labels, Uint8Array.from(labels), tensor(labels, { dtype: 'int64' })]) {
      const result = await classWeights(given, { dtype: 'float64' });
      expect(result.toArraySync()).toEqual(wanted);
    }
    expect((await classWeights([2, 0, 0], { numClasses: 4 })).toArraySync()).toEqual([0.75, 0, 1.5, 0]);
    expect((await classWeights(labels)).dtype).toBe('float32');
  });

  it('refuse what are no labels', async () => {
    for (const labels of [[], [0.5], [-1], [0, 3], 5, null]) {
      await expect(classWeights(labels as never, { numClasses: 3 })).rejects.toThrow(ArgumentError);
    }
    await expect(classWeights([0], { numClasses: 0 })).rejects.toThrow(/numClasses/);
  });
});
