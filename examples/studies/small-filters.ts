// One 5 x 5 filter against two of 3 x 3, which see the same places. npm run example -- small-filters
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { manualSeed, models, nn, plots } from 'nabla';
import { percent, percentOf, runExample, thousands } from '../support.js';
import {
  eachSeed,
  loadSplit,
  parametersOf,
  type RepeatedOptions,
  repeated,
  report,
  type Split,
  studyOptions,
  tableOf,
  trainAndTest,
} from './study.js';

const CHANNELS = 32;

/** What stands in each of the two places: 32 channels in, 32 channels out. */
const FILTERS = {
  'one 5 x 5': () => [five()],
  'two 3 x 3': () => [models.toSmallFilters(five())],
} as const;

type Filters = keyof typeof FILTERS;
const NAMES = Object.keys(FILTERS) as Filters[];

const five = (): nn.Conv2d => new nn.Conv2d(CHANNELS, CHANNELS, 5, { padding: 2 });

/** A first convolution of 3 x 3, twice what is compared, a mean over the places, a linear layer. He's first weights. */
function makeModel(filters: Filters): nn.Sequential {
  const model = new nn.Sequential(
    new nn.Conv2d(1, CHANNELS, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    ...FILTERS[filters](),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    ...FILTERS[filters](),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(CHANNELS, 10),
  );
  for (const layer of model.modules()) {
    if (!(layer instanceof nn.Conv2d)) continue;
    nn.init.kaimingNormal_(layer.weight, { nonlinearity: 'relu' });
    if (layer.bias) nn.init.zeros_(layer.bias);
  }
  return model;
}

interface Result {
  parameters: number;
  /** Multiplications with additions for one image. */
  macs: number;
  /** Share of right training and test images. */
  training: number;
  test: number;
}

async function run(filters: Filters, seed: number, epochs: number, split: Split): Promise<Result> {
  manualSeed(seed);
  const model = makeModel(filters);
  const [, ...size] = split.training.x.shape;
  const { macs } = model.summary({ input: [1, ...size] });
  const parameters = parametersOf(model);
  return { parameters, macs, ...(await trainAndTest(model, split, { epochs, seed })) };
}

async function main(options: RepeatedOptions): Promise<void> {
  const { quick, seed, out } = options;
  const defaults = quick ? { seeds: 1, epochs: 3, images: 500 } : { seeds: 5, epochs: 12, images: 1000 };
  const { seeds, epochs, images } = { ...defaults, ...options };
  const split = await loadSplit(quick, { training: images, test: 5000 });
  console.log(`${split.title}; ${epochs} epochs, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`);
  const results = await eachSeed(
    NAMES,
    { seed, seeds },
    (name, own) => run(name, own, epochs, split),
    (result) => `training ${percent(result.training)}, test ${percent(result.test)}`,
  );
  await mkdir(out, { recursive: true });
  const bars = NAMES.map((name) => [
    name,
    (['training', 'test'] as const).map((part) => results[name].map((result) => 100 * result[part])),
  ]);
  await plots.saveBars(Object.fromEntries(bars), join(out, 'small-filters.png'), {
    title: `Accuracy on ${split.title}`,
    axis: 'accuracy, %',
    groups: ['training', 'test'],
    from: 'auto',
  });
  const rows = NAMES.map((name) => [
    name,
    thousands(results[name][0].parameters),
    (results[name][0].macs / 1e6).toFixed(2),
    ...(['training', 'test'] as const).map((part) => percentOf(results[name].map((result) => result[part]))),
  ]);
  await report(out, results, tableOf(['filters', 'parameters', 'MACs, M', 'training, %', 'test, %'], rows));
}

await runExample(() => main(studyOptions('small-filters', 'One 5 x 5 filter against two of 3 x 3.', repeated)));
