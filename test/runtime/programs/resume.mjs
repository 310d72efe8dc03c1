// Trains a small network with randomness everywhere and checkpoints every few steps, and goes on with what an earlier
// process has left in the folder. Prints `ready`, then a digest of everything that the run ends with.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  callbacks,
  data,
  Generator,
  getRngState,
  manualSeed,
  metrics,
  nn,
  optim,
  randn,
  Trainer,
  vision,
} from '../../../dist/index.js';

const [folder, epochs = '4'] = process.argv.slice(2);

// A process that goes on has other seeds: everything must come from the checkpoint.
const fresh = !existsSync(join(folder, 'last.safetensors'));
manualSeed(fresh ? 7 : Date.now());
const digits = await vision.datasets.Digits.load();
const [train, valid] = data.randomSplit(digits, [300, 60, digits.length - 360], 3);
const noise = new Generator(fresh ? 11 : Date.now());
const augmented = {
  length: train.length,
  async batch(indices) {
    const [x, y] = await train.batch(indices);
    return [x.add(randn(x.shape, { generator: noise }).mul(0.1)), y];
  },
};
const loader = new data.DataLoader(augmented, { batchSize: 20, shuffle: true });
const validation = new data.DataLoader(valid, { batchSize: 30 });

const model = new nn.Sequential(
  new nn.Conv2d(1, 4, 3, { padding: 1 }),
  new nn.BatchNorm2d(4),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Dropout(0.25),
  new nn.Linear(64, 10),
);
const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
const schedule = new optim.lrScheduler.CosineAnnealingLR(optimizer, 8 * Number(epochs));
const ema = new callbacks.WeightAveraging(model, { decay: 0.9 });
const stopping = new callbacks.EarlyStopping({ monitor: 'valAccuracy', mode: 'max', patience: 50, restoreBest: true });
const checkpoint = new callbacks.Checkpoint({ folder, everySteps: 2, keep: 2, monitor: 'valLoss' });

const reporter = { onFitStart: ({ globalStep }) => console.log(`from ${globalStep}`) };

const trainer = new Trainer({
  model,
  loss: new nn.CrossEntropyLoss(),
  optimizer,
  metrics: [metrics.accuracy()],
  callbacks: [new callbacks.LearningRateSchedule(schedule, { every: 'step' }), ema, stopping, checkpoint, reporter],
  batchTransforms: [(x, y) => [x.add(randn(x.shape).mul(0.05)), y]],
  gradientAccumulation: 2,
  clipGradNorm: 1,
  generators: [noise],
});
console.log('ready');
const { epochs: log } = await trainer.fit(loader, {
  epochs: Number(epochs),
  validation,
  resume: true,
  progress: false,
});

const hash = createHash('sha256');
const addTensors = async (tensors) => {
  for (const [name, tensor] of Object.entries(tensors))
    hash.update(name).update(new Uint8Array((await tensor.data()).buffer));
};
await addTensors(model.stateDict());
await addTensors(ema.averaged.stateDict());
for (const state of optimizer.state.values()) await addTensors({ a: state.expAvg, b: state.expAvgSq });
const history = log.map(({ seconds: _, samplesPerSecond: __, ...values }) => values);
const { best, bestEpoch } = stopping;
hash.update(JSON.stringify([history, getRngState(), noise.getState(), schedule.stateDict(), best, bestEpoch]));
hash.update(JSON.stringify([loader.stateDict(), trainer.globalStep, trainer.learningRates(), checkpoint.best]));
console.log(JSON.stringify({ digest: hash.digest('hex'), steps: trainer.globalStep, history }));
