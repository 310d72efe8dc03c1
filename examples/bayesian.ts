// Bayesian optimization against random search: npm run example -- bayesian --help
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { F, manualSeed, NablaError, nn, noGrad, optim, plots, scope, selection, type Tensor, vision } from 'nabla';
import { BRANIN_MINIMUM, branin as braninAt, HARTMANN6_MINIMUM, hartmann6 } from './functions.js';
import { integer, mean, runExample } from './support.js';

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
  objective: ({ params: { x, y } }) => braninAt(x, y),
  minimum: BRANIN_MINIMUM,
});

const unit = float(0, 1);

const hartmann = problem({
  title: 'Hartmann-6',
  space: { a: unit, b: unit, c: unit, d: unit, e: unit, f: unit },
  trials: 100,
  times: 1,
  objective: ({ params: { a, b, c, d, e, f } }) => hartmann6([a, b, c, d, e, f]),
  minimum: HARTMANN6_MINIMUM,
});

// The set-up of the digits, fixed before the first of its runs: learning rate and weight decay of a small CNN, over ranges
// far wider than anybody would search; the logarithm of the mean loss of five folds, each held out once, so that the last
// bits of a training count for little. Every trial has the same folds, first weights and order of images.
const FOLDS = 5;
const EPOCHS = 3;
const BATCH = 32;

async function digits(): Promise<Problem> {
  const all = await vision.datasets.Digits.load();
  const splitter = new selection.StratifiedKFold(FOLDS, { shuffle: true, seed: 1 });
  const folds = [...splitter.split(all, all.labels)].map(
    ([train, test]) => [all.batch(train), all.batch(test)] as Fold,
  );
  return problem({
    title: 'digits CNN',
    space: { lr: float(1e-5, 1, { log: true }), weightDecay: float(1e-7, 1e-1, { log: true }) },
    trials: 15,
    times: 3,
    objective: async ({ params }) => {
      const losses: number[] = [];
      for (const [i, fold] of folds.entries()) losses.push(await lossOf(params, fold, i));
      return Math.log10(mean(losses));
    },
    minimum: null,
  });
}

type Part = [images: Tensor, labels: Tensor];
type Fold = [train: Part, held: Part];

async function lossOf(
  { lr, weightDecay }: { lr: number; weightDecay: number },
  [train, held]: Fold,
  fold: number,
): Promise<number> {
  // The same weights to begin with for every trial: what differs is what is searched for.
  manualSeed(fold + 1);
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
  const steps = Math.floor(train[1].shape[0] / BATCH);
  for (let step = 0; step < EPOCHS * steps; step++) {
    scope(() => {
      const [x, y] = train.map((part) => part.narrow(0, (step % steps) * BATCH, BATCH));
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
  return Number.isFinite(value) ? Math.min(value, 10) : 10;
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
