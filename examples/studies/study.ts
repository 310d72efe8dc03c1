// What the studies share: images as tensors, a table, a folder for the results.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { callbacks, data, metrics, nn, noGrad, optim, type Tensor, Trainer, type TrainerOptions, vision } from 'nabla';
import { integer, thousands } from '../support.js';

/** Options of every study. */
export interface StudyOptions {
  quick: boolean;
  seed: number;
  out: string;
}

/** Options of the studies that train with several seeds. */
export interface RepeatedOptions extends StudyOptions {
  seeds?: number;
  epochs?: number;
  images?: number;
}

/** The command line of a study: `--quick`, `--seed`, `--out` and what `more` adds. */
export function studyOptions<T extends StudyOptions>(
  name: string,
  about: string,
  more: (command: Command) => Command = (command) => command,
): T {
  const command = new Command(name)
    .description(about)
    .option('--quick', 'a small run: seconds', false)
    .option('--seed <n>', 'of weights and order', integer(0), 1)
    .option('--out <folder>', 'where to write', join('runs', name));
  return more(command).parse().opts<T>();
}

/** Adds `--seeds`, `--epochs` and `--images` to a command line. */
export const repeated = (command: Command): Command =>
  command
    .option('--seeds <n>', 'repetitions, with the next seeds', integer(1))
    .option('--epochs <n>', 'times through the training images', integer(1))
    .option('--images <n>', 'training images', integer(1));

/** Images and their labels. */
export interface Items {
  x: Tensor;
  y: Tensor;
}

/** So many images `[N, 1, H, W]` with mean 0 and variance 1, and their labels `[N]`; of Fashion-MNIST or the digits. */
export async function loadImages(
  which: 'digits' | 'fashion',
  part: { count?: number; train?: boolean } = {},
): Promise<Items> {
  const source = await (which === 'digits' ? vision.datasets.Digits : vision.datasets.FashionMNIST).load({
    train: part.train ?? true,
  });
  const [images, y] = source.batch(
    Array.from({ length: Math.min(part.count ?? source.length, source.length) }, (_, i) => i),
  );
  const [mean, deviation] = which === 'digits' ? [0.3053, 0.376] : [0.286, 0.353];
  const x = images.sub(mean).div(deviation).keep();
  images.dispose();
  return { x, y: y.keep() };
}

/** How {@link train} trains. */
export interface Recipe {
  optimizer: TrainerOptions['optimizer'];
  /** Runs once an epoch. */
  schedule: optim.lrScheduler.LRScheduler;
  epochs: number;
  batchSize: number;
  /** Of the order of the images. */
  seed: number;
}

/** Trains a classifier; gives the share of training images that it got wrong in each epoch, while it learned. */
export async function train(model: nn.Module, { x, y }: Items, recipe: Recipe): Promise<number[]> {
  const { optimizer, schedule, epochs, batchSize, seed } = recipe;
  const trainer = new Trainer({
    model,
    loss: new nn.CrossEntropyLoss(),
    optimizer,
    metrics: [metrics.accuracy()],
    callbacks: [new callbacks.LearningRateSchedule(schedule)],
  });
  const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize, shuffle: true, seed });
  const history = await trainer.fit(loader, { epochs, progress: false });
  return history.epochs.map(({ accuracy }) => 1 - accuracy);
}

/** The share of images that a classifier gets right, in evaluation. */
export async function accuracyOf(model: nn.Module, { x, y }: Items): Promise<number> {
  let right = 0;
  model.eval();
  for await (const [images, labels] of new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 500 })) {
    right += await noGrad(() => model.forward(images).argmax(1).eq(labels).sum()).item();
    for (const tensor of [images, labels]) tensor.dispose();
  }
  return right / y.shape[0];
}

/** Training and test images of a study of small networks, and what to call them. */
export interface Split {
  training: Items;
  test: Items;
  title: string;
}

/** So many images of Fashion-MNIST; of the digits for a quick run. */
export async function loadSplit(quick: boolean, counts: { training: number; test: number }): Promise<Split> {
  const which = quick ? 'digits' : 'fashion';
  const training = await loadImages(which, { count: counts.training });
  const test = await loadImages(which, { count: counts.test, train: false });
  const title = `${thousands(training.y.shape[0])} images of ${quick ? 'the UCI digits' : 'Fashion-MNIST'}`;
  return { training, test, title };
}

/** Trains with Adam on a cosine, batches of 50; the share of right training and test images. Disposes the model. */
export async function trainAndTest(
  model: nn.Module,
  { training, test }: Split,
  { epochs, seed }: { epochs: number; seed: number },
): Promise<{ training: number; test: number }> {
  const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
  const schedule = new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs);
  await train(model, training, { optimizer, schedule, epochs, batchSize: 50, seed });
  const result = { training: await accuracyOf(model, training), test: await accuracyOf(model, test) };
  model.dispose();
  return result;
}

/** Runs each variant with each seed, and says in a line what came out. */
export async function eachSeed<N extends string, R>(
  names: readonly N[],
  { seed: first, seeds }: { seed: number; seeds: number },
  run: (name: N, seed: number) => Promise<R>,
  lineOf: (result: R) => string,
): Promise<Record<N, R[]>> {
  const width = Math.max(...names.map((name) => name.length));
  const results = {} as Record<N, R[]>;
  for (const name of names) {
    results[name] = [];
    for (let seed = first; seed < first + seeds; seed++) {
      const started = performance.now();
      const result = await run(name, seed);
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      console.log(`${name.padEnd(width)}  seed ${seed}: ${lineOf(result)}  (${seconds} s)`);
      results[name].push(result);
    }
  }
  return results;
}

export const parametersOf = (model: nn.Module): number => model.parameters().reduce((sum, { numel }) => sum + numel, 0);

/** A table in Markdown; the first column holds names. */
export function tableOf(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    `|---|${columns
      .slice(1)
      .map(() => '---:|')
      .join('')}`,
    ...rows.map(line),
  ].join('\n');
}

/** Writes results.json and table.md, prints the table. */
export async function report(out: string, results: unknown, table: string): Promise<void> {
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'results.json'), `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(join(out, 'table.md'), `${table}\n`);
  console.log(`\n${table}\n\nwritten to ${relative('.', out) || '.'}`);
}
