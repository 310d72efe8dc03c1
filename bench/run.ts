// npm run bench -- list | train-step | ops | layers | workloads [--python PATH] [--rounds N] [--steps N] [--only NAME]
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { Contest, type Contestant, interleave, table } from './harness.js';
import { LAYER_CASES } from './layers.js';
import { CASES, type Case, runCases } from './ops.js';
import { WORKLOADS } from './workloads/index.js';

const here = dirname(fileURLToPath(import.meta.url));
const worker = (name: string): string => join(here, 'workers', name);

interface Options {
  python: string;
  rounds: string;
  steps: string;
  json?: string;
  only?: string;
}

interface Benchmark {
  readonly title: string;
  contestants(python: string): Contestant[];
}

const benchmarks: Record<string, Benchmark> = {
  'train-step': {
    title: 'DeepConvNet training step, batch 100 (forward, backward, Adam), float32, 2 threads',
    contestants: (python) => [
      {
        name: 'nabla',
        command: process.execPath,
        args: [worker('train_step.mjs')],
        env: { NABLA_NUM_THREADS: '2' },
      },
      { name: 'PyTorch, default', command: python, args: [worker('train_step.py'), 'eager'] },
      { name: 'PyTorch, channels_last + fused Adam', command: python, args: [worker('train_step.py'), 'tuned'] },
    ],
  },
};

async function run(name: string, options: Options): Promise<void> {
  const benchmark = benchmarks[name];
  const plan = { rounds: Number(options.rounds), steps: Number(options.steps), warmup: 10 };
  const results = await interleave(benchmark.contestants(options.python), plan);
  process.stdout.write(table(benchmark.title, results));
  save(options, { name, plan, results });
  if (results[0].times.length === 0) process.exitCode = 1;
}

function save(options: Options, content: object): void {
  if (!options.json) return;
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, JSON.stringify(content, null, 2));
}

interface Rows {
  readonly title: string;
  readonly cases: readonly Case[];
  readonly rounds: string;
  readonly steps: string;
  contestants(python: string): Contestant[];
}

const ours = (args: string[]): Contestant => ({
  name: 'nabla',
  command: process.execPath,
  args,
  env: { NABLA_NUM_THREADS: '2' },
});

/** Benchmarks of many rows, whose workers take the name of a row. */
const tables: Record<string, Rows> = {
  ops: {
    title: 'Single operations',
    cases: CASES,
    rounds: '7',
    steps: '5',
    contestants: (python) => [
      ours([worker('ops.mjs')]),
      { name: 'PyTorch', command: python, args: [worker('ops.py')] },
    ],
  },
  layers: {
    title: 'Layers',
    cases: LAYER_CASES,
    rounds: '7',
    steps: '5',
    contestants: (python) => [
      ours([worker('layers.mjs')]),
      { name: 'PyTorch', command: python, args: [worker('layers.py')] },
    ],
  },
  workloads: {
    title: 'Nine workloads',
    cases: Object.entries(WORKLOADS).map(([name, [text]]) => ({ name, text: `${name} ${text}` })),
    rounds: '5',
    steps: '3',
    contestants: (python) => [
      ours(['--import', 'tsx', join(here, 'workloads', 'worker.ts')]),
      { name: 'PyTorch', command: python, args: [join(here, 'workloads', 'workloads.py')] },
    ],
  },
};

async function runTable(name: string, options: Options): Promise<void> {
  const { title, cases, contestants } = tables[name];
  const contest = new Contest(contestants(options.python));
  await contest.start();
  const plan = { rounds: Number(options.rounds), steps: Number(options.steps), warmup: 2 };
  const results = await runCases(title, cases, contest, plan, options.only);
  contest.stop();
  save(options, { name, plan, results });
  if (results.every(([own]) => own.times.length === 0)) process.exitCode = 1;
}

const program = new Command('bench').description('Times nabla against PyTorch, in turn, in one run.');
program
  .command('list')
  .description('names of the benchmarks')
  .action(() => {
    for (const [name, { title }] of Object.entries(benchmarks)) console.log(`${name.padEnd(14)} ${title}`);
    for (const [name, { title, cases }] of Object.entries(tables)) {
      console.log(`${name.padEnd(14)} ${title}: ${cases.map((row) => row.name).join(', ')}`);
    }
  });
for (const [name, { title }] of Object.entries(benchmarks)) {
  program
    .command(name)
    .description(title)
    .option('--python <path>', 'an interpreter that has torch', 'python3')
    .option('--rounds <n>', 'turns of each contestant', '10')
    .option('--steps <n>', 'steps per turn', '20')
    .option('--json <path>', 'write the raw times')
    .action((options: Options) => run(name, options));
}
for (const [name, { title, rounds, steps }] of Object.entries(tables)) {
  program
    .command(name)
    .description(`${title}, one row each`)
    .option('--python <path>', 'an interpreter that has torch', 'python3')
    .option('--rounds <n>', 'turns of each contestant', rounds)
    .option('--steps <n>', 'steps per turn', steps)
    .option('--only <text>', 'rows whose name contains it')
    .option('--json <path>', 'write the raw times')
    .action((options: Options) => runTable(name, options));
}
await program.parseAsync();
