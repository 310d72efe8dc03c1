// A run whose batches come from workers goes on from a checkpoint with the bits of one that nobody disturbed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { callbacks, data, manualSeed, nn, optim, Trainer, vision } from '../../dist/index.js';

it('ends with the same bits with two workers, without, and after an interruption', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-workers-'));
  const digits = data.subset(
    await vision.datasets.Digits.load(),
    Array.from({ length: 200 }, (_, i) => i),
  );
  const run = async (name: string, numWorkers: number, stopAt = Number.POSITIVE_INFINITY, seed = 3) => {
    manualSeed(seed);
    const loader = new data.DataLoader(digits, { batchSize: 20, shuffle: true, numWorkers });
    const model = new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(64, 16),
      new nn.Dropout(0.2),
      new nn.Linear(16, 10),
    );
    const stop = new AbortController();
    const ender = { onStepEnd: (step: number) => (step === stopAt ? stop.abort() : undefined) };
    const trainer = new Trainer({
      model,
      loss: new nn.CrossEntropyLoss(),
      optimizer: new optim.Adam(model.parameters()),
      callbacks: [new callbacks.Checkpoint({ folder: join(folder, name), everySteps: 1 }), ender],
    });
    const options = { epochs: 2, progress: false, resume: true, signal: stop.signal };
    await trainer.fit(loader, options).catch((error: Error) => {
      if (error.name !== 'AbortError') throw error;
    });
    const weights = await Promise.all([...model.parameters()].map((one) => one.data()));
    return { steps: trainer.globalStep, weights };
  };
  try {
    const alone = await run('alone', 0);
    expect(alone.steps).toBe(20);
    expect(await run('workers', 2)).toEqual(alone);
    expect((await run('broken', 2, 13)).steps).toBe(13);
    expect(await run('broken', 2, undefined, 99)).toEqual(alone);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
