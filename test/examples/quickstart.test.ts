import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const quickstart = (...args: string[]) => {
  const command = ['--import', 'tsx', join('examples', 'quickstart.ts'), ...args];
  return run(process.execPath, command, { cwd: root, timeout: 120_000 });
};

// Inside the package, so that the printed code finds it by its name as it does in a project.
let folder = '';
let output = '';
beforeAll(async () => {
  mkdirSync(join(root, 'runs'), { recursive: true });
  folder = mkdtempSync(join(root, 'runs', 'test-'));
  output = (await quickstart('--dataset', 'digits', '--epochs', '8', '--seed', '1', '--out', folder)).stdout;
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

it('prints each epoch and the test accuracy', () => {
  for (let epoch = 1; epoch <= 8; epoch++) {
    const line = output.split('\n').find((text) => text.startsWith(`epoch ${epoch}/8`));
    expect(line).toMatch(/loss \d.*accuracy [\d.]+.*images\/s [\d,]+/);
  }
  const accuracy = Number(/test accuracy (\d\.\d+)/.exec(output)?.[1]);
  expect(accuracy).toBeGreaterThan(0.6);
});

it('writes weights, history and both pictures', async () => {
  expect((await readdir(folder)).sort()).toEqual([
    'history.json',
    'learning-curves.png',
    'misclassified.png',
    'model.safetensors',
  ]);
  const history = JSON.parse(await readFile(join(folder, 'history.json'), 'utf8'));
  expect(history).toMatchObject({ dataset: 'Digits', seed: 1, batchSize: 100 });
  expect(history.epochs).toHaveLength(8);
  expect(history.epochs[7].loss).toBeLessThan(history.epochs[0].loss);
  for (const name of ['learning-curves.png', 'misclassified.png']) {
    const { width, height } = await sharp(join(folder, name)).metadata();
    expect(Math.min(width, height)).toBeGreaterThan(300);
  }
});

it('ends with about ten lines of code that run', async () => {
  const code = output.slice(output.indexOf("import { models, noGrad, vision } from 'nabla';"));
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(11);
  const file = join(folder, 'classify.mjs');
  await writeFile(file, code);
  const { stdout } = await run(process.execPath, [file], { cwd: root, timeout: 60_000 });
  expect(stdout).toMatch(/^predicted: \d, true: \d\n$/);
});

it('explains itself and refuses wrong options', async () => {
  expect((await quickstart('--help')).stdout).toContain('--batch-size');
  await expect(quickstart('--epochs', 'many')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/integer of at least 1/),
  });
  await expect(quickstart('--dataset', 'cats')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/fashion, mnist, digits/),
  });
});
