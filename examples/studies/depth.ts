// Deeper networks without shortcuts train worse, with shortcuts they do not. npm run example -- depth
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { F, manualSeed, models, optim, plots } from 'nabla';
import { percent, percentOf, runExample, thousands } from '../support.js';
import {
  accuracyOf,
  eachSeed,
  type Items,
  loadImages,
  parametersOf,
  type RepeatedOptions,
  repeated,
  report,
  studyOptions,
  tableOf,
  train,
} from './study.js';

const NETWORKS = ['plain20', 'plain56', 'resnet20', 'resnet56'] as const;

interface Result {
  parameters: number;
  /** Share of wrong training images in each epoch, while it learned. */
  errors: number[];
  /** Share of wrong training and test images behind training. */
  training: number;
  test: number;
}

interface Options extends RepeatedOptions {
  fashion: boolean;
}

/** Fashion-MNIST with half of its side, or the digits as they are. */
async function load(fashion: boolean, part: { count?: number; train: boolean }): Promise<Items> {
  const { x, y } = await loadImages(fashion ? 'fashion' : 'digits', part);
  return fashion ? { x: F.avgPool2d(x, 2).keep(), y } : { x, y };
}

async function run(
  name: (typeof NETWORKS)[number],
  seed: number,
  epochs: number,
  items: Items,
  test: Items,
): Promise<Result> {
  manualSeed(seed);
  const model = models.create(name, { inChannels: 1 });
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.02, momentum: 0.9, weightDecay: 1e-4 });
  const milestones = [Math.round(epochs / 2), Math.round((3 * epochs) / 4)];
  const schedule = new optim.lrScheduler.MultiStepLR(optimizer, milestones);
  const errors = await train(model, items, { optimizer, schedule, epochs, batchSize: 64, seed });
  const [training, ofTest] = [1 - (await accuracyOf(model, items)), 1 - (await accuracyOf(model, test))];
  const result = { parameters: parametersOf(model), errors, training, test: ofTest };
  model.dispose();
  return result;
}

async function main(options: Options): Promise<void> {
  const { quick, fashion, seed, out } = options;
  const full = fashion ? { epochs: 12, images: 3000 } : { epochs: 30 };
  const defaults = quick ? { seeds: 1, epochs: 6, images: 512 } : { seeds: 3, ...full };
  const { seeds, epochs, images } = { ...defaults, ...options };
  const items = await load(fashion, { count: images, train: true });
  const test = await load(fashion, { train: false });
  const [count, , height, width] = items.x.shape;
  const title = `${thousands(count)} images of ${fashion ? 'Fashion-MNIST' : 'the UCI digits'}, ${height} x ${width}`;
  console.log(`${title}; ${epochs} epochs, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`);
  const results = await eachSeed(
    NETWORKS,
    { seed, seeds },
    (name, own) => run(name, own, epochs, items, test),
    ({ training }) => `training error ${percent(training)}`,
  );
  const curves = (runs: readonly Result[]) => runs.map(({ errors }) => errors.map((error) => 100 * error));
  await mkdir(out, { recursive: true });
  await plots.saveLines(
    Object.fromEntries(NETWORKS.map((name) => [name, curves(results[name])])),
    join(out, 'depth.png'),
    { title: `Training error: ${title}`, axis: 'wrong, %', from: 0 },
  );
  const rows = NETWORKS.map((name) => [
    name,
    thousands(results[name][0].parameters),
    percentOf(results[name].map(({ errors }) => errors[epochs - 1])),
    percentOf(results[name].map(({ training }) => training)),
    percentOf(results[name].map((result) => result.test)),
  ]);
  const columns = ['network', 'parameters', `epoch ${epochs}, %`, 'training error, %', 'test error, %'];
  await report(out, results, tableOf(columns, rows));
}

const about = 'Plain and residual networks of 20 and 56 layers.';
await runExample(() =>
  main(
    studyOptions<Options>('depth', about, (command) =>
      repeated(command).option('--fashion', 'images of Fashion-MNIST, 14 x 14, instead of the digits', false),
    ),
  ),
);
