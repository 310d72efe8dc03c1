// However a process ends in the middle of its training: no file is half written, it ends at once, and with the right status.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { io, text, zeros } from '../../lib/index.js';
import { repeat, repetitions, runProgram } from '../support/program.js';

/** Of 20 repetitions, which the hardening run has 200 of. */
const ROUNDS = Math.ceil(repetitions / 5);

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'nabla-signals-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const temporaries = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.tmp'));

/** Reads every file that is there; a damaged one throws. */
async function readAll(folder: string): Promise<number> {
  const readers: Record<string, (path: string) => Promise<unknown>> = {
    'a.safetensors': io.loadSafetensors,
    'sharded/model.safetensors.index.json': io.loadSafetensors,
    'a.npy': io.loadNpy,
    'a.npz': io.loadNpz,
    'a.pt': io.loadTorch,
    'tokenizer.json': (path) => text.CharTokenizer.load(path),
  };
  let read = 0;
  for (const [name, reader] of Object.entries(readers)) {
    if (!existsSync(join(folder, name))) continue;
    await reader(join(folder, name));
    read++;
  }
  for (const name of readdirSync(folder).filter((name) => /^(last|step-.*)\.safetensors$/.test(name))) {
    expect((await io.loadCheckpoint(join(folder, name))).trainer).toBe(1);
    read++;
  }
  const log = join(folder, 'log.csv');
  if (existsSync(log)) expect(readFileSync(log, 'utf8')).toMatch(/^epoch,.*\n(\d+,.*\n)*$/);
  return read;
}

const ends: [how: string, signal: NodeJS.Signals | undefined, status: string, cleans: boolean][] = [
  ['throw', undefined, '1', true],
  ['reject', undefined, '1', true],
  ['exit', undefined, '5', true],
  ['signal', 'SIGINT', 'SIGINT', false],
  ['signal', 'SIGTERM', 'SIGTERM', false],
  ['signal', 'SIGKILL', 'SIGKILL', false],
];

describe(`a process that trains and writes files ends, ${ROUNDS} times`, () => {
  for (const [how, signal, status, cleans] of ends) {
    it(signal ?? how, { timeout: 60_000 + ROUNDS * 20_000 }, async () => {
      const folder = mkdtempSync(join(root, 'run-'));
      let read = 0;
      for (let round = 0; round < ROUNDS; round++) {
        // Each process goes on with the files of the one before.
        const delay = Math.floor(Math.random() * 150);
        const signalled = signal ? { signalWhenReady: signal, signalDelay: delay } : {};
        const outcome = await runProgram('signals', [folder, how, String(delay)], signalled);
        expect(outcome.status, `after ${delay} ms: ${outcome.stderr}`).toBe(status);
        if (status === '1') expect(outcome.stderr).toMatch(/on purpose/);
        if (cleans) expect(temporaries(folder)).toEqual([]);
        read += await readAll(folder);
      }
      expect(read).toBeGreaterThan(ROUNDS);
    });
  }
});

it('stops at SIGINT and SIGTERM, saves, and goes on there', { timeout: 120_000 }, async () => {
  await repeat(2, async (round) => {
    const folder = mkdtempSync(join(root, 'stop-'));
    const signalWhenReady = round === 0 ? 'SIGINT' : 'SIGTERM';
    const outcome = await runProgram('signals', [folder, 'stop'], { signalWhenReady });
    expect(outcome.status, outcome.stderr).toBe('130');
    const step = Number(/saved step (\d+)/.exec(outcome.stdout)?.[1]);
    expect(step).toBeGreaterThanOrEqual(3);
    const { run } = (await io.loadCheckpoint(join(folder, 'last.safetensors'))) as { run: { globalStep: number } };
    expect(run.globalStep).toBe(step);
    expect(temporaries(folder)).toEqual([]);
  });
});

it('what killed processes have left goes with the next write of the same file', async () => {
  const folder = mkdtempSync(join(root, 'left-'));
  const path = join(folder, 'x.npy');
  const dead = 2 ** 22 + 1; // above the largest process id of Linux
  const left = (name: string, minutes: number): string => {
    writeFileSync(join(folder, name), 'cut off');
    const then = Date.now() / 1000 - 60 * minutes;
    utimesSync(join(folder, name), then, then);
    return name;
  };
  left(`.x.npy.${dead}-0123456789ab.tmp`, 5);
  const kept = [
    left(`.x.npy.${dead}-0123456789ac.tmp`, 0.1), // may be in use on another machine
    left(`.x.npy.${process.ppid}-0123456789ab.tmp`, 5),
    left(`.y.npy.${dead}-0123456789ab.tmp`, 5),
    left('.x.npy.tmp', 5),
  ];
  await io.saveNpy(path, zeros([2]));
  expect(readdirSync(folder).sort()).toEqual([...kept, 'x.npy'].sort());
});
