// One network on few images with each way to augment them: npm run example -- augmentation --help
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import {
  type BatchTransform,
  callbacks,
  data,
  manualSeed,
  metrics,
  NablaError,
  nn,
  optim,
  plots,
  regularizers,
  Trainer,
  vision,
} from 'nabla';
import { integer, mean, percentOf, runExample } from './support.js';

const CLASSES = 10;

const t = vision.transforms;

/** A transform of images as one of batches. */
const ofImages =
  (transform: vision.transforms.SampleTransform): BatchTransform =>
  (images, target) => [transform.forward(images), target];

/** What is done to the batches of training images. */
const variantsOf = (side: number): Readonly<Record<string, readonly BatchTransform[]>> => {
  const flip = new t.RandomHorizontalFlip();
  const crop = new t.RandomCrop(side, { padding: Math.round(side / 14) });
  const affine = { translate: [0.1, 0.1], scale: [0.9, 1.1], interpolation: 'bilinear' } as const;
  return {
    none: [],
    flip: [ofImages(flip)],
    'flip, crop': [ofImages(new t.Compose([flip, crop]))],
    affine: [ofImages(new t.RandomAffine(10, affine))],
    erasing: [ofImages(new t.RandomErasing(0.5))],
    RandAugment: [ofImages(new t.RandAugment())],
    TrivialAugment: [ofImages(new t.TrivialAugmentWide())],
    AugMix: [ofImages(new t.AugMix())],
    mixup: [regularizers.mixup({ alpha: 0.4, numClasses: CLASSES })],
    'flip, crop, mixup': [
      ofImages(new t.Compose([flip, crop])),
      regularizers.mixup({ alpha: 0.4, numClasses: CLASSES }),
    ],
  };
};
const NAMES = Object.keys(variantsOf(28));

interface Options {
  quick: boolean;
  images: number;
  epochs: number;
  seeds: number;
  only?: string[];
  out?: string;
}

interface Study {
  train: data.BatchDataset<vision.datasets.LabeledImage, data.LabeledBatch>;
  test: data.BatchDataset<vision.datasets.LabeledImage, data.LabeledBatch>;
  side: number;
  title: string;
}

interface Result {
  /** Accuracy on the training images as they are, and on the test images. */
  train: number;
  test: number;
  loss: number;
}

type Results = Record<string, Result[]>;

/** Two convolutions, two affine layers; the same initial weights for every variant of a seed. */
const makeModel = (side: number): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(1, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(32 * Math.floor(side / 4) ** 2, 64),
    new nn.ReLU(),
    new nn.Linear(64, CLASSES),
  );

async function run(
  batchTransforms: readonly BatchTransform[],
  seed: number,
  study: Study,
  epochs: number,
): Promise<Result> {
  manualSeed(seed);
  const model = makeModel(study.side);
  const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
  const trainer = new Trainer({
    model,
    loss: new nn.CrossEntropyLoss(),
    optimizer,
    metrics: [metrics.accuracy()],
    batchTransforms,
    callbacks: [new callbacks.LearningRateSchedule(new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs))],
  });
  const train = new data.DataLoader(study.train, { batchSize: 20, shuffle: true, seed });
  await trainer.fit(train, { epochs, progress: false });
  const own = await trainer.evaluate(new data.DataLoader(study.train, { batchSize: 500 }));
  const { accuracy, loss } = await trainer.evaluate(new data.DataLoader(study.test, { batchSize: 500 }));
  return { train: own.accuracy, test: accuracy, loss };
}

async function load({ quick, images }: Options): Promise<Study> {
  const type = quick ? vision.datasets.Digits : vision.datasets.FashionMNIST;
  const [train, test] = await Promise.all([type.load(), type.load({ train: false })]);
  const count = Math.min(images, train.length);
  const some = Array.from({ length: count }, (_, i) => i);
  const title = `${count.toLocaleString('en-US')} images of ${quick ? 'the UCI digits' : 'Fashion-MNIST'}`;
  return { train: data.subset(train, some), test, side: train.height, title };
}

/** A table in Markdown: mean and standard deviation over the seeds. */
function tableOf(results: Results): string {
  const rows = Object.entries(results).map(([name, runs]) => {
    const of = (key: keyof Result): number[] => runs.map((result) => result[key]);
    return `| ${[name, percentOf(of('train')), percentOf(of('test')), mean(of('loss')).toFixed(2)].join(' | ')} |`;
  });
  return ['| augmentation | training, % | test, % | test loss |', '|---|---:|---:|---:|', ...rows].join('\n');
}

async function save(results: Results, title: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'results.json'), `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(join(folder, 'table.md'), `${tableOf(results)}\n`);
  const bars = Object.entries(results).map(([name, runs]) => [
    name,
    (['train', 'test'] as const).map((key) => runs.map((one) => 100 * one[key])),
  ]);
  await plots.saveBars(Object.fromEntries(bars), join(folder, 'augmentation.png'), {
    title: `Accuracy on ${title}`,
    axis: 'accuracy, %',
    groups: ['training', 'test'],
    from: 'auto',
  });
}

function parseOptions(): Options {
  const command = new Command('augmentation')
    .description('Trains the same network with each way to augment its images and compares test accuracy.')
    .option('--quick', 'the UCI digits and one seed', false)
    .option('--images <n>', 'training images (default: 1000; quick: 400)', integer(1))
    .option('--epochs <n>', 'times through them (default: 40; quick: 10)', integer(1))
    .option('--seeds <n>', 'repetitions (default: 3; quick: 1)', integer(1))
    .option('--only <names...>', `some of: ${NAMES.join(', ')}`)
    .option('--out <folder>', 'where to write (default: runs/<time>)')
    .parse();
  const given = command.opts<Partial<Options>>();
  const defaults = given.quick ? { images: 400, epochs: 10, seeds: 1 } : { images: 1000, epochs: 40, seeds: 3 };
  return { quick: false, ...defaults, ...given };
}

/** Trains every variant with every seed. */
async function train({ only = NAMES, seeds, epochs }: Options, study: Study): Promise<Results> {
  const unknown = only.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new NablaError('augmentation', `there is no variant ${JSON.stringify(unknown)}`);
  const variants = variantsOf(study.side);
  const results: Results = {};
  for (const name of only) {
    const started = performance.now();
    results[name] = [];
    for (let seed = 1; seed <= seeds; seed++) results[name].push(await run(variants[name], seed, study, epochs));
    const [own, test] = (['train', 'test'] as const).map((key) => percentOf(results[name].map((one) => one[key])));
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`${name.padEnd(18)} training ${own} %, test ${test} %  (${seconds} s)`);
  }
  return results;
}

await runExample(async () => {
  const options = parseOptions();
  const study = await load(options);
  const { seeds, epochs } = options;
  console.log(`${study.title}, ${epochs} epochs, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}\n`);
  const results = await train(options, study);
  const out = options.out ?? join('runs', new Date().toISOString().slice(0, 19).replaceAll(':', '-'));
  await save(results, study.title, out);
  console.log(
    `\n${tableOf(results)}\n\nwritten to ${relative('.', out) || '.'}: results.json, table.md, augmentation.png`,
  );
});
