// The learning curve of the models of pronunciation.ts beside PyTorch's: npx tsx examples/pronunciation-curve.ts --help
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { io, manualSeed, plots } from 'nabla';
import {
  batchesOf,
  collate,
  evaluate,
  type Kind,
  loadWords,
  makeModel,
  meanLoss,
  type Pair,
  settingsOf,
  trainerOf,
  type Words,
  warmupOf,
} from './pronunciation-model.js';
import { integer, mean, percentOf, probability, runExample, spread } from './support.js';

interface Options {
  model: Kind;
  steps: number;
  seeds: number;
  seed: number;
  batchSize: number;
  dropout?: number;
  out: string;
  python?: string;
  quick: boolean;
}

/** What one training leaves: nabla writes `nabla.json`, the script in Python `pytorch.json`. */
interface Run {
  readonly losses: readonly number[];
  /** Loss of the held-out words at each of the marks. */
  readonly held: readonly number[];
  readonly phonemeErrors: number;
  readonly wordErrors: number;
}

const MARKS = 8;
const MEASURED = 500;
const SCRIPT = fileURLToPath(new URL('pytorch/pronunciation_curve.py', import.meta.url));

/** After which steps the held-out words are looked at. */
const marksOf = (steps: number): number[] =>
  Array.from({ length: MARKS }, (_, i) => Math.round(((i + 1) * steps) / MARKS));

/** The first batches that training takes. */
function firstBatches(pairs: readonly Pair[], { batchSize, seed, steps }: Options): Pair[][] {
  const sampler = batchesOf(pairs, batchSize, seed);
  const batches: Pair[][] = [];
  for (let epoch = 0; batches.length < steps; epoch++) {
    for (const batch of sampler.batches(epoch)) batches.push(Array.from(batch, (i) => pairs[i]));
  }
  return batches.slice(0, steps);
}

/** Trains with nabla, and writes first weights, batches and what came of it. */
async function train(words: Words, folder: string, options: Options): Promise<void> {
  const { model: kind, quick, dropout, steps, seed } = options;
  manualSeed(seed);
  const model = makeModel(kind, words, { quick, dropout });
  const batches = firstBatches(words.pairs, options);
  const [held, test] = [words.held.slice(0, MEASURED), words.test.slice(0, MEASURED)];
  const { spoken, ...settings } = settingsOf(kind, words, { quick, dropout });
  const marks = marksOf(steps);
  const given = { ...settings, warmup: warmupOf(steps), seed, marks, train: batches, held };
  await mkdir(folder, { recursive: true });
  await io.saveSafetensors(join(folder, 'first.safetensors'), model.stateDict());
  await writeFile(join(folder, 'data.json'), JSON.stringify({ ...given, spoken: spoken.slice(0, MEASURED) }));
  const step = trainerOf(model, kind, steps);
  const losses: number[] = [];
  const heldLosses: number[] = [];
  for (const batch of batches) {
    const loss = step(collate(batch));
    losses.push(await loss.item());
    loss.dispose();
    if (!marks.includes(losses.length)) continue;
    model.eval();
    heldLosses.push(await meanLoss(model, held));
    model.train();
    console.log(`step ${losses.length}  loss ${losses.at(-1)?.toFixed(4)}  held-out ${heldLosses.at(-1)?.toFixed(4)}`);
  }
  const run: Run = { losses, held: heldLosses, ...(await evaluate(model.eval(), test, words)) };
  await writeFile(join(folder, 'nabla.json'), JSON.stringify(run));
}

async function trainInPython(python: string, folder: string): Promise<void> {
  const child = spawn(python, [SCRIPT, folder], { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${python} ended with ${code}`);
}

const shown = (values: readonly number[]): string => `${mean(values).toFixed(4)} ± ${spread(values).toFixed(4)}`;

/** Mean and standard deviation over the seeds, in Markdown. */
function printTable(nabla: readonly Run[], pytorch: readonly Run[], steps: number): void {
  const marks = marksOf(steps);
  const around = (run: Run, i: number): number => mean(run.losses.slice(i === 0 ? 0 : marks[i - 1], marks[i]));
  const row = (title: string, cells: readonly string[]) => console.log(`| ${title} | ${cells.join(' | ')} |`);
  row('steps', ['training loss', 'PyTorch', 'held-out loss', 'PyTorch']);
  console.log('|---|---|---|---|---|');
  for (const [i, mark] of marks.entries()) {
    const cells = [(run: Run) => around(run, i), (run: Run) => run.held[i]].flatMap((value) => [
      shown(nabla.map(value)),
      shown(pytorch.map(value)),
    ]);
    row(`${i === 0 ? 1 : marks[i - 1] + 1} to ${mark}`, cells);
  }
  for (const key of ['phonemeErrors', 'wordErrors'] as const) {
    const rates = [nabla, pytorch].map((runs) => `${percentOf(runs.map((run) => run[key]))} %`);
    console.log(`${key === 'phonemeErrors' ? 'phoneme' : 'word'} errors: ${rates[0]}; PyTorch ${rates[1]}`);
  }
  const apart = nabla.map((run, i) => Math.max(...run.losses.map((x, at) => Math.abs(x / pytorch[i].losses[at] - 1))));
  console.log(`largest difference of a step's losses: ${Math.max(...apart).toExponential(1)} of their size`);
}

/** Means of ten steps each. */
const byTens = ({ losses }: Run): number[] =>
  Array.from({ length: Math.floor(losses.length / 10) }, (_, i) => mean(losses.slice(10 * i, 10 * i + 10)));

const readRun = async (folder: string, name: string): Promise<Run> =>
  JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as Run;

async function main(options: Options): Promise<void> {
  const { model: kind, out, seeds, python, steps } = options;
  const folders = Array.from({ length: seeds }, (_, i) => join(out, `${kind}-${options.seed + i}`));
  const words = loadWords(options.quick);
  for (const [i, folder] of folders.entries()) {
    const has = (name: string) => existsSync(join(folder, `${name}.json`));
    console.log(folder);
    if (!has('nabla')) await train(words, folder, { ...options, seed: options.seed + i });
    if (python !== undefined && !has('pytorch')) await trainInPython(python, folder);
    if (!has('pytorch')) console.log(`PyTorch: python ${SCRIPT} ${folder}`);
  }
  if (folders.some((folder) => !existsSync(join(folder, 'pytorch.json')))) return;
  const nabla = await Promise.all(folders.map((folder) => readRun(folder, 'nabla')));
  const pytorch = await Promise.all(folders.map((folder) => readRun(folder, 'pytorch')));
  console.log();
  printTable(nabla, pytorch, steps);
  const picture = join(out, `${kind}.png`);
  const look = { title: `Pronunciation, ${kind}: training loss`, axis: 'loss', steps: 'tens of steps' };
  await plots.saveLines({ nabla: nabla.map(byTens), PyTorch: pytorch.map(byTens) }, picture, look);
  console.log(`written to ${picture}`);
}

await runExample(() =>
  main(
    new Command('pronunciation-curve')
      .description('Trains a model of the pronunciation example from the same weights on the same batches as PyTorch.')
      .addOption(new Option('--model <kind>', 'which model').choices(['lstm', 'transformer']).default('transformer'))
      .option('--steps <n>', 'training steps', integer(MARKS), 400)
      .option('--seeds <n>', 'repetitions, with the next seeds', integer(1), 3)
      .option('--seed <n>', 'of weights, batches and dropout', integer(0), 1)
      .option('--batch-size <n>', 'words per step', integer(1), 128)
      .option('--dropout <p>', "instead of the model's; with 0 both libraries compute the same", probability)
      .option('--out <folder>', 'what is there already is not done again', join('runs', 'pronunciation-curve'))
      .option('--python <command>', 'a Python that has PyTorch: trains there too, then prints both')
      .option('--quick', '3,000 words and a small model', false)
      .parse()
      .opts<Options>(),
  ),
);
