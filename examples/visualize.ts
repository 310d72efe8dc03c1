// Trains small networks on the digits of the package, logs to TensorBoard and draws every plot there is:
//   npx tsx examples/visualize.ts [folder] [epochs]
import { realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  callbacks,
  data,
  type EpochLog,
  F,
  manualSeed,
  metrics,
  nn,
  noGrad,
  optim,
  plots,
  scope,
  type Tensor,
  Trainer,
  vision,
} from 'nabla';

class DigitNet extends nn.Module {
  features = new nn.Sequential(
    new nn.Conv2d(1, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Flatten(),
  );
  hidden = new nn.Linear(32 * 16, 32);
  dropout: nn.Dropout;
  head = new nn.Linear(32, 10);

  constructor(rate = 0) {
    super();
    this.dropout = new nn.Dropout(rate);
  }

  /** What the last layer sees: `[N, 32]`. */
  embed(x: Tensor): Tensor {
    return F.relu(this.hidden.forward(this.features.forward(x)));
  }

  forward(x: Tensor): Tensor {
    return this.head.forward(this.dropout.forward(this.embed(x)));
  }
}

/** Few images, so that there is something to regularize and something to get wrong. */
const TRAIN_IMAGES = 300;

async function load() {
  const train = await vision.datasets.Digits.load({ train: true });
  const test = await vision.datasets.Digits.load({ train: false });
  const first = async (source: vision.datasets.Digits, count: number): Promise<[Tensor, Tensor]> => {
    for await (const [x, y] of new data.DataLoader(source, { batchSize: count })) return [x.keep(), y.keep()];
    throw new Error('there are no images');
  };
  const few = await first(train, TRAIN_IMAGES);
  const all = await first(test, test.length);
  return { classes: test.classes, few, all };
}

const chunks = ([x, y]: readonly [Tensor, Tensor], size: number): [Tensor, Tensor][] => {
  const parts = [x.split(size), y.split(size)];
  return parts[0].map((part, i) => [part, parts[1][i]]);
};

/** Draws everything into a folder; gives the accuracy on the test images. */
export async function visualize(folder: string, epochs = 12): Promise<number> {
  await mkdir(folder, { recursive: true });
  const at = (name: string): string => join(folder, `${name}.png`);
  const { classes, few, all } = await load();
  const train = chunks(few, 50);
  const test = chunks(all, 100);

  const trainOne = async (seed: number, rate: number, weightDecay: number, log: boolean) => {
    manualSeed(seed);
    const model = new DigitNet(rate);
    const board = new callbacks.TensorBoard(join(folder, 'runs'), {
      histograms: 4,
      graph: few[0].narrow(0, 0, 1),
      images: { filters: ({ model }) => model.parameters()[0].detach().abs() },
    });
    const trainer = new Trainer({
      model,
      loss: new nn.CrossEntropyLoss(),
      optimizer: new optim.AdamW(model.parameters(), { lr: 2e-3, weightDecay }),
      metrics: [metrics.accuracy()],
      callbacks: log ? [board] : [],
    });
    const history = await trainer.fit(train, { epochs, validation: test, progress: false });
    return { model, history };
  };
  const { model, history } = await trainOne(1, 0.25, 1e-2, true);
  await plots.saveLearningCurves(history, at('learning-curves'), { metrics: ['loss', 'accuracy'] });

  model.eval();
  const [images, target] = all;
  const output = noGrad(() => model.forward(images));
  const confusion = metrics.confusionMatrix({ task: 'multiclass', numClasses: 10 });
  const roc = metrics.rocCurve({ task: 'multiclass', numClasses: 10 });
  const precisionRecall = metrics.precisionRecallCurve({ task: 'multiclass', numClasses: 10 });
  for (const metric of [confusion, roc, precisionRecall]) metric.update(output, target);
  await plots.saveConfusionMatrix(await confusion.compute(), at('confusion-matrix'), { labels: classes });
  const curves = await roc.compute();
  const named = Object.fromEntries([1, 3, 8].map((digit) => [`digit ${digit}`, curves[digit]]));
  await plots.saveRocCurve(named, at('roc'));
  const pairs = await precisionRecall.compute();
  const labels = classes.map((name) => `digit ${name}`);
  await plots.savePrecisionRecallCurve(pairs.slice(0, 6), at('precision-recall'), { labels: labels.slice(0, 6) });
  await plots.saveMisclassified(images, output, target, at('misclassified'), { labels: classes, limit: 8, columns: 4 });

  await plots.saveFilters(model.features.layers[0], at('filters'), { columns: 8 });
  await plots.saveActivations(model, 'features.0', images.narrow(0, 3, 1), at('activations'), { columns: 8, size: 72 });
  await plots.saveEmbedding(
    noGrad(() => model.embed(images)),
    at('embedding'),
    { labels: target, names: classes },
  );

  const [x, y] = train[0];
  scope(() => F.crossEntropy(model.forward(x), y).backward());
  await plots.saveGradientHistograms(model, at('gradients'));

  const study: Record<string, number[][]> = {};
  const results: Record<string, number[][]> = {};
  const settings = { plain: [0, 0], 'weight decay': [0, 0.3], dropout: [0.4, 0], both: [0.4, 0.3] } as const;
  for (const [name, [rate, decay]] of Object.entries(settings)) {
    const runs: EpochLog[][] = [];
    for (const seed of [1, 2, 3]) runs.push((await trainOne(seed, rate, decay, false)).history.epochs);
    study[name] = runs.map((log) => log.map(({ valAccuracy }) => valAccuracy));
    results[name] = ['accuracy', 'valAccuracy'].map((key) => runs.map((log) => log[log.length - 1][key]));
  }
  await plots.saveLines(study, at('lines'), { title: 'Test accuracy, three seeds', axis: 'accuracy' });
  const groups = ['training', 'test'];
  await plots.saveBars(results, at('bars'), { title: 'Regularization', axis: 'accuracy', from: 'auto', groups });
  return history.epochs[history.epochs.length - 1].valAccuracy;
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const [folder = 'runs/visualize', epochs = '12'] = process.argv.slice(2);
  const accuracy = await visualize(folder, Number(epochs));
  console.log(`test accuracy ${accuracy.toFixed(3)}; plots and TensorBoard files are in ${folder}`);
}
