// Trains DeepConvNet on images and shows how well it does: npm run quickstart -- --help
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { data, manualSeed, metrics, models, NablaError, nn, noGrad, optim, plots, Trainer, vision } from 'nabla';

const DATASETS = {
  fashion: { type: vision.datasets.FashionMNIST, title: 'Fashion-MNIST', epochs: 3 },
  mnist: { type: vision.datasets.MNIST, title: 'MNIST', epochs: 3 },
  digits: { type: vision.datasets.Digits, title: 'UCI digits', epochs: 30 },
} as const;

interface Options {
  dataset: keyof typeof DATASETS;
  epochs?: number;
  batchSize: number;
  seed: number;
  out?: string;
}

const WRONG_SHOWN = 36;
const TEST_BATCH = 200;

const thousands = (value: number): string => value.toLocaleString('en-US');

/** The code that the quickstart ends with: loads the weights and classifies an image. A test runs it. */
export function classifySnippet(weights: string, dataset: string, imageSize: number): string {
  return `import { models, noGrad, vision } from 'nabla';

const model = models.deepConvNet({ imageSize: ${imageSize} });
await model.load(${JSON.stringify(weights)});
model.eval();
const test = await vision.datasets.${dataset}.load({ train: false });
const { image, label } = test.get(0); // ${dataset === 'Digits' ? '[1, 8, 8]' : '[1, 28, 28]'}, from 0 to 1
const scores = noGrad(() => model.forward(image.unsqueeze(0))); // [1, 10]
const predicted = await scores.argmax(1).item();
console.log(\`predicted: \${test.classes[predicted]}, true: \${test.classes[label]}\`);
`;
}

function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be an integer of at least ${least}.`);
  };
}

function parseOptions(): Options {
  const command = new Command('quickstart')
    .description('Trains DeepConvNet, tests it and writes weights, history and pictures.')
    .addOption(new Option('--dataset <name>', 'what to train on').choices(Object.keys(DATASETS)).default('fashion'))
    .option('--epochs <n>', 'times through the training images (default: 3; digits: 30)', integer(1))
    .option('--batch-size <n>', 'images per step', integer(1), 100)
    .option('--seed <n>', 'where all random numbers come from', integer(0), 1)
    .option('--out <folder>', 'where to write (default: runs/<time>)')
    .parse();
  return command.opts<Options>();
}

type Images = vision.datasets.LabeledImages;

/** An image that the model got wrong. */
interface Mistake {
  index: number;
  predicted: number;
  probability: number;
}

/** All mistakes, the most confident ones first. */
async function findMistakes(model: nn.Module, images: Images): Promise<Mistake[]> {
  const mistakes: Mistake[] = [];
  model.eval();
  let index = 0;
  for await (const [input, labels] of new data.DataLoader(images, { batchSize: TEST_BATCH })) {
    const { values, indices } = noGrad(() => model.forward(input).softmax(1).max(1));
    const [probabilities, classes] = await Promise.all([values.data(), indices.data()]);
    for (let i = 0; i < classes.length; i++, index++) {
      if (Number(classes[i]) === images.labels[index]) continue;
      mistakes.push({ index, predicted: Number(classes[i]), probability: Number(probabilities[i]) });
    }
    for (const tensor of [input, labels, values, indices]) tensor.dispose();
  }
  return mistakes.sort((a, b) => b.probability - a.probability);
}

async function saveMistakes(mistakes: Mistake[], images: Images, title: string, path: string): Promise<void> {
  const shown = mistakes.slice(0, WRONG_SHOWN);
  const [pixels] = images.batch(shown.map(({ index }) => index));
  const captions = shown.map(({ index, predicted, probability }) => ({
    truth: images.classes[images.labels[index]],
    predicted: images.classes[predicted],
    probability,
  }));
  const count = `${thousands(mistakes.length)} of ${thousands(images.length)}`;
  const which = shown.length < mistakes.length ? `, the ${shown.length} most confident` : '';
  await plots.saveImageGrid(pixels, captions, path, { title: `${title}: ${count} test images wrong${which}` });
}

async function main(options: Options): Promise<void> {
  const { type, title, epochs: defaultEpochs } = DATASETS[options.dataset];
  const { batchSize, seed, epochs = defaultEpochs } = options;
  const out = options.out ?? join('runs', new Date().toISOString().slice(0, 19).replaceAll(':', '-'));
  manualSeed(seed);
  const [train, test] = await Promise.all([type.load(), type.load({ train: false })]);
  const model = models.deepConvNet({ imageSize: train.height });
  const trainer = new Trainer({
    model,
    loss: new nn.CrossEntropyLoss(),
    optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }),
    metrics: [metrics.accuracy()],
  });
  console.log(`DeepConvNet on ${thousands(train.length)} images: ${title}, batches of ${batchSize}, seed ${seed}`);
  console.log('(val: the test images. Training numbers are lower, dropout also drops half of the class scores.)\n');
  const history = await trainer.fit(new data.DataLoader(train, { batchSize, shuffle: true, seed }), {
    epochs,
    validation: new data.DataLoader(test, { batchSize: TEST_BATCH }),
    unit: 'images',
    signal: stopOnInterrupt(),
  });
  const { valLoss: loss, valAccuracy: accuracy } = history.epochs.at(-1)!;
  console.log(`\ntest accuracy ${accuracy.toFixed(4)}, loss ${loss.toFixed(4)} (${thousands(test.length)} images)`);

  await mkdir(out, { recursive: true });
  const weights = join(out, 'model.safetensors');
  await model.save(weights, { model: 'deepConvNet', dataset: type.name });
  const report = { dataset: type.name, batchSize, seed, epochs: history.epochs, test: { loss, accuracy } };
  await writeFile(join(out, 'history.json'), `${JSON.stringify(report, null, 2)}\n`);
  await plots.saveLearningCurves(history, join(out, 'learning-curves.png'), { title: `DeepConvNet on ${title}` });
  await saveMistakes(await findMistakes(model, test), test, title, join(out, 'misclassified.png'));
  const folder = relative('.', out) || '.';
  console.log(`\nwritten to ${folder}: model.safetensors, history.json, learning-curves.png, misclassified.png`);
  console.log(`\nTo classify an image with these weights:\n\n${classifySnippet(weights, type.name, train.height)}`);
}

/** Ctrl-C ends the training after the running step; a second one ends the process. */
function stopOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort(new NablaError('quickstart', 'stopped')));
  return controller.signal;
}

try {
  await main(parseOptions());
} catch (error) {
  if (!(error instanceof NablaError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
