// What RNN, LSTM and GRU can remember: npx tsx examples/long-sums.ts --help
import { Command } from 'commander';
import {
  data,
  F,
  Generator,
  manualSeed,
  nn,
  noGrad,
  optim,
  rand,
  randint,
  scope,
  stack,
  type Tensor,
  tensor,
  vision,
} from 'nabla';
import { dump, integer, percent, runExample } from './support.js';

interface Options {
  steps: number;
  epochs: number;
  lengths: number[];
  seed: number;
  quick?: boolean;
  dump?: string;
}

const CELLS = ['RNN', 'LSTM', 'GRU'] as const;
type Cell = (typeof CELLS)[number];

const HIDDEN = 64;
const BATCH = 50;
const LEARNING_RATE = 2e-3;
/** The mean squared error of one who always says 1: the variance of the sum of two numbers from 0 to 1. */
const GUESSING = 1 / 6;

/** A recurrent layer and what its last output says. */
class LastOutput extends nn.Module {
  layer: nn.RNN | nn.LSTM | nn.GRU;
  head: nn.Linear;

  constructor(cell: Cell, inputs: number, outputs: number) {
    super();
    this.layer = new nn[cell](inputs, HIDDEN, { batchFirst: true });
    this.head = new nn.Linear(HIDDEN, outputs);
    if (this.layer instanceof nn.LSTM) rememberAtFirst(this.layer);
  }

  forward(x: Tensor): Tensor {
    const [output] = (this.layer as nn.RNN).forward(x); // the state differs, the output does not
    return this.head.forward(output.select(1, -1));
  }
}

/** A forget gate that is open at first lets the gradient through (Gers et al., 2000). */
function rememberAtFirst(lstm: nn.LSTM): void {
  for (const [name, parameter] of lstm.namedParameters()) {
    if (name === 'bias_ih_l0') noGrad(() => nn.init.ones_(parameter.narrow(0, HIDDEN, HIDDEN)));
  }
}

/**
 * The adding problem: numbers from 0 to 1, two of which are marked, one in each half; the answer is their sum.
 * Source: Hochreiter and Schmidhuber, Neural Computation 9 (8), 1997.
 * @returns x `[N, T, 2]`, y `[N, 1]`
 */
function addingProblem(count: number, length: number, generator: Generator): [x: Tensor, y: Tensor] {
  const half = Math.floor(length / 2);
  const numbers = rand([count, length], { generator });
  const place = (from: number, to: number) => randint(from, to, [count, 1], { generator, dtype: 'int64' });
  const marks = tensor(new Float32Array(count * length), { shape: [count, length] });
  for (const at of [place(0, half), place(half, length)]) marks.scatter_(1, at, 1);
  return [stack([numbers, marks], 2), numbers.mul(marks).sum(1, { keepdim: true })];
}

async function learnSums(cell: Cell, length: number, options: Options): Promise<number> {
  manualSeed(options.seed);
  const generator = new Generator(options.seed);
  const model = new LastOutput(cell, 2, 1);
  const optimizer = new optim.Adam(model.parameters(), { lr: LEARNING_RATE });
  for (let step = 1; step <= options.steps; step++) {
    const loss = scope(() => {
      const [x, y] = addingProblem(BATCH, length, generator);
      const value = F.mseLoss(model.forward(x), y);
      optimizer.zeroGrad();
      value.backward();
      nn.utils.clipGradNorm_(model.parameters(), 1);
      optimizer.step();
      return value;
    });
    if (step % 20 === 0) await loss.item(); // do not queue more than that
  }
  return noGrad(() => {
    const [x, y] = addingProblem(1000, length, new Generator(options.seed + 1));
    return F.mseLoss(model.forward(x), y);
  }).item();
}

/** Digits as sequences of rows, or of single pixels. */
async function readDigits(cell: Cell, pixels: number, options: Options): Promise<number> {
  manualSeed(options.seed);
  const [train, test] = await Promise.all([
    vision.datasets.Digits.load(),
    vision.datasets.Digits.load({ train: false }),
  ]);
  const model = new LastOutput(cell, pixels, 10);
  const optimizer = new optim.Adam(model.parameters(), { lr: LEARNING_RATE });
  const sequence = (images: Tensor) => images.reshape([images.shape[0], -1, pixels]);
  const loader = new data.DataLoader(train, { batchSize: BATCH, shuffle: true, seed: options.seed });
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    for (const [images, labels] of loader as Iterable<data.LabeledBatch>) {
      const loss = scope(() => {
        const value = F.crossEntropy(model.forward(sequence(images)), labels);
        optimizer.zeroGrad();
        value.backward();
        nn.utils.clipGradNorm_(model.parameters(), 1);
        optimizer.step();
        return value;
      });
      await loss.item();
    }
  }
  const [images, labels] = test.batch(Array.from({ length: test.length }, (_, i) => i));
  const right = noGrad(() => model.forward(sequence(images)).argmax(1).eq(labels).sum());
  return (await right.item()) / test.length;
}

/** All digits as lists of 64 pixels, and what they are. */
async function digits(train: boolean) {
  const all = await vision.datasets.Digits.load({ train });
  const [images, labels] = all.batch(Array.from({ length: all.length }, (_, i) => i));
  const [pixels, answers] = [await images.reshape([all.length, -1]).toArray(), await labels.toArray()];
  return { pixels, labels: (answers as (number | bigint)[]).map(Number) };
}

async function printRow(title: string, measure: (cell: Cell) => Promise<string>): Promise<void> {
  const cells: string[] = [];
  for (const cell of CELLS) cells.push(await measure(cell));
  console.log(`| ${title} | ${cells.join(' | ')} |`);
}

await runExample(async () => {
  const options = new Command('long-sums')
    .description('What RNN, LSTM and GRU can remember: the adding problem, and digits pixel by pixel.')
    .option('--steps <n>', 'steps of training for each length of the adding problem', integer(1), 1500)
    .option('--epochs <n>', 'times through the training digits', integer(1), 25)
    .option('--lengths <n...>', 'lengths of the sums', (text, list: number[] = []) => [...list, integer(4)(text)])
    .option('--seed <n>', 'where all random numbers come from', integer(0), 1)
    .option('--quick', 'short sums and few steps')
    .option('--dump <folder>', 'write digits and sizes for examples/pytorch/long_sums.py and end')
    .parse()
    .opts<Options>();
  options.lengths ??= [10, 40, 80];
  if (options.quick) Object.assign(options, { lengths: [8], steps: 250, epochs: 3 });
  if (options.dump !== undefined) {
    const { steps, epochs, lengths } = options;
    const settings = { steps, epochs, lengths, hidden: HIDDEN, batchSize: BATCH, lr: LEARNING_RATE };
    return dump(options.dump, 'long-sums', { ...settings, train: await digits(true), test: await digits(false) });
  }
  console.log(`| | ${CELLS.join(' | ')} |\n|---|---|---|---|`);
  for (const length of options.lengths) {
    await printRow(
      `sum of 2 of ${length} numbers, mean squared error (guessing: ${GUESSING.toFixed(3)})`,
      async (cell) => (await learnSums(cell, length, options)).toFixed(4),
    );
  }
  for (const [title, pixels] of [
    ['8 rows', 8],
    ['64 pixels', 1],
  ] as const) {
    await printRow(`digits as ${title}, accuracy`, async (cell) => percent(await readDigits(cell, pixels, options)));
  }
});
