import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const example = (name: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, ['--import', 'tsx', join('examples', `${name}.ts`), ...args], {
    cwd: root,
    timeout: 290_000,
  });

let folder = '';
beforeAll(() => {
  mkdirSync(join(root, 'runs'), { recursive: true });
  folder = mkdtempSync(join(root, 'runs', 'test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('bayesian: compares both searches, and merges earlier runs', { timeout: 300_000 }, async () => {
  const out = join(folder, 'branin');
  await example('bayesian', '--only', 'branin', '--seeds', '1', '--out', out);
  const file = join(out, 'results.json');
  const [{ model, random }] = (JSON.parse(await readFile(file, 'utf8')) as { branin: Record<string, number[]>[] })
    .branin;
  expect(model).toHaveLength(50);
  expect(model[49]).toBeLessThan(0.4);
  expect(model[49]).toBeLessThan(random[49]);
  expect((await stat(join(out, 'bayesian-branin.png'))).size).toBeGreaterThan(5000);
  const { stdout } = await example('bayesian', '--merge', file, file, '--out', join(folder, 'merged'));
  expect(stdout).toMatch(/\| Branin \| 50 \|.*\| 2 of 2 \| /);
  await expect(example('bayesian', '--only', 'magic')).rejects.toMatchObject({
    stderr: expect.stringMatching(/there is no problem "magic"/),
  });
});

it('ensembles: trains some of the methods', { timeout: 300_000 }, async () => {
  const names = ['one network', 'bagging, 10', 'stacking, 3 widths'];
  const out = join(folder, 'ensembles');
  const { stdout } = await example('ensembles', '--seeds', '1', '--images', '150', '--only', ...names, '--out', out);
  for (const name of names) expect(stdout).toMatch(new RegExp(`\\| ${name} \\| [6-9]\\d\\.\\d ± 0\\.0 \\|`));
  expect(await readFile(join(out, 'table.md'), 'utf8')).toMatch(/Out-of-bag accuracy of bagging: \d\d/);
  await expect(example('ensembles', '--only', 'magic')).rejects.toMatchObject({
    stderr: expect.stringMatching(/there is no method "magic"/),
  });
});
