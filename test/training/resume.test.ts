// Going on with a run: from a file, in memory, in the middle of an epoch.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Batches,
  type Callback,
  callbacks,
  data,
  F,
  getRngState,
  manualSeed,
  metrics,
  nn,
  optim,
  randn,
  randperm,
  type Tensor,
  Trainer,
  type TrainerOptions,
  tensor,
} from '../../lib/index.js';

const quiet = { progress: false } as const;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-resume-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function makeData() {
  manualSeed(5);
  const x = randn([24, 5]);
  return { x, y: x.slice(1, 0, 3).argmax(1) };
}

/** A trainer whose parts all have state, made from a seed. */
function setUp(seed: number, options: Partial<TrainerOptions> = {}) {
  const { x, y } = makeData();
  manualSeed(seed);
  const model = new nn.Sequential(
    new nn.Linear(5, 8),
    new nn.BatchNorm1d(8),
    new nn.Tanh(),
    new nn.Dropout(0.3),
    new nn.Linear(8, 3),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
  const schedule = new optim.lrScheduler.CosineAnnealingLR(optimizer, 18);
  const ema = new callbacks.WeightAveraging(model, { decay: 0.8 });
  const trainer = new Trainer({
    model,
    loss: new nn.CrossEntropyLoss(),
    optimizer,
    metrics: [metrics.accuracy()],
    ...options,
    callbacks: [new callbacks.LearningRateSchedule(schedule, { every: 'step' }), ema, ...(options.callbacks ?? [])],
  });
  const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 4, shuffle: true });
  const validation = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 6, shuffle: true });
  return { model, optimizer, trainer, ema, loader, validation };
}

type Set = ReturnType<typeof setUp>;

/** Everything that a run ends with. */
function outcome({ model, ema, trainer, loader, optimizer }: Set): object {
  const values = (m: nn.Module): number[] =>
    Object.values(m.stateDict({ keepVars: true })).flatMap((t) => Array.from(t.dataSync(), Number));
  const history = trainer.history.epochs.map(({ seconds: _, samplesPerSecond: __, ...log }) => log);
  const { lr } = optimizer.paramGroups[0];
  return [values(model), values(ema.averaged), history, getRngState(), loader.stateDict(), lr, trainer.globalStep];
}

/** Calls `fn` behind batch `at` of all. */
function atBatch(at: number, fn: (trainer: Trainer) => unknown): Callback {
  let seen = 0;
  return { onBatchEnd: async (_, __, trainer) => void (seen++ === at && (await fn(trainer))) };
}

async function undisturbed(options: Partial<TrainerOptions> = {}): Promise<object> {
  const set = setUp(1, options);
  await set.trainer.fit(set.loader, { ...quiet, epochs: 3, validation: set.validation });
  return outcome(set);
}

describe('resume', () => {
  it.each([0, 3, 5, 8, 17])('from a file that was written behind batch %i', async (at) => {
    const path = join(folder, 'run.safetensors');
    const first = setUp(1, { callbacks: [atBatch(at, (trainer) => trainer.save(path))] });
    await first.trainer.fit(first.loader, { ...quiet, epochs: 3, validation: first.validation });
    const wanted = await undisturbed();
    const second = setUp(99);
    await second.trainer.fit(second.loader, { ...quiet, epochs: 3, validation: second.validation, resume: path });
    expect(outcome(second)).toEqual(wanted);
  });

  it('from a file written behind an epoch, and one written behind the end', async () => {
    const wanted = await undisturbed();
    const checkpoint = new callbacks.Checkpoint({ folder, keep: 3 });
    const first = setUp(1, { callbacks: [checkpoint] });
    await first.trainer.fit(first.loader, { ...quiet, epochs: 3, validation: first.validation });
    for (const epoch of [1, 2, 3]) {
      const second = setUp(98);
      await second.trainer.resume(join(folder, `epoch-000${epoch}.safetensors`));
      expect(second.trainer.history.epochs.length).toBe(epoch);
      randn([100]);
      await second.trainer.fit(second.loader, { ...quiet, epochs: 3, validation: second.validation });
      expect(outcome(second)).toEqual(wanted);
    }
  });

  it('with gradient accumulation, behind a batch that made no step', async () => {
    const options = { gradientAccumulation: 4 };
    const path = join(folder, 'run.safetensors');
    const first = setUp(1, { ...options, callbacks: [atBatch(8, (trainer) => trainer.save(path))] });
    await first.trainer.fit(first.loader, { ...quiet, epochs: 3, validation: first.validation });
    const second = setUp(97, options);
    await second.trainer.fit(second.loader, { ...quiet, epochs: 3, validation: second.validation, resume: path });
    expect(outcome(second)).toEqual(await undisturbed(options));
  });

  it('in memory, after an abort, between other random draws', async () => {
    const wanted = await undisturbed();
    const controller = new AbortController();
    const set = setUp(1, { callbacks: [atBatch(8, () => controller.abort())] });
    const options = { ...quiet, epochs: 3, validation: set.validation };
    await expect(set.trainer.fit(set.loader, { ...options, signal: controller.signal })).rejects.toThrow();
    expect(set.trainer.history.epochs.length).toBe(1);
    const path = join(folder, 'aborted.safetensors');
    await set.trainer.save(path);
    randn([100]);
    for await (const _ of set.loader) break;
    await set.trainer.fit(set.loader, { ...options, resume: true });
    expect(outcome(set)).toEqual(wanted);

    const other = setUp(96);
    await other.trainer.fit(other.loader, { ...quiet, epochs: 3, validation: other.validation, resume: path });
    expect(outcome(other)).toEqual(wanted);
  });

  it('in memory, after a callback has failed during validation', async () => {
    const wanted = await undisturbed();
    let failures = 1;
    const failing: Callback = {
      onEvaluateEnd() {
        if (failures-- === 1) throw new Error('no');
      },
    };
    const set = setUp(1, { callbacks: [failing] });
    const options = { ...quiet, epochs: 3, validation: set.validation };
    await expect(set.trainer.fit(set.loader, options)).rejects.toMatchObject({ hook: 'onEvaluateEnd' });
    await set.trainer.fit(set.loader, { ...options, resume: true });
    expect(outcome(set)).toEqual(wanted);
  });

  it('without an interrupted run or a file it begins one', async () => {
    const wanted = await undisturbed();
    const set = setUp(1, { callbacks: [new callbacks.Checkpoint({ folder: join(folder, 'new') })] });
    await set.trainer.fit(set.loader, { ...quiet, epochs: 3, validation: set.validation, resume: true });
    expect(outcome(set)).toEqual(wanted);
    // Behind a finished run the same call does nothing more.
    const again = setUp(95, { callbacks: [new callbacks.Checkpoint({ folder: join(folder, 'new') })] });
    await again.trainer.fit(again.loader, { ...quiet, epochs: 3, validation: again.validation, resume: true });
    expect(outcome(again)).toEqual(wanted);
  });

  it('a source without state is gone through again, in the order that it draws', async () => {
    const { x, y } = makeData();
    const kept: Batches = {
      length: 6,
      *[Symbol.iterator]() {
        const order = randperm(24).keep();
        for (let i = 0; i < 6; i++) {
          const rows = order.slice(0, 4 * i, 4 * i + 4);
          yield [x.indexSelect(0, rows), y.indexSelect(0, rows)] as const;
        }
        order.dispose();
      },
    };
    const whole = setUp(1);
    await whole.trainer.fit(kept, { ...quiet, epochs: 3 });
    const path = join(folder, 'run.safetensors');
    const first = setUp(1, { callbacks: [atBatch(8, (trainer) => trainer.save(path))] });
    await first.trainer.fit(kept, { ...quiet, epochs: 2 });
    const second = setUp(94);
    await second.trainer.fit(kept, { ...quiet, epochs: 3, resume: path });
    const [weights, average, history] = outcome(whole) as unknown[];
    expect((outcome(second) as unknown[]).slice(0, 3)).toEqual([weights, average, history]);
  });

  it('a run that was stopped early stays stopped', async () => {
    const path = join(folder, 'run.safetensors');
    const stopper: Callback = { onEpochEnd: (_, trainer) => trainer.stop() };
    const saver: Callback = { runLast: true, onEpochEnd: (_, trainer) => trainer.save(path) };
    const first = setUp(1, { callbacks: [stopper, saver] });
    await first.trainer.fit(first.loader, { ...quiet, epochs: 5 });
    const second = setUp(93);
    await second.trainer.fit(second.loader, { ...quiet, epochs: 5, resume: path });
    expect(second.trainer.history.epochs.length).toBe(1);
    // The next run is a new one.
    await second.trainer.fit(second.loader, quiet);
    expect(second.trainer.history.epochs.length).toBe(2);
  });
});

describe('save', () => {
  it('inside a step is refused', async () => {
    const path = join(folder, 'run.safetensors');
    for (const hook of ['onBatchStart', 'onBeforeStep'] as const) {
      const spy: Callback = { [hook]: (_: unknown, trainer: Trainer) => trainer.save(path) };
      const { trainer, loader } = setUp(1, { callbacks: [spy] });
      await expect(trainer.fit(loader, quiet)).rejects.toThrow(/^Trainer\.save: a step is half done/);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('need not be awaited: the state is that of the call', async () => {
    const path = join(folder, 'run.safetensors');
    let saved: Promise<void> | undefined;
    const first = setUp(1, {
      callbacks: [
        atBatch(7, (trainer) => {
          saved = trainer.save(path);
        }),
      ],
    });
    await first.trainer.fit(first.loader, { ...quiet, epochs: 3, validation: first.validation });
    await saved;
    const second = setUp(92);
    await second.trainer.fit(second.loader, { ...quiet, epochs: 3, validation: second.validation, resume: path });
    expect(outcome(second)).toEqual(await undisturbed());
  });

  it('before any training, and of a loss with weights', async () => {
    class Scaled extends nn.Module<[Tensor, Tensor]> {
      scale = new nn.Parameter(tensor([2]));
      forward(output: Tensor, target: Tensor) {
        return F.crossEntropy(output, target).mul(this.scale).sum();
      }
    }
    const path = join(folder, 'run.safetensors');
    const loss = new Scaled();
    loss.scale.detach().fill_(3);
    const first = setUp(1, { loss });
    await first.trainer.save(path);
    const other = new Scaled();
    const second = setUp(91, { loss: other });
    await second.trainer.resume(path);
    expect(other.scale.itemSync()).toBe(3);
    expect((outcome(second) as unknown[])[0]).toEqual((outcome(first) as unknown[])[0]);
  });
});
