// Cross-validation, bagging, boosting and ensembles on the digits: npm run example -- ensembles --help
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import {
  data,
  F,
  manualSeed,
  NablaError,
  nn,
  noGrad,
  optim,
  plots,
  scope,
  selection,
  type Tensor,
  Trainer,
  tensor,
  vision,
} from 'nabla';
import { integer, runExample } from './support.js';

type Part = [x: Tensor, y: Tensor];

const CLASSES = 10;
const BATCH = 50;

const network = (hidden: number): nn.Sequential =>
  new nn.Sequential(new nn.Linear(64, hidden), new nn.ReLU(), new nn.Linear(hidden, CLASSES));

/** Trains a network with one hidden layer; by squared error where the targets are numbers. */
function learner(hidden: number, epochs = 30): selection.Learner {
  return async (x, y, { weights, seed }) => {
    manualSeed(seed);
    const model = network(hidden);
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
    const random = new data.Philox(seed);
    const count = x.shape[0];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = random.permutation(count);
      for (let from = 0; from < count; from += BATCH) {
        scope(() => {
          const rows = tensor(Int32Array.from(order.subarray(from, from + BATCH)));
          const [ownX, ownY] = [x.indexSelect(0, rows), y.indexSelect(0, rows)];
          const out = model.forward(ownX);
          optimizer.zeroGrad();
          if (y.ndim === 2) F.mseLoss(out, ownY).backward();
          else if (weights === null) F.crossEntropy(out, ownY).backward();
          else F.crossEntropy(out, ownY, { reduction: 'none' }).mul(weights.indexSelect(0, rows)).mean().backward();
          optimizer.step();
        });
      }
    }
    // One read drains what is queued, so that memory stays flat over many networks.
    await noGrad(() => model.forward(x.narrow(0, 0, 1)).sum()).item();
    return model;
  };
}

async function accuracy(model: nn.Module, [x, y]: Part): Promise<number> {
  model.eval();
  return Number(await noGrad(() => model.forward(x).argmax(1).eq(y).to('float32').mean()).item());
}

const rows = ([x, y]: Part, indices: ArrayLike<number>): Part => {
  const at = tensor(Int32Array.from(indices));
  return [x.indexSelect(0, at), y.indexSelect(0, at)];
};

const task = (seed: number): selection.LearnerTask => ({ member: 0, weights: null, seed });

/** Ways to make one model of the training images. */
const METHODS: Readonly<Record<string, (train: Part, seed: number) => Promise<nn.Module>>> = {
  'one network': async ([x, y], seed) => learner(16)(x, y, task(seed)),
  'mean of 10': async ([x, y], seed) => {
    const members: nn.Module[] = [];
    for (let i = 0; i < 10; i++) members.push(await learner(16)(x, y, task(100 * seed + i)));
    return new selection.Ensemble(members, { combine: 'soft' });
  },
  'vote of 10': async ([x, y], seed) => {
    const members: nn.Module[] = [];
    for (let i = 0; i < 10; i++) members.push(await learner(16)(x, y, task(100 * seed + i)));
    return new selection.Ensemble(members, { combine: 'hard' });
  },
  'bagging, 10': async ([x, y], seed) => {
    const { ensemble, outOfBagScore } = await selection.bagging(learner(16), x, y, { members: 10, seed });
    outOfBag.push(outOfBagScore);
    return ensemble;
  },
  // Members that make mistakes in training are what boosting needs: fewer units and epochs.
  'AdaBoost, 20': async ([x, y], seed) =>
    (await selection.adaBoost(learner(8, 8), x, y, { rounds: 20, seed })).ensemble,
  'gradient boosting, 20': async ([x, y], seed) =>
    (await selection.gradientBoosting(learner(8, 10), x, y, { rounds: 20, learningRate: 0.5, loss: 'logLoss', seed }))
      .model,
  'stacking, 3 widths': async ([x, y], seed) =>
    (await selection.stacking([learner(8), learner(16), learner(32)], finalLearner, x, y, { seed })).model,
  'snapshots, 5': snapshots,
};
const outOfBag: number[] = [];

const finalLearner: selection.Learner = async (x, y, { seed }) => {
  manualSeed(seed);
  const model = new nn.Linear(x.shape[1], CLASSES);
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.05, weightDecay: 1e-4 });
  for (let step = 0; step < 150; step++) {
    scope(() => {
      optimizer.zeroGrad();
      F.crossEntropy(model.forward(x), y).backward();
      optimizer.step();
    });
  }
  await noGrad(() => model.weight.sum()).item();
  return model;
};

async function snapshots([x, y]: Part, seed: number): Promise<nn.Module> {
  manualSeed(seed);
  const model = network(16);
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
  const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: BATCH, shuffle: true, seed });
  const epochs = 60;
  const copies = new selection.Snapshots(optimizer, { steps: epochs * loader.length, cycles: 5 });
  const trainer = new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, callbacks: [copies] });
  await trainer.fit(loader as never, { epochs, progress: false });
  return copies.ensemble();
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const spread = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, v) => sum + (v - mean(values)) ** 2, 0) / Math.max(1, values.length - 1));
const percent = (value: number): string => (100 * value).toFixed(1);

/** Five folds for each width, beside what the test images say; and bias and variance of networks from resamples. */
async function widths(train: Part, test: Part, labels: readonly number[]): Promise<string[]> {
  const lines = [
    '| hidden units | 5 folds, % | standard error | test, % | bias, % | variance, % | error of one network, % |',
    '|---:|---:|---:|---:|---:|---:|---:|',
  ];
  for (const hidden of [2, 4, 8, 16, 32, 64]) {
    const folds = new selection.StratifiedKFold(5, { shuffle: true, seed: 1 }).split(labels, labels);
    const { score } = await selection.crossValidate(async (fold) => {
      const model = await learner(hidden)(...rows(train, fold.train), task(fold.fold));
      return accuracy(model, rows(train, fold.test));
    }, folds);
    const tested = await accuracy(await learner(hidden)(...train, task(1)), test);
    const predictions: Float64Array[] = [];
    for (let b = 0; b < 15; b++) {
      const random = new data.Philox(b, 1);
      const bag = Uint32Array.from(labels, () => random.below(labels.length));
      const model = await learner(hidden)(...rows(train, bag), task(b));
      const chosen = noGrad(() => model.forward(test[0]).argmax(1));
      predictions.push(Float64Array.from(await chosen.data(), Number));
    }
    const targets = Array.from(await test[1].data(), Number);
    const { bias, netVariance, loss } = selection.biasVariance(predictions, targets, { loss: 'zeroOne' });
    const cells = [
      hidden,
      percent(score.mean),
      percent(score.standardError),
      ...[tested, bias, netVariance, loss].map(percent),
    ];
    lines.push(`| ${cells.join(' | ')} |`);
    console.log(lines.at(-1));
  }
  return lines;
}

async function methods(train: Part, test: Part, options: Options): Promise<string[]> {
  const results: Record<string, number[]> = {};
  const lines = ['| method | test, % |', '|---|---:|'];
  for (const name of options.only ?? Object.keys(METHODS)) {
    const make = METHODS[name];
    if (make === undefined) throw new NablaError('ensembles', `there is no method ${JSON.stringify(name)}`);
    results[name] = [];
    for (let seed = 1; seed <= options.seeds; seed++) {
      results[name].push(await accuracy(await make(train, seed), test));
    }
    lines.push(`| ${name} | ${percent(mean(results[name]))} ± ${percent(spread(results[name]))} |`);
    console.log(lines.at(-1));
  }
  if (outOfBag.length > 0) lines.push('', `Out-of-bag accuracy of bagging: ${percent(mean(outOfBag))} %.`);
  const bars = Object.fromEntries(Object.entries(results).map(([name, own]) => [name, own.map((v) => 100 * v)]));
  await plots.saveBars(bars, join(options.out, 'ensembles.png'), {
    title: `Ensembles on ${options.images} digits, ${options.seeds} seeds`,
    axis: 'test accuracy, %',
    from: 'auto',
  });
  return lines;
}

interface Options {
  seeds: number;
  images: number;
  only?: string[];
  out: string;
}

runExample(async () => {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  const options = new Command('ensembles')
    .description('Cross-validation, bagging, boosting and ensembles of small networks on the UCI digits.')
    .option('--seeds <n>', 'repetitions', integer(1), 3)
    .option('--images <n>', 'training images', integer(100), 500)
    .option('--only <names...>', `no cross-validation, and some of: ${Object.keys(METHODS).join('; ')}`)
    .option('--out <folder>', 'where to write', join('runs', stamp))
    .parse()
    .opts<Options>();
  await mkdir(options.out, { recursive: true });
  const [first, second] = await Promise.all([
    vision.datasets.Digits.load(),
    vision.datasets.Digits.load({ train: false }),
  ]);
  const all = (set: vision.datasets.Digits, count: number): Part => {
    const [images, labels] = set.batch(Array.from({ length: Math.min(count, set.length) }, (_, i) => i));
    return [images.reshape([-1, 64]), labels];
  };
  const train = all(first, options.images);
  const test = all(second, second.length);
  const labels = Array.from(first.labels.subarray(0, options.images));
  const folds = options.only ? [] : [...(await widths(train, test, labels)), ''];
  const lines = [...folds, ...(await methods(train, test, options))];
  await writeFile(join(options.out, 'table.md'), `${lines.join('\n')}\n`);
  console.log(`\nwritten to ${relative('.', options.out)}: table.md, ensembles.png`);
});
