// Test files run without vitest's workers, as on emulated processors: each way to fail must be seen and named.
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const SPEC = 'test/specs/histogram.spec.ts';
const CASES = ['mixed', 'wrong-op', 'hook', 'load', 'empty', 'unawaited', 'ends', 'stuck', 'hangs'];
const seeded = (name: string): string => `test/scripts/seeded/${name}.ts`;

interface Result {
  failed: boolean;
  output: string;
}

const node = (...args: string[]): Promise<Result> =>
  new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ failed: error !== null, output: stdout + stderr });
    });
  });
const run = (seconds: number, ...files: string[]) =>
  node('scripts/neon/host.mjs', '--seconds', String(seconds), ...files);

describe('test files without workers', () => {
  let results: Result[] = [];
  beforeAll(async () => {
    const quick = CASES.filter((name) => name !== 'hangs');
    results = await Promise.all([run(100, SPEC, ...quick.map(seeded)), run(5, seeded('hangs'))]);
  }, 180_000);
  const output = () => results.map((result) => result.output).join('');

  it('run as many tests as with vitest', async () => {
    const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
    const listed = (await node(vitest, 'list', SPEC)).output.split('\n').filter((line) => line.startsWith(SPEC)).length;
    expect(listed).toBeGreaterThan(20);
    expect(output()).toContain(`${listed} passed, 0 failed, 0 skipped\nok: ${SPEC} on `);
  }, 120_000);
  it.each(CASES)('that fail are named: %s', (name) => {
    expect(results.map((result) => result.failed)).toEqual([true, true]);
    expect(output()).toMatch(new RegExp(`^FAILED.*: ${seeded(name)} on `, 'm'));
    expect(output()).not.toContain(`ok: ${seeded(name)}`);
  });
  it.each([
    ['ends', 'ends the process'],
    ['stuck', 'waits for what never comes'],
    ['hangs', 'never ends'],
  ])('that end the process name the test: %s', (name, title) => {
    expect(output()).toMatch(new RegExp(`^FAILED: ${seeded(name)} on \\w+ ended in "${title}"$`, 'm'));
  });
  it.each([
    ['a group > compares wrongly', 'expected [ 1, 2 ] to deeply equal [ 1, 3 ]'],
    ['a group > rejects', 'late'],
    ['seeded/hook.ts.mjs', 'no beginning'],
    ['seeded/load.ts.mjs', 'cannot be loaded'],
    ['linalg.householderProduct > #1 [4,4] [4] {} > forward float32 contiguous', 'output 0: 16 of 16 values wrong'],
  ])('say what was wrong: %s', (title, message) => {
    expect(output()).toContain(`${title}: ${message}`);
  });
});
