import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const study = (...args: string[]) => {
  const command = ['--import', 'tsx', join('examples', 'regularization.ts'), '--quick', ...args];
  return promisify(execFile)(process.execPath, command, { cwd: root, timeout: 290_000 });
};

const NAMES = ['none', 'L1', 'batch norm', 'mixup', 'all'];

let folder = '';
let output = '';
beforeAll(async () => {
  mkdirSync(join(root, 'runs'), { recursive: true });
  folder = mkdtempSync(join(root, 'runs', 'test-'));
  output = (await study('--out', folder, '--only', ...NAMES)).stdout;
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Result {
  early: number;
  train: number;
  test: number;
}

it('trains the variants, and what regularizes is seen', async () => {
  const results = JSON.parse(await readFile(join(folder, 'results.json'), 'utf8')) as Record<string, Result[]>;
  expect(Object.keys(results)).toEqual(NAMES);
  for (const [name, runs] of Object.entries(results)) {
    expect(runs).toHaveLength(1);
    expect(runs[0].test, name).toBeGreaterThan(0.5);
    expect(output).toContain(`\n| ${name} | ${(100 * runs[0].early).toFixed(1)} ± 0.0 |`);
  }
  const [plain, batchNorm, mixup] = ['none', 'batch norm', 'mixup'].map((name) => results[name][0]);
  expect(batchNorm.early).toBeGreaterThan(plain.early);
  expect(mixup.early).toBeLessThan(plain.early);
  expect(results.all[0].test).toBeGreaterThan(plain.test);
});

it('draws the table and the plot, of earlier runs too', async () => {
  const { width, height } = await sharp(join(folder, 'regularization.png')).metadata();
  expect(Math.min(width, height)).toBeGreaterThan(300);
  const again = join(folder, 'again');
  const file = join(folder, 'results.json');
  await study('--merge', file, file, '--out', again);
  const results = JSON.parse(await readFile(join(again, 'results.json'), 'utf8')) as Record<string, Result[]>;
  expect(results.mixup).toHaveLength(2);
  expect(await readFile(join(again, 'table.md'), 'utf8')).toBe(await readFile(join(folder, 'table.md'), 'utf8'));
});

it('refuses what it does not know', async () => {
  await expect(study('--only', 'magic')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/there is no variant "magic"/),
  });
  await expect(study('--seeds', '0')).rejects.toMatchObject({ stderr: expect.stringMatching(/integer of at least 1/) });
});
