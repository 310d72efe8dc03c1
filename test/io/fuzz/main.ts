// npm run fuzz:formats -- [--seconds 60] [--seed N] [--target name] [--replay target:seed:trial]
// The trials run in a process of their own with little memory: when it ends, the trial it had begun is printed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { fileOf, tryFile } from './run.js';
import { type Target, targets } from './targets.js';

const program = new Command('fuzz:formats').description('Gives damaged and hostile files to every reader.');
program
  .option('--seconds <n>', 'how long', '60')
  .option('--seed <n>', 'where to begin', String(Date.now() % 2 ** 31))
  .option('--target <name>', 'only this reader')
  .option('--replay <target:seed:trial>', 'one trial again')
  .option('--keep <file>', 'with --replay: writes the file of the trial')
  .option('--worker <log>', 'internal: run here, note each trial in this file')
  .parse();
const options = program.opts<{
  seconds: string;
  seed: string;
  target?: string;
  replay?: string;
  keep?: string;
  worker?: string;
}>();

/** JavaScript's heap of the worker in MB: a file that fills it ends the worker. */
const HEAP_MB = 256;
const MAX_RSS = 2 ** 30;

function named(name: string): Target {
  const found = targets().find((target) => target.name === name);
  if (found) return found;
  console.error(
    `no target ${name}; there are ${targets()
      .map((target) => target.name)
      .join(', ')}`,
  );
  process.exit(2);
}

async function replay(text: string): Promise<void> {
  const [name, seed, trial] = text.split(':');
  const target = named(name);
  const bytes = fileOf(target, Number(seed), Number(trial));
  if (options.keep !== undefined) writeFileSync(options.keep, bytes);
  const { accepted, problem } = await tryFile(target, bytes);
  console.log(`${text}: ${bytes.length} bytes, ${problem ?? (accepted ? 'accepted' : 'refused')}`);
  process.exitCode = problem === undefined ? 0 : 1;
}

async function work(log: string): Promise<void> {
  const list = options.target === undefined ? targets() : [named(options.target)];
  const note = openSync(log, 'w');
  const seed = Number(options.seed);
  const end = performance.now() + Number(options.seconds) * 1000;
  let [trials, accepted, failures] = [0, 0, 0];
  for (let trial = 0; performance.now() < end; trial++) {
    for (const target of list) {
      const line = `${target.name}:${seed}:${trial}`;
      writeSync(note, `${line}\n`.padEnd(60), 0);
      const outcome = await tryFile(target, fileOf(target, seed, trial));
      trials++;
      if (outcome.accepted) accepted++;
      if (outcome.problem === undefined && process.memoryUsage.rss() < MAX_RSS) continue;
      failures++;
      console.log(
        `\n${outcome.problem ?? 'the process has grown too large'}\n  npm run fuzz:formats -- --replay ${line}`,
      );
      if (failures >= 20) break;
    }
    if (failures >= 20) break;
  }
  const names = list.map(({ name }) => name).join(', ');
  console.log(`fuzz:formats: ${trials} files (${accepted} accepted) for ${names}; ${failures} failures, seed ${seed}`);
  process.exitCode = failures > 0 || trials < list.length ? 1 : 0;
}

function supervise(): void {
  const dir = mkdtempSync(join(tmpdir(), 'nabla-fuzz-'));
  const log = join(dir, 'trial');
  try {
    const args = [`--max-old-space-size=${HEAP_MB}`, ...process.execArgv, ...process.argv.slice(1)];
    const env = { ...process.env, NABLA_GUARD_PAGES: '1' };
    const own = [...args, '--worker', log, '--seed', options.seed];
    const { status, signal } = spawnSync(process.execPath, own, { stdio: 'inherit', env });
    if (signal !== null || (status !== 0 && status !== 1)) {
      const line = readFileSync(log, 'utf8').split('\n')[0];
      console.log(`\nthe process ended: ${signal ?? status}\n  npm run fuzz:formats -- --replay ${line}`);
    }
    process.exitCode = status ?? 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

if (options.replay !== undefined) await replay(options.replay);
else if (options.worker !== undefined) await work(options.worker);
else supervise();
