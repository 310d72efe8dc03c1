import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const example = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['--import', 'tsx', join('examples', 'run.ts'), ...args], { cwd: root });

it('runs an example by its name, and names them all', async () => {
  expect((await example()).stdout).toMatch(/quickstart +a CNN[\s\S]*spam/);
  expect((await example('quickstart', '--help')).stdout).toContain('--batch-size');
  await expect(example('quickstart', '--batch-size', 'many')).rejects.toMatchObject({ code: 1 });
  await expect(example('magic')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no example "magic"/),
    stdout: expect.stringMatching(/names/),
  });
});
