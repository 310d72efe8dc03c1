// What DeepConvNet makes of Fashion-MNIST with all that helps: npm run example -- fashion-ensemble --help
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  callbacks,
  data,
  F,
  manualSeed,
  metrics,
  models,
  type nn,
  optim,
  plots,
  scope,
  selection,
  type Tensor,
  Trainer,
  vision,
} from 'nabla';
import { integer, mean, runExample } from '../support.js';
import { report, type StudyOptions, studyOptions, tableOf } from './study.js';

interface Options extends StudyOptions {
  epochs?: number;
  members?: number;
}

interface Member {
  /** With the averaged weights. */
  model: nn.Module;
  /** The accuracy on the images that it left out, epoch by epoch. */
  heldOut: number[];
  loss: number[];
}

/** Each member leaves out another part of the training images, to be judged by; the test images are looked at once. */
const PARTS = 12;
const BATCH = 100;
const RATE = 0.1;
const { functional, Compose, RandomCrop, RandomHorizontalFlip, TestTimeAugmentation } = vision.transforms;

type Images = vision.datasets.LabeledImages;

/** A training that was cut goes on where it was; one that is complete is only read. */
async function train(images: Images, part: selection.Fold, seed: number, epochs: number, folder: string) {
  await mkdir(folder, { recursive: true });
  manualSeed(seed);
  const model = models.deepConvNet({ imageSize: images.height, batchNorm: true, dropout: 0 });
  const loader = new data.DataLoader(data.subset(images, part[0]), { batchSize: BATCH, shuffle: true, seed });
  const heldOut = new data.DataLoader(data.subset(images, part[1]), { batchSize: 500 });
  const groups = optim.decayGroups(model, { weightDecay: 5e-4 });
  const optimizer = new optim.SGD(groups, { lr: RATE, momentum: 0.9, nesterov: true });
  const totalSteps = epochs * loader.length;
  const schedule = new optim.lrScheduler.OneCycleLR(optimizer, RATE, { totalSteps, pctStart: 0.2 });
  const crop = new RandomCrop(images.height, { padding: Math.round(images.height / 14) });
  const augment = new Compose([new RandomHorizontalFlip(), crop]);
  // Reaches a twentieth of the training back.
  const average = new callbacks.WeightAveraging(model, { decay: 1 - 20 / totalSteps, useBuffers: true });
  const trainer = new Trainer({
    model,
    loss: (scores, labels) => F.crossEntropy(scores, labels, { labelSmoothing: 0.05 }),
    optimizer,
    metrics: [metrics.accuracy()],
    batchTransforms: [(batch, labels) => [augment.forward(batch), labels]],
    callbacks: [
      average,
      new callbacks.LearningRateSchedule(schedule, { every: 'step' }),
      new callbacks.CSVLogger(join(folder, 'log.csv')),
      new callbacks.Checkpoint({ folder }),
    ],
  });
  const history = await trainer.fit(loader, { epochs, validation: heldOut, resume: true, unit: 'images' });
  const of = (name: string): number[] => history.epochs.map((epoch) => epoch[name]);
  return { model: average.averaged, heldOut: of('valAccuracy'), loss: of('loss') };
}

/** The accuracy of the mean of all probabilities: of each member, for the images and, with `flipped`, their mirror images. */
async function accuracyOf(members: readonly nn.Module[], test: Images, flipped: boolean): Promise<number> {
  const ensemble = new selection.Ensemble(members, { combine: 'soft' }).eval();
  const views = [(x: Tensor) => x, ...(flipped ? [functional.horizontalFlip] : [])];
  const predictor = new TestTimeAugmentation(ensemble, views);
  const accuracy = metrics.accuracy();
  for await (const [images, labels] of new data.DataLoader(test, { batchSize: 500 })) {
    scope(() => accuracy.update(predictor.forward(images), labels));
  }
  return accuracy.compute();
}

async function main({ quick, seed, out, ...options }: Options): Promise<void> {
  const { epochs = quick ? 4 : 30, members: count = quick ? 2 : 5 } = options;
  const type = quick ? vision.datasets.Digits : vision.datasets.FashionMNIST;
  const [images, test] = await Promise.all([type.load(), type.load({ train: false })]);
  const parts = [...new selection.StratifiedKFold(PARTS, { shuffle: true, seed }).split(images, images.labels)];
  const members: Member[] = [];
  for (let i = 0; i < count; i++) {
    console.log(`\nmember ${i + 1} of ${count}`);
    members.push(await train(images, parts[i], seed + i, epochs, join(out, `member-${i + 1}`)));
  }
  const rows: { name: string; accuracies: number[] }[] = [];
  for (const [i, { model, heldOut }] of members.entries()) {
    const accuracies = [await accuracyOf([model], test, false), await accuracyOf([model], test, true)];
    rows.push({ name: `member ${i + 1}`, accuracies: [heldOut[epochs - 1], ...accuracies] });
  }
  const means = [0, 1, 2].map((column) => mean(rows.map(({ accuracies }) => accuracies[column])));
  rows.push({ name: 'mean of the members', accuracies: means });
  const all = members.map(({ model }) => model);
  const together = [await accuracyOf(all, test, false), await accuracyOf(all, test, true)];
  rows.push({ name: `ensemble of ${count}`, accuracies: [Number.NaN, ...together] });
  await plots.saveLines(
    Object.fromEntries(members.map(({ heldOut }, i) => [`member ${i + 1}`, heldOut.map((value) => 100 * value)])),
    join(out, 'fashion-ensemble.png'),
    { title: 'Accuracy on the images left out', axis: '%' },
  );
  const cells = rows.map(({ name, accuracies }) => [
    name,
    ...accuracies.map((value) => (Number.isNaN(value) ? '' : (100 * value).toFixed(2))),
  ]);
  const columns = ['', 'images left out, %', 'test images, %', 'with mirror images, %'];
  const results = {
    epochs,
    rows,
    loss: members.map(({ loss }) => loss),
    heldOut: members.map(({ heldOut }) => heldOut),
  };
  await report(out, results, tableOf(columns, cells));
}

const about =
  'An ensemble of DeepConvNets on Fashion-MNIST, with augmentation, batch normalization and averaged weights.';
await runExample(() =>
  main(
    studyOptions<Options>('fashion-ensemble', `${about} Goes on where it was cut.`, (command) =>
      command
        .option('--epochs <n>', 'of each member (default: 30; quick: 4)', integer(1))
        .option('--members <n>', `at most ${PARTS} (default: 5; quick: 2)`, integer(1)),
    ),
  ),
);
