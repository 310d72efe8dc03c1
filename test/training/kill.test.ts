// A run that is killed at random moments, again and again, ends with the same bits as one that nobody disturbed.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Philox } from '../../lib/data/index.js';

const PROGRAM = fileURLToPath(new URL('../runtime/programs/resume.mjs', import.meta.url));
const KILLS = 20;
const SEED = Number(process.env.NABLA_KILL_SEED ?? Math.floor(Date.now() / 1000) % 1_000_000);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nabla-kill-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  status: string;
  /** What it printed last; of a killed one nothing that counts. */
  result: string;
  /** The step it went on from. */
  from: number;
  /** Milliseconds to the beginning of the training, and from there to the end. */
  startup: number;
  training: number;
  stderr: string;
}

/** Runs the program; kills it `delay` ms after its start or, with `training`, after its training has begun. */
function run(name: string, kill?: { delay: number; training: boolean }): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, join(folder, name)], {
    env: { ...process.env, NABLA_NUM_THREADS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const started = performance.now();
  let [stdout, stderr, ready] = ['', '', 0];
  const timers: NodeJS.Timeout[] = [setTimeout(() => child.kill('SIGKILL'), 60_000)];
  const arm = (): void => void timers.push(setTimeout(() => child.kill('SIGKILL'), kill?.delay));
  if (kill && !kill.training) arm();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (ready > 0 || !stdout.includes('ready')) return;
    ready = performance.now();
    if (kill?.training) arm();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      for (const timer of timers) clearTimeout(timer);
      const from = Number(/^from (\d+)$/m.exec(stdout)?.[1] ?? -1);
      const result = stdout.trimEnd().split('\n').at(-1) ?? '';
      const times = { startup: ready - started, training: performance.now() - ready };
      resolve({ status: String(signal ?? code), result, from, ...times, stderr });
    });
  });
}

it(`${KILLS} times SIGKILL, and the same bits`, { timeout: 200_000 }, async () => {
  const undisturbed = await run('undisturbed');
  expect(undisturbed.status, undisturbed.stderr).toBe('0');
  const { startup, training } = undisturbed;
  console.log(`seed ${SEED}; undisturbed: ${Math.round(startup)} ms to start, ${Math.round(training)} ms to train`);

  const random = new Philox(SEED);
  const number = (): number => random.nextUint32() / 2 ** 32;
  const froms = new Set<number>();
  let [kills, finished, chain] = [0, 0, 0];
  const lane = async (): Promise<void> => {
    let name = `chain-${chain++}`;
    let killedBefore = false;
    while (kills < KILLS || killedBefore) {
      // One kill in five falls into the start of the process, where a checkpoint is loaded.
      const early = number() < 0.2;
      const delay = early ? number() * startup : number() * training;
      const ended = await run(name, kills < KILLS ? { delay, training: !early } : undefined);
      if (ended.from > 0) froms.add(ended.from);
      if (ended.status === 'SIGKILL') {
        kills++;
        killedBefore = true;
        console.log(
          `${name}: killed ${Math.round(delay)} ms ${early ? 'after start' : 'into training'}, from step ${ended.from}`,
        );
        continue;
      }
      expect(ended.status, ended.stderr).toBe('0');
      expect(ended.result, `${name}, seed ${SEED}`).toBe(undisturbed.result);
      if (killedBefore) finished++;
      killedBefore = false;
      name = `chain-${chain++}`;
    }
  };
  await Promise.all([lane(), lane()]);
  expect(kills).toBeGreaterThanOrEqual(KILLS);
  expect(finished).toBeGreaterThanOrEqual(2);
  // The kills must have hit runs that were under way.
  expect(froms.size, [...froms].join(' ')).toBeGreaterThanOrEqual(3);
});
