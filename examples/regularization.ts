// One network on few images with each regularizer alone and with several: npm run regularization -- --help
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
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

const CLASSES = 10;

/** What differs from the plain network and its plain training. */
interface Variant {
  batchNorm?: boolean;
  dropout?: number;
  labelSmoothing?: number;
  l1?: number;
  l2?: number;
  transforms?: readonly BatchTransform[];
  earlyStopping?: boolean;
}

const mixup = regularizers.mixup({ alpha: 0.4, numClasses: CLASSES });
const cutMix = regularizers.cutMix({ alpha: 1, numClasses: CLASSES });

const variantsOf = (side: number): Readonly<Record<string, Variant>> => ({
  none: {},
  L2: { l2: 1e-3 },
  L1: { l1: 2e-4 },
  dropout: { dropout: 0.3 },
  'batch norm': { batchNorm: true },
  'label smoothing': { labelSmoothing: 0.1 },
  mixup: { transforms: [mixup] },
  CutMix: { transforms: [cutMix] },
  cutout: { transforms: [regularizers.cutout(Math.round(side / 3))] },
  noise: { transforms: [regularizers.gaussianNoise(0.15)] },
  'early stopping': { earlyStopping: true },
  all: {
    batchNorm: true,
    dropout: 0.3,
    labelSmoothing: 0.05,
    l2: 2e-4,
    transforms: [regularizers.randomChoice([mixup, cutMix])],
    earlyStopping: true,
  },
});
const NAMES = Object.keys(variantsOf(28));

interface Options {
  quick: boolean;
  images: number;
  epochs: number;
  seeds: number;
  seed: number;
  merge?: string[];
  only?: string[];
  out?: string;
}

/** Images and labels that come in batches. */
type Part = data.BatchDataset<vision.datasets.LabeledImage, data.LabeledBatch>;

interface Study {
  /** Some images for training, as many others to say when to stop, and the test images. */
  train: Part;
  validation: Part;
  test: Part;
  side: number;
  title: string;
}

interface Result {
  /** Training accuracy in the fifth epoch, with what the regularizer does to the batches. */
  early: number;
  /** Accuracy on the training and on the test images behind training. */
  train: number;
  test: number;
  loss: number;
  calibration: number;
}

/** Two convolutions, two affine layers; the same initial weights for every variant of a seed. */
function makeModel(side: number, { batchNorm = false, dropout = 0 }: Variant): nn.Sequential {
  const block = (from: number, to: number): nn.Module[] => [
    new nn.Conv2d(from, to, 3, { padding: 1 }),
    ...(batchNorm ? [new nn.BatchNorm2d(to)] : []),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  ];
  const features = 32 * Math.floor(side / 4) ** 2;
  return new nn.Sequential(
    ...block(1, 16),
    ...block(16, 32),
    new nn.Flatten(),
    ...(dropout > 0 ? [new nn.Dropout(dropout)] : []),
    new nn.Linear(features, 64),
    new nn.ReLU(),
    ...(dropout > 0 ? [new nn.Dropout(dropout)] : []),
    new nn.Linear(64, CLASSES),
  );
}

async function run(variant: Variant, seed: number, study: Study, epochs: number): Promise<Result> {
  manualSeed(seed);
  const model = makeModel(study.side, variant);
  const { labelSmoothing = 0, l1 = 0, l2 = 0, transforms = [], earlyStopping = false } = variant;
  const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
  const schedule = new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs);
  const trainer = new Trainer({
    model,
    loss: new nn.CrossEntropyLoss({ labelSmoothing }),
    optimizer,
    metrics: [metrics.accuracy(), metrics.calibrationError({ task: 'multiclass' })],
    batchTransforms: transforms,
    ...(l1 + l2 > 0 && { penalty: regularizers.elasticNet({ l1, l2 }) }),
    callbacks: [
      new callbacks.LearningRateSchedule(schedule),
      ...(earlyStopping ? [new callbacks.EarlyStopping({ patience: 11, restoreBest: true })] : []),
    ],
  });
  const train = new data.DataLoader(study.train, { batchSize: 20, shuffle: true, seed });
  const validation = earlyStopping ? { validation: inOrder(study.validation) } : {};
  const history = await trainer.fit(train, { epochs, progress: false, ...validation });
  const own = await trainer.evaluate(inOrder(study.train));
  const { accuracy, loss, calibrationError } = await trainer.evaluate(inOrder(study.test));
  const early = history.epochs[Math.min(5, history.epochs.length) - 1].accuracy;
  return { early, train: own.accuracy, test: accuracy, loss, calibration: calibrationError };
}

const inOrder = (images: Part) => new data.DataLoader(images, { batchSize: 500 });

async function load({ quick, images }: Options): Promise<Study> {
  const type = quick ? vision.datasets.Digits : vision.datasets.FashionMNIST;
  const [train, test] = await Promise.all([type.load(), type.load({ train: false })]);
  const count = Math.min(images, Math.floor(train.length / 2));
  const [part, validation] = [0, count].map((from) =>
    data.subset(
      train,
      Array.from({ length: count }, (_, i) => from + i),
    ),
  );
  const title = `${count.toLocaleString('en-US')} images of ${quick ? 'the UCI digits' : 'Fashion-MNIST'}`;
  return { train: part, validation, test, side: train.height, title };
}

type Results = Record<string, Result[]>;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function spread(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / Math.max(1, values.length - 1));
}

const percent = (values: readonly number[]): string =>
  `${(100 * mean(values)).toFixed(1)} ± ${(100 * spread(values)).toFixed(1)}`;

/** A table in Markdown: mean and standard deviation over the seeds. */
function tableOf(results: Results): string {
  const rows = Object.entries(results).map(([name, runs]) => {
    const of = (key: keyof Result): number[] => runs.map((result) => result[key]);
    const shares = (['early', 'train', 'test', 'calibration'] as const).map((key) => percent(of(key)));
    return `| ${[name, ...shares, mean(of('loss')).toFixed(2)].join(' | ')} |`;
  });
  const columns = ['epoch 5, %', 'training, %', 'test, %', 'calibration error, %', 'test loss'];
  const head = `| regularizer | ${columns.join(' | ')} |`;
  return [head, `|---|${columns.map(() => '---:|').join('')}`, ...rows].join('\n');
}

async function save(results: Results, title: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'results.json'), `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(join(folder, 'table.md'), `${tableOf(results)}\n`);
  const bars = Object.entries(results).map(([name, runs]) => [
    name,
    (['train', 'test'] as const).map((key) => runs.map((one) => 100 * one[key])),
  ]);
  await plots.saveBars(Object.fromEntries(bars), join(folder, 'regularization.png'), {
    title: `Accuracy on ${title}`,
    axis: 'accuracy, %',
    groups: ['training', 'test'],
    from: 'auto',
  });
}

function integer(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('It must be an integer of at least 1.');
}

function parseOptions(): Options {
  const command = new Command('regularization')
    .description('Trains the same network with each regularizer and compares training and test accuracy.')
    .option('--quick', 'the UCI digits and one seed', false)
    .option('--images <n>', 'training images (default: 1000; quick: 400)', integer)
    .option('--epochs <n>', 'times through them (default: 40; quick: 15)', integer)
    .option('--seeds <n>', 'repetitions (default: 3; quick: 1)', integer)
    .option('--seed <n>', 'the first of them (default: 1)', integer)
    .option('--merge <files...>', 'draw results.json of earlier runs with other seeds instead of training')
    .option('--only <names...>', `some of: ${NAMES.join(', ')}`)
    .option('--out <folder>', 'where to write (default: runs/<time>)')
    .parse();
  const given = command.opts<Partial<Options>>();
  const defaults = given.quick ? { images: 400, epochs: 15, seeds: 1 } : { images: 1000, epochs: 40, seeds: 3 };
  return { quick: false, seed: 1, ...defaults, ...given };
}

/** Trains every variant with every seed. */
async function train(options: Options, study: Study): Promise<Results> {
  const { only = NAMES, seeds, seed: first, epochs } = options;
  const unknown = only.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new NablaError('regularization', `there is no variant ${JSON.stringify(unknown)}`);
  const variants = variantsOf(study.side);
  const results: Results = {};
  for (const name of only) {
    const started = performance.now();
    results[name] = [];
    for (let seed = first; seed < first + seeds; seed++) {
      results[name].push(await run(variants[name], seed, study, epochs));
    }
    const [own, test] = (['train', 'test'] as const).map((key) => percent(results[name].map((one) => one[key])));
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`${name.padEnd(16)} training ${own} %, test ${test} %  (${seconds} s)`);
  }
  return results;
}

/** The runs of several files, by regularizer. */
async function merged(files: readonly string[]): Promise<Results> {
  const all = await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, 'utf8')) as Results));
  return Object.fromEntries(Object.keys(all[0]).map((name) => [name, all.flatMap((results) => results[name] ?? [])]));
}

async function main(options: Options): Promise<void> {
  const study = await load(options);
  const { seeds, epochs, merge } = options;
  console.log(`${study.title}, ${epochs} epochs, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}\n`);
  const results = merge ? await merged(merge) : await train(options, study);
  const out = options.out ?? join('runs', new Date().toISOString().slice(0, 19).replaceAll(':', '-'));
  await save(results, study.title, out);
  console.log(
    `\n${tableOf(results)}\n\nwritten to ${relative('.', out) || '.'}: results.json, table.md, regularization.png`,
  );
}

try {
  await main(parseOptions());
} catch (error) {
  if (!(error instanceof NablaError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
