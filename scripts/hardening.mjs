// The long form of the runtime and fuzz tests: 200 repetitions of every exit, 400 terminated workers, 2000 calls of every
// function, 5 minutes of damaged and hostile files; then all of the core with sanitizers. Takes hours.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const env = { NABLA_REPEAT: '200', NABLA_FUZZ_ROUNDS: '2000', ...process.env };

const runs = [
  ['runtime, leaks, fuzzer of arguments', vitest, 'run', 'test/runtime', 'test/leaks', 'test/fuzz.test.ts'],
  ['fuzzer of formats', require.resolve('tsx/cli'), 'test/io/fuzz/main.ts', '--seconds', '300'],
  ['sanitizers', join(root, 'scripts', 'sanitize.mjs')],
];
const failures = runs.filter(([name, ...args]) => {
  // The sanitizers choose their own, smaller numbers.
  const options = { cwd: root, stdio: 'inherit', env: name === 'sanitizers' ? process.env : env };
  return spawnSync(process.execPath, args, options).status !== 0;
});
for (const [name] of failures) console.log(`FAILED: ${name}`);
process.exitCode = failures.length > 0 ? 1 : 0;
