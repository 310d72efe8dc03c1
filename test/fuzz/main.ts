// npm run fuzz -- [--seconds 60] [--seed N] [--op name] [--replay '<line>']
// The calls run in a process of their own: when it crashes, the last call it had begun is printed.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import '../reference/index.js';
import { DTYPE_CODES } from '../../lib/tensor/dtype.js';
import { setAvailable } from '../reference/draw.js';
import { type Entry, entries } from '../reference/entry.js';
import { generator } from '../reference/numbers.js';
import { problemOf } from './check.js';
import { callFrom, callText, lineOf } from './line.js';
import { callOf, type Failure, seeds, trialOf, tryOnce } from './run.js';

setAvailable(Object.keys(DTYPE_CODES));

const program = new Command('fuzz').description('Compares random calls with a second implementation.');
program
  .option('--seconds <n>', 'how long', '60')
  .option('--seed <n>', 'where to begin', String(Date.now() % 2 ** 31))
  .option('--op <name>', 'only entries of this name, or with it before a #')
  .option('--replay <line>', 'one call again')
  .option('--worker <log>', 'internal: run here, note each call in this file')
  .parse();
const options = program.opts<{ seconds: string; seed: string; op?: string; replay?: string; worker?: string }>();

const shell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function report({ call, problem }: Failure): void {
  console.log(`\n${callText(call)} [${call.form}]\n  ${problem}\n  npm run fuzz -- --replay ${shell(lineOf(call))}`);
}

function replay(line: string): void {
  const call = callFrom(line);
  const problem = problemOf(call);
  if (problem === undefined) console.log(`${callText(call)} [${call.form}]: as the reference says`);
  else report({ call, problem });
  process.exitCode = problem === undefined ? 0 : 1;
}

function chosen(): Entry[] {
  const list = [...entries.values()].filter(
    ({ name }) => options.op === undefined || name === options.op || name.split('#')[0] === options.op,
  );
  if (list.length > 0) return list;
  console.error(`no entry ${options.op}`);
  process.exit(2);
}

/** Each entry in turn, until the time is over; an entry that failed three times rests. */
function work(log: string): void {
  const list = chosen();
  const file = openSync(log, 'w');
  const next = generator(Number(options.seed));
  const seedOf = seeds(Number(options.seed));
  const failed = new Map<string, number>();
  const end = performance.now() + Number(options.seconds) * 1000;
  let calls = 0;
  let gradients = 0;
  while (performance.now() < end) {
    for (const entry of list) {
      const trial = trialOf(entry, next);
      const seed = seedOf();
      if ((failed.get(entry.name) ?? 0) >= 3) continue;
      writeSync(file, `${JSON.stringify([entry.name, trial.gradient, seed])}\n`, 0);
      const failure = tryOnce(trial, seed);
      calls++;
      if (trial.gradient) gradients++;
      if (!failure) continue;
      failed.set(entry.name, (failed.get(entry.name) ?? 0) + 1);
      report(failure);
    }
  }
  closeSync(file);
  const bad = [...failed.values()].reduce((sum, n) => sum + n, 0);
  const names = new Set(list.map(({ name }) => name.split('#')[0]));
  console.log(
    `fuzz: ${calls} calls (${gradients} with gradients) of ${names.size} functions, ${bad} failures, seed ${options.seed}`,
  );
  if (calls < list.length) console.log('fuzz: the time was too short for one call of each');
  process.exitCode = bad > 0 || calls < list.length ? 1 : 0;
}

/** Runs the worker; a crash is a failure with the call that it had begun. */
function supervise(): void {
  const dir = mkdtempSync(join(tmpdir(), 'nabla-fuzz-'));
  const log = join(dir, 'call');
  try {
    const own = process.argv.slice(1);
    const args = [...process.execArgv, ...own, '--worker', log, '--seed', options.seed];
    const { status, signal } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    if (signal !== null || (status !== 0 && status !== 1)) {
      const [name, gradient, seed] = JSON.parse(readFileSync(log, 'utf8').split('\n')[0]) as [string, boolean, number];
      const call = callOf({ entry: entries.get(name) as Entry, gradient }, seed);
      report({ call, problem: `the process ended: ${signal ?? status}` });
    }
    process.exitCode = status ?? 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

if (options.replay !== undefined) replay(options.replay);
else if (options.worker !== undefined) work(options.worker);
else supervise();
