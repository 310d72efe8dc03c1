// Filters learned from clothes help to read digits of which there are few. npm run example -- transfer
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { data, F, manualSeed, models, nn, noGrad, optim, plots, type Tensor } from 'nabla';
import { mean, percent, percentOf, runExample, thousands } from '../support.js';
import {
  accuracyOf,
  type Items,
  loadImages,
  type RepeatedOptions,
  repeated,
  report,
  studyOptions,
  tableOf,
  train,
} from './study.js';

const RATES = [1e-3, 3e-3, 1e-2];
/** Digits of each class to learn from. */
const SHOTS = 5;

/** How a network learns the digits. */
interface Variant {
  start: 'scratch' | 'clothes';
  batchNorm?: boolean;
  /** Only the last layer learns. */
  frozen?: boolean;
  /** The rate of each layer is this times that of the next one. Default 1. */
  layerDecay?: number;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  'from scratch': { start: 'scratch' },
  'frozen features': { start: 'clothes', frozen: true },
  'fine-tuned': { start: 'clothes' },
  'fine-tuned, rates by layer': { start: 'clothes', layerDecay: 0.5 },
  'batch norm, from scratch': { start: 'scratch', batchNorm: true },
  'batch norm, fine-tuned, rates by layer': { start: 'clothes', batchNorm: true, layerDecay: 0.5 },
};
const NAMES = Object.keys(VARIANTS);

const block = (inputs: number, outputs: number, batchNorm: boolean): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(inputs, outputs, 3, { padding: 1 }),
    ...(batchNorm ? [new nn.BatchNorm2d(outputs)] : []),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );

/** Three convolutions, and a linear layer that sees 3 x 3 places: `[N, 1, 28, 28]` to `[N, classes]`. */
class Reader extends nn.Module<[Tensor], Tensor> {
  readonly features: nn.Sequential;
  readonly head: nn.Linear;

  constructor(classes: number, batchNorm: boolean) {
    super();
    const blocks = [block(1, 16, batchNorm), block(16, 32, batchNorm), block(32, 64, batchNorm)];
    this.features = new nn.Sequential(...blocks, new nn.Flatten());
    this.head = new nn.Linear(64 * 9, classes);
  }

  forward(x: Tensor): Tensor {
    return this.head.forward(this.features.forward(x));
  }
}

/** 50 digits, others to choose the rate by, and the test images. */
interface Split {
  train: Items;
  validation: Items;
  test: Items;
}

const pick = ({ x, y }: Items, rows: readonly number[]): Items => ({
  x: x.index([rows]).keep(),
  y: y.index([rows]).keep(),
});

/** Fashion-MNIST without its last class. */
async function loadClothes(count: number): Promise<Items> {
  const all = await loadImages('fashion', { count });
  const labels = Array.from(await all.y.data(), Number);
  return pick(
    all,
    labels.flatMap((label, i) => (label < 9 ? [i] : [])),
  );
}

/** The digits on 28 x 28 pixels. */
async function loadDigits(training: boolean): Promise<Items> {
  const { x, y } = await loadImages('digits', { train: training });
  return { x: F.interpolate(x, { size: [28, 28], mode: 'bilinear' }).keep(), y };
}

/** So many digits of each class, and 300 of the others. */
async function draw(digits: Items, seed: number): Promise<{ train: Items; validation: Items }> {
  const labels = Array.from(await digits.y.data(), Number);
  const order = Array.from(new data.Philox(seed).permutation(labels.length));
  const chosen = Array.from({ length: 10 }, (_, label) => order.filter((i) => labels[i] === label).slice(0, SHOTS));
  const rest = order.filter((i) => !chosen.flat().includes(i));
  return { train: pick(digits, chosen.flat()), validation: pick(digits, rest.slice(0, 300)) };
}

/** A network as it starts: with new weights, or with those learned from clothes and a new head. */
function begin({ start, batchNorm = false }: Variant, clothed: Reader, seed: number): Reader {
  manualSeed(seed);
  if (start === 'scratch') return new Reader(10, batchNorm);
  const model = new Reader(9, batchNorm);
  model.loadStateDict(clothed.stateDict());
  models.replaceHead(model, 10);
  return model;
}

/** The share of right images among others to choose the rate by, and among the test images. */
interface Score {
  validation: number;
  test: number;
}

/** Learns the 50 digits. */
async function learn(
  variant: Variant,
  lr: number,
  { seed, epochs }: { seed: number; epochs: number },
  clothed: Reader,
  parts: Split,
): Promise<Score> {
  const model = begin(variant, clothed, seed);
  const { frozen = false, layerDecay = 1 } = variant;
  // Features that stay as they are need to be computed only once.
  const given = ({ x, y }: Items): Items => (frozen ? { x: noGrad(() => model.features.forward(x)), y } : { x, y });
  const learner = frozen ? model.head : model;
  const layers = ['features.0', 'features.1', 'features.2', 'head'];
  const optimizer = new optim.Adam(models.paramGroups(learner, { lr, layerDecay, ...(!frozen && { layers }) }));
  const schedule = new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs);
  await train(learner, given(parts.train), { optimizer, schedule, epochs, batchSize: 25, seed });
  const score = {
    validation: await accuracyOf(learner, given(parts.validation)),
    test: await accuracyOf(learner, given(parts.test)),
  };
  model.dispose();
  return score;
}

/** A network that has learned nine kinds of clothes. */
async function learnClothes(clothes: Items, batchNorm: boolean, seed: number, epochs: number): Promise<Reader> {
  manualSeed(seed);
  const model = new Reader(9, batchNorm);
  const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
  const schedule = new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs);
  const errors = await train(model, clothes, { optimizer, schedule, epochs, batchSize: 50, seed });
  const name = batchNorm ? 'with batch norm' : 'plain';
  console.log(`seed ${seed}, ${name}: clothes, training accuracy ${percent(1 - errors[epochs - 1])}`);
  return model;
}

interface Result {
  /** The one with the best mean on the digits for choosing. */
  rate: number;
  /** Share of right test images, by seed. */
  test: number[];
  /** By rate and seed. */
  scores: Record<string, Score[]>;
}

function choose(scores: Record<string, Score[]>): Result {
  const of = (rate: number): number => mean(scores[rate].map(({ validation }) => validation));
  const rate = Object.keys(scores)
    .map(Number)
    .reduce((best, one) => (of(one) > of(best) ? one : best));
  return { rate, test: scores[rate].map(({ test }) => test), scores };
}

async function main(options: RepeatedOptions): Promise<void> {
  const { quick, seed: first, out } = options;
  const defaults = quick ? { seeds: 1, epochs: 10, images: 600 } : { seeds: 5, epochs: 40, images: 10_000 };
  const { seeds, epochs, images } = { ...defaults, ...options };
  const rates = quick ? [3e-3] : RATES;
  const clothes = await loadClothes(images);
  const [digits, test] = [await loadDigits(true), await loadDigits(false)];
  console.log(`${thousands(clothes.y.shape[0])} images of nine classes of Fashion-MNIST, then ${10 * SHOTS} digits`);
  const scores = Object.fromEntries(
    NAMES.map((name) => [name, Object.fromEntries(rates.map((rate) => [rate, [] as Score[]]))]),
  );
  for (let seed = first; seed < first + seeds; seed++) {
    const parts = { ...(await draw(digits, seed)), test };
    for (const batchNorm of [false, true]) {
      const clothed = await learnClothes(clothes, batchNorm, seed, quick ? 1 : 3);
      for (const name of NAMES.filter((one) => (VARIANTS[one].batchNorm ?? false) === batchNorm)) {
        for (const rate of rates) {
          scores[name][rate].push(await learn(VARIANTS[name], rate, { seed, epochs }, clothed, parts));
        }
        const line = rates.map((rate) => `${percent(scores[name][rate].at(-1)?.test ?? 0)} (${rate})`).join(', ');
        console.log(`  ${name.padEnd(40)}  test ${line}`);
      }
    }
  }
  const results = Object.fromEntries(NAMES.map((name) => [name, choose(scores[name])]));
  await mkdir(out, { recursive: true });
  await plots.saveBars(
    Object.fromEntries(NAMES.map((name) => [name, results[name].test.map((share) => 100 * share)])),
    join(out, 'transfer.png'),
    { title: `Digits after ${10 * SHOTS} examples`, axis: 'test accuracy, %', from: 'auto' },
  );
  const rows = NAMES.map((name) => {
    const { rate, test: shares } = results[name];
    const { start, batchNorm } = VARIANTS[name];
    const scratch = results[batchNorm ? 'batch norm, from scratch' : 'from scratch'].test;
    const gains = shares.map((share, i) => share - scratch[i]);
    const better = gains.filter((gain) => gain > 0).length;
    const against = start === 'scratch' ? ['', ''] : [percentOf(gains), `${better} of ${seeds}`];
    return [name, String(rate), percentOf(shares), ...against];
  });
  const columns = ['network', 'rate', 'test, %', 'more than from scratch, %', 'better'];
  await report(out, results, tableOf(columns, rows));
}

await runExample(() => main(studyOptions('transfer', 'From nine classes of clothes to 50 digits.', repeated)));
