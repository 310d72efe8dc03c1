// The long form of the tests of robustness, part by part, each with a log of its own in build/hardening; ends with a table.
//   node scripts/hardening.mjs [--quick] [--only NAME[,NAME]]    hours; --quick: the same parts with smaller numbers
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const logs = join(root, 'build', 'hardening');
const require = createRequire(import.meta.url);
const vitest = [join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs'), 'run', '--no-file-parallelism'];
const tsx = require.resolve('tsx/cli');
const { values: options } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } });
const { quick = false } = options;
const seconds = (long, short) => ['--seconds', String(quick ? short : long)];
const sanitize = (kind) => [join(root, 'scripts', 'sanitize.mjs'), kind, ...(quick ? seconds(0, 20) : [])];

/** `env` beside that of the process, which may set other numbers. */
const PARTS = [
  {
    name: 'runtime',
    what: 'ends, errors, memory, workers',
    args: [...vitest, 'test/runtime', '--exclude', '**/terminate.test.ts'],
    env: { NABLA_REPEAT: quick ? '40' : '200' },
  },
  {
    name: 'workers',
    what: 'terminated under load',
    args: [...vitest, 'test/runtime/terminate.test.ts'],
    env: { NABLA_REPEAT: quick ? '100' : '200' },
  },
  { name: 'leaks', what: 'every exported function and class', args: [...vitest, 'test/leaks'] },
  {
    name: 'arguments',
    what: 'wrong ones, to every function',
    args: [...vitest, 'test/fuzz.test.ts'],
    env: { NABLA_FUZZ_ROUNDS: quick ? '200' : '2000' },
  },
  {
    name: 'ops',
    what: 'random calls beside a second implementation',
    args: [tsx, 'test/fuzz/main.ts', ...seconds(1800, 60)],
  },
  { name: 'formats', what: 'damaged and hostile files', args: [tsx, 'test/io/fuzz/main.ts', ...seconds(1800, 60)] },
  { name: 'killed', what: 'training ended by SIGKILL', args: [...vitest, 'test/training/kill.test.ts'] },
  {
    name: 'neon',
    what: 'native tests and specs on an emulated ARM',
    args: [join(root, 'scripts', 'test-neon.mjs'), ...(quick ? ['--fast'] : [])],
  },
  {
    name: 'address',
    what: 'AddressSanitizer, UBSan: all of the core',
    args: sanitize('address'),
    env: quick ? { NABLA_REPEAT: '3' } : {},
  },
  {
    name: 'thread',
    what: 'ThreadSanitizer: all of the core',
    args: sanitize('thread'),
    env: quick ? { NABLA_REPEAT: '3' } : {},
  },
];

/** Runs one part; what it prints goes to the terminal and to its log. */
function run({ name, args, env = {} }) {
  const file = join(logs, `${name}.log`);
  const log = createWriteStream(file);
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...env, ...process.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      process.stdout.write(data);
      log.write(data);
    });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => log.end(() => resolve({ status: code ?? signal, file })));
  });
}

const names = options.only?.split(',');
const unknown = names?.filter((name) => !PARTS.some((part) => part.name === name)) ?? [];
if (unknown.length > 0) throw new Error(`no part ${unknown}; there are ${PARTS.map(({ name }) => name).join(', ')}`);
mkdirSync(logs, { recursive: true });
const rows = [];
for (const part of PARTS.filter(({ name }) => !names || names.includes(name))) {
  console.log(`\n=== ${part.name}: ${part.what}`);
  const started = performance.now();
  const { status, file } = await run(part);
  const text = readFileSync(file, 'utf8');
  const notRun = [...text.matchAll(/^NOT RUN: .*$/gm)].map(([line]) => `  ${line}`);
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  rows.push({ good: status === 0, text: `${part.name.padEnd(10)} ${part.what}, ${minutes} min`, status, notRun, file });
}
console.log(`\nhardening${quick ? ', quick' : ''}:`);
for (const { good, text, status, notRun, file } of rows) {
  console.log(good ? `ok      ${text}` : `FAILED  ${text}: ended with ${status}, see ${file}`);
  for (const line of notRun) console.log(line);
}
const failed = rows.filter(({ good }) => !good).length;
console.log(`${rows.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 || rows.length === 0 ? 1 : 0;
