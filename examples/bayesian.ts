// Bayesian optimization against random search: npm run example -- bayesian --help
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { F, manualSeed, NablaError, nn, noGrad, optim, plots, scope, selection, type Tensor, vision } from 'nabla';
import { integer, runExample } from './support.js';

const { BayesianSampler, float, RandomSampler, Study, wilcoxon } = selection;

interface Problem<S extends selection.Space = selection.Space> {
  title: string;
  space: S;
  trials: number;
  /** Random search is given so many times the trials. */
  times: number;
  objective: (trial: selection.Trial<selection.Params<S>>) => number | Promise<number>;
  /** The least value there is, where it is known. */
  minimum: number | null;
}

const problem = <S extends selection.Space>(one: Problem<S>): Problem => one as unknown as Problem;

const branin = problem({
  title: 'Branin',
  space: { x: float(-5, 10), y: float(0, 15) },
  trials: 50,
  times: 1,
  objective: ({ params: { x, y } }) =>
    (y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6) ** 2 +
    10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) +
    10,
  minimum: 0.39788735772973816,
});

const HARTMANN_A = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const HARTMANN_P = [
  [1312, 1696, 5569, 124, 8283, 5886],
  [2329, 4135, 8307, 3736, 1004, 9991],
  [2348, 1451, 3522, 2883, 3047, 6650],
  [4047, 8828, 8732, 5743, 1091, 381],
];
const unit = float(0, 1);

const hartmann = problem({
  title: 'Hartmann-6',
  space: { a: unit, b: unit, c: unit, d: unit, e: unit, f: unit },
  trials: 100,
  times: 1,
  objective: ({ params }) => {
    const x = Object.values(params);
    return -[1, 1.2, 3, 3.2].reduce((sum, c, i) => {
      const far = x.reduce((total, v, j) => total + HARTMANN_A[i][j] * (v - HARTMANN_P[i][j] / 1e4) ** 2, 0);
      return sum + c * Math.exp(-far);
    }, 0);
  },
  minimum: -3.3223680114155147,
});

const IMAGES = 600;
const EPOCHS = 10;
const BATCH = 20;

/** Learning rate and weight decay of a small CNN on few digits; the logarithm of the loss on 600 others. */
async function digits(): Promise<Problem> {
  const all = await vision.datasets.Digits.load();
  const rows = (from: number) => Array.from({ length: IMAGES }, (_, i) => from + i);
  const train = all.batch(rows(0));
  const validation = all.batch(rows(IMAGES));
  return problem({
    title: 'digits CNN',
    space: { lr: float(1e-4, 1, { log: true }), weightDecay: float(1e-6, 1e-1, { log: true }) },
    trials: 30,
    times: 3,
    objective: ({ params }) => lossOf(params, train, validation),
    minimum: null,
  });
}

type Part = [images: Tensor, labels: Tensor];

async function lossOf(
  { lr, weightDecay }: { lr: number; weightDecay: number },
  train: Part,
  held: Part,
): Promise<number> {
  // The same weights to begin with for every trial: what differs is what is searched for.
  manualSeed(1);
  const model = new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(8, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(256, 10),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9, weightDecay });
  for (let step = 0; step < (EPOCHS * IMAGES) / BATCH; step++) {
    scope(() => {
      const from = (step * BATCH) % IMAGES;
      const [x, y] = train.map((part) => part.narrow(0, from, BATCH));
      optimizer.zeroGrad();
      F.crossEntropy(model.forward(x), y).backward();
      optimizer.step();
    });
  }
  const loss = noGrad(() => F.crossEntropy(model.forward(held[0]), held[1]));
  const value = Number(await loss.item());
  loss.dispose();
  model.dispose();
  // A rate that is far too large gives any loss there is.
  return Math.log10(Number.isFinite(value) ? Math.min(value, 10) : 10);
}

/** The best value after each trial. */
async function search(one: Problem, sampler: selection.Sampler, trials: number, seed: number): Promise<number[]> {
  const study = new Study({ space: one.space, sampler, seed });
  await study.optimize(one.objective, { trials });
  let best = Number.POSITIVE_INFINITY;
  return study.trials.map(({ value }) => {
    best = Math.min(best, value as number);
    return best;
  });
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

/** The best values of both searches after each trial. */
interface Run {
  model: number[];
  random: number[];
}

/** Runs of one problem in earlier results, by the order of the files. */
async function earlier(name: string, files: readonly string[]): Promise<Run[]> {
  const all = await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, 'utf8'))));
  return all.flatMap((results: Record<string, Run[]>) => results[name] ?? []);
}

/** Runs a problem with all seeds. */
async function searchAll(one: Problem, options: Options): Promise<Run[]> {
  const runs: Run[] = [];
  const started = performance.now();
  for (let seed = options.seed; seed < options.seed + options.seeds; seed++) {
    const model = await search(one, new BayesianSampler(), one.trials, seed);
    const random = await search(one, new RandomSampler(), one.trials * one.times, seed);
    runs.push({ model, random });
    console.log(`${one.title}, seed ${seed}: ${model.at(-1)?.toPrecision(6)} against ${random.at(-1)?.toPrecision(6)}`);
  }
  console.log(`${one.title}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return runs;
}

/** Draws the runs of a problem; a row of the table. */
async function compare(one: Problem, runs: readonly Run[], out: string): Promise<string> {
  const shift = one.minimum ?? 0;
  const ends = (key: 'model' | 'random') => runs.map((run) => (run[key].at(-1) as number) - shift);
  const [model, random] = [ends('model'), ends('random')];
  const { pValue } = wilcoxon(model, random, { alternative: 'less' });
  const wins = model.filter((value, i) => value < random[i]).length;
  const shown = (values: readonly number[]) =>
    `${median(values).toPrecision(2)} (${Math.min(...values).toPrecision(2)} to ${Math.max(...values).toPrecision(2)})`;
  const log = (values: number[]) => values.map((value) => (one.minimum === null ? value : Math.log10(value - shift)));
  await plots.saveLines(
    {
      Bayesian: runs.map((run) => log(run.model)),
      random: runs.map((run) => log(run.random)),
    },
    join(out, `bayesian-${one.title.toLowerCase().replaceAll(' ', '-')}.png`),
    {
      title: `${one.title}: the best so far, ${runs.length} seeds`,
      steps: 'trial',
      axis: one.minimum === null ? 'log10 of the validation loss' : 'log10 of the distance to the minimum',
    },
  );
  const cells = [one.title, String(one.trials), shown(model), String(one.trials * one.times), shown(random)];
  return `| ${[...cells, `${wins} of ${runs.length}`, pValue.toPrecision(2)].join(' | ')} |`;
}

interface Options {
  seeds: number;
  seed: number;
  only?: string;
  merge?: string[];
  out: string;
}

function parseOptions(): Options {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  return new Command('bayesian')
    .description('Compares Bayesian optimization with random search on two functions and the digits.')
    .option('--seeds <n>', 'repetitions', integer(1), 20)
    .option('--seed <n>', 'the first of them', integer(1), 1)
    .option('--only <name>', 'branin, hartmann or digits')
    .option('--merge <files...>', 'results.json of earlier runs with other seeds, instead of searching')
    .option('--out <folder>', 'where to write', join('runs', stamp))
    .parse()
    .opts<Options>();
}

runExample(async () => {
  const options = parseOptions();
  const problems = { branin: () => branin, hartmann: () => hartmann, digits };
  const names = options.only === undefined ? Object.keys(problems) : [options.only];
  const unknown = names.find((name) => !(name in problems));
  if (unknown !== undefined) throw new NablaError('bayesian', `there is no problem ${JSON.stringify(unknown)}`);
  await mkdir(options.out, { recursive: true });
  const head = ['problem', 'trials', 'Bayesian', 'random trials', 'random', 'Bayesian better', 'p'];
  const rows = [
    `| ${head.join(' | ')} |`,
    `|---|${head
      .slice(1)
      .map(() => '---:|')
      .join('')}`,
  ];
  const results: Record<string, Run[]> = {};
  for (const name of names) {
    const one = await problems[name as keyof typeof problems]();
    results[name] = options.merge ? await earlier(name, options.merge) : await searchAll(one, options);
    if (results[name].length > 0) rows.push(await compare(one, results[name], options.out));
  }
  await writeFile(join(options.out, 'results.json'), `${JSON.stringify(results)}\n`);
  await writeFile(join(options.out, 'table.md'), `${rows.join('\n')}\n`);
  console.log(`\n${rows.join('\n')}\n\nwritten to ${relative('.', options.out)}`);
});
