// The studies of deep networks run, and show what they are about.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';
beforeAll(() => {
  mkdirSync(join(root, 'runs'), { recursive: true });
  folder = mkdtempSync(join(root, 'runs', 'test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a study and gives its results; it has drawn its picture and printed its table. */
async function study<T>(name: string): Promise<T> {
  const out = join(folder, name);
  const command = ['--import', 'tsx', join('examples', 'run.ts'), name, '--quick', '--out', out];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: root, timeout: 110_000 });
  expect(stdout).toContain((await readFile(join(out, 'table.md'), 'utf8')).trim());
  expect((await sharp(join(out, `${name}.png`)).metadata()).width).toBeGreaterThan(300);
  return JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as T;
}

it('vanishing-gradients: sigmoids lose them, skip connections do not', { timeout: 120_000 }, async () => {
  const results = await study<Record<string, { norms: number[] }>>('vanishing-gradients');
  const ratio = (name: string): number => results[name].norms[0] / (results[name].norms.at(-1) as number);
  expect(ratio('sigmoid')).toBeLessThan(1e-4);
  expect(ratio('ReLU, batch norm, skip')).toBeGreaterThan(0.1);
  expect(results['ReLU, auxiliary heads'].norms[0]).toBeGreaterThan(3 * results['ReLU, Xavier'].norms[0]);
});

it('initialization: 0.01 loses the activations, He keeps them', { timeout: 120_000 }, async () => {
  const results = await study<Record<string, { deviations: number[] }>>('initialization');
  expect(results['0.01'].deviations[4]).toBeLessThan(1e-4);
  expect(results.He.deviations[4]).toBeGreaterThan(0.3 * results.He.deviations[0]);
});

it('retrieval: triplets bring a class together', { timeout: 120_000 }, async () => {
  const scores = await study<{ name: string; map: number }[]>('retrieval');
  const map = (name: RegExp): number => scores.find((score) => name.test(score.name))?.map ?? Number.NaN;
  expect(map(/^triplets, test/)).toBeGreaterThan(map(/^pixels, test/));
});

it('augmentation: mirrored digits are others', { timeout: 120_000 }, async () => {
  const results = await study<Record<string, { train: number; test: number }[]>>('augmentation');
  expect(Object.keys(results)).toHaveLength(10);
  expect(results.none[0].test).toBeGreaterThan(0.85);
  expect(results.flip[0].test).toBeLessThan(results.none[0].test);
  expect(results.mixup[0].test).toBeGreaterThan(0.8);
});

it('fashion-ensemble: together they are better, and a second run only reads them', { timeout: 120_000 }, async () => {
  interface Study {
    rows: { name: string; accuracies: number[] }[];
    heldOut: number[][];
  }
  const first = await study<Study>('fashion-ensemble');
  const of = (name: string): number => first.rows.find((row) => row.name === name)?.accuracies[2] ?? Number.NaN;
  expect(of('mean of the members')).toBeGreaterThan(0.7);
  expect(of('ensemble of 2')).toBeGreaterThan(of('mean of the members'));
  const log = join(folder, 'fashion-ensemble', 'member-2', 'log.csv');
  const { mtimeMs } = await stat(log);
  expect((await readFile(log, 'utf8')).trim().split('\n')).toHaveLength(5);
  expect(await study<Study>('fashion-ensemble')).toEqual(first);
  expect((await stat(log)).mtimeMs).toBe(mtimeMs);
});
