// npm run bench -- list | train-step | ops | workloads [--python PATH] [--rounds N] [--steps N] [--only NAME]
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { Contest, type Contestant, interleave, table } from './harness.js';
import { CASES, runOps } from './ops.js';

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

/** nabla and PyTorch, each with the worker of this name. */
const pair = (name: string, python: string): Contestant[] => [
  { name: 'nabla', command: process.execPath, args: [worker(`${name}.mjs`)], env: { NABLA_NUM_THREADS: '2' } },
  { name: 'PyTorch', command: python, args: [worker(`${name}.py`)] },
];

async function ops(options: Options): Promise<void> {
  const contest = new Contest(pair('ops', options.python));
  await contest.start();
  const plan = { rounds: Number(options.rounds), steps: Number(options.steps), warmup: 3 };
  const results = await runOps(contest, plan, options.only);
  contest.stop();
  save(options, { name: 'ops', plan, results });
}

const program = new Command('bench').description('Times nabla against PyTorch, in turn, in one run.');
program
  .command('list')
  .description('names of the benchmarks')
  .action(() => {
    for (const [name, { title }] of Object.entries(benchmarks)) console.log(`${name.padEnd(14)} ${title}`);
    console.log(`${'ops'.padEnd(14)} single operations: ${CASES.map(({ name }) => name).join(', ')}`);
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
program
  .command('ops')
  .description('single operations, one row each')
  .option('--python <path>', 'an interpreter that has torch', 'python3')
  .option('--rounds <n>', 'turns of each contestant', '7')
  .option('--steps <n>', 'steps per turn', '5')
  .option('--only <text>', 'rows whose name contains it')
  .option('--json <path>', 'write the raw times')
  .action(ops);
await program.parseAsync();
