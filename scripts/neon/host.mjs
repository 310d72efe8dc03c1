// Runs test files as test-neon.mjs does, but on this machine: whether they can do without vitest's workers.
//   node scripts/neon/host.mjs [--seconds N] <file.ts>...    each file has N seconds; none named: all that run on ARM
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.mjs';
import { RUNNER, runTests, testFiles } from './tests.mjs';

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '600' } },
  allowPositionals: true,
});
const files = positionals.length > 0 ? positionals : testFiles(false).files;
const folder = mkdtempSync(join(tmpdir(), 'nabla-tests-'));
await bundle([RUNNER, ...files], folder);
const failures = await runTests(files, {
  node: [process.execPath],
  folder,
  where: process.arch,
  timeout: Number(values.seconds) * 1000,
  env: { ...process.env, NABLA_NUM_THREADS: process.env.NABLA_NUM_THREADS ?? '2' },
});
rmSync(folder, { recursive: true });
process.exitCode = failures.length > 0 ? 1 : 0;
