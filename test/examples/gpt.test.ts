import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
mkdirSync(join(root, 'runs'), { recursive: true });
const folder = mkdtempSync(join(root, 'runs', 'test-gpt-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

it('the GPT example trains, writes what PyTorch needs for the same, and samples', async () => {
  const sizes = ['--steps', '4', '--block', '8', '--width', '8', '--layers', '1', '--heads', '2', '--batch-size', '4'];
  const command = ['--import', 'tsx', join('examples', 'gpt.ts'), ...sizes, '--letters', '20', '--out', folder];
  const { stdout } = await run(process.execPath, command, { cwd: root, timeout: 120_000 });
  expect(stdout).toMatch(/1,213,006 letters, 89 different ones\n1,664 parameters/);
  expect(stdout.match(/^step \d\/4 {2}loss \d\.\d{4} {2}held-out \d\.\d{4} {2}letters\/s [\d,]+$/gm)?.length).toBe(4);
  expect(stdout).toMatch(/\n\nThe [\s\S]{20}\n$/);
  expect((await readdir(folder)).sort()).toEqual(
    ['data.json', 'first.safetensors', 'last.safetensors', 'losses.json', 'starts.json', 'tokenizer.json'].sort(),
  );
  const losses = JSON.parse(await readFile(join(folder, 'losses.json'), 'utf8')) as number[];
  // An untrained model is about as good as guessing among all letters.
  for (const loss of losses) expect(Math.abs(loss - Math.log(89))).toBeLessThan(0.2);
}, 180_000);
