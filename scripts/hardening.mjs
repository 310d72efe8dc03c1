// The long form of the runtime and fuzz tests: 200 repetitions of every exit, 2000 calls of every function, 5 minutes of
// damaged and hostile files.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const env = { NABLA_REPEAT: '200', NABLA_FUZZ_ROUNDS: '2000', ...process.env };
const result = spawnSync(process.execPath, [vitest, 'run', 'test/runtime', 'test/fuzz.test.ts'], {
  cwd: root,
  env,
  stdio: 'inherit',
});
const tsx = createRequire(import.meta.url).resolve('tsx/cli');
const files = spawnSync(process.execPath, [tsx, 'test/io/fuzz/main.ts', '--seconds', '300'], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = (result.status ?? 1) || (files.status ?? 1);
