// Builds the core with AddressSanitizer and UndefinedBehaviorSanitizer, or with ThreadSanitizer, and runs the native
// tests, the runtime tests and the fuzzers with it.
//   node scripts/sanitize.mjs [--short] [--seconds N] [address|thread]
// Linux with GCC. --short: what every change must pass; --seconds: of each fuzzer.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun, run, runPrograms } from './run-programs.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
const require = createRequire(join(root, 'package.json'));
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const short = process.argv.includes('--short');
const at = process.argv.indexOf('--seconds');
const seconds = at > 0 ? Number(process.argv[at + 1]) : short ? 10 : 300;

const KINDS = {
  address: {
    library: 'libasan.so',
    mistakes: ['overflow', 'use-after-free', 'undefined'],
    // Leaks are counted by tests: V8 and what is leaked on purpose would drown them.
    options: {
      ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:quarantine_size_mb=64',
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1:abort_on_error=1',
    },
    files: ['order', 'scopes', 'late-errors', 'memory', 'exit', 'workers', 'terminate', 'recurrent'],
  },
  thread: {
    library: 'libtsan.so',
    mistakes: ['race', 'order'],
    // Node itself is not instrumented: what its own threads do says nothing.
    options: {
      TSAN_OPTIONS: 'halt_on_error=1:ignore_noninstrumented_modules=1:report_signal_unsafe=0:atexit_sleep_ms=0',
    },
    files: ['order', 'scopes', 'late-errors', 'exit', 'workers', 'terminate'],
  },
};
/** The short run takes the kernels as they are and only the programs that test the runtime. */
const SHORT_PROGRAMS = ['runtime_test'];
const SHORT_FILES = ['order', 'late-errors', 'terminate'];

let failed = 0;
let passed = 0;

function report(name, good) {
  if (good) passed++;
  else failed++;
  console.log(`${good ? 'ok' : 'FAILED'}: ${name}`);
}

/** Where GCC keeps a library of its own; undefined when it has none. */
function libraryFile(name) {
  const found = spawnSync('c++', [`-print-file-name=${name}`], { encoding: 'utf8' });
  const file = found.stdout?.trim() ?? '';
  return isAbsolute(file) && existsSync(file) ? file : undefined;
}

function build(kind, folder) {
  const source = ['-S', join(root, 'native'), '-B', folder];
  const kernels = short ? [`-DNABLA_KERNELS_FROM=${join(root, 'build')}`] : ['-DNABLA_ONLY_BASELINE=ON'];
  mustRun('cmake', [
    ...[...source, `-DNABLA_SANITIZE=${kind}`, '-DNABLA_NATIVE_TESTS=ON', ...kernels],
    `-DCMAKE_JS_INC=${require('node-api-headers').include_dir}`,
    `-DNODE_ADDON_API_DIR=${dirname(require.resolve('node-addon-api/package.json'))}`,
  ]);
  const targets = short ? ['--target', 'nabla', ...SHORT_PROGRAMS] : [];
  mustRun('cmake', ['--build', folder, '--parallel', jobs, ...targets]);
}

/** The gate's own test: each mistake must be reported. */
function findsMistakes(folder, { mistakes, options }) {
  for (const mistake of mistakes) {
    const { status, stderr } = spawnSync(join(folder, 'runtime_test'), ['--mistake', mistake], {
      env: { ...process.env, ...options },
      encoding: 'utf8',
    });
    report(`finds ${mistake}`, status !== 0 && /Sanitizer|runtime error/.test(stderr));
  }
}

async function nativeTests(folder, options) {
  const all = readdirSync(join(root, 'native', 'test')).filter((name) => name.endsWith('.cpp'));
  const names = short ? SHORT_PROGRAMS : all.map((name) => name.slice(0, -'.cpp'.length));
  const programs = names.map((name) => ({ name, command: join(folder, name), args: [] }));
  const failures = await runPrograms(programs, { timeout: 3_600_000, env: { ...process.env, ...options } });
  passed += names.length - failures.length;
  failed += failures.length;
}

function nodeTests(kind, addon, { files, options }, library) {
  const env = {
    ...{ ...process.env, ...options, LD_PRELOAD: library, NABLA_BINARY: addon, NABLA_SANITIZER: kind },
    NABLA_REPEAT: process.env.NABLA_REPEAT ?? (short ? '2' : '20'),
  };
  const tests = (short ? SHORT_FILES : files).map((name) => `test/runtime/${name}.test.ts`);
  const scale = ['--testTimeout=900000', '--no-file-parallelism'];
  report(`${kind}: ${tests.join(' ')}`, run(process.execPath, [vitest, 'run', ...scale, ...tests], { env }) === 0);
  if (kind !== 'address') return;
  const tsx = require.resolve('tsx/cli');
  const fuzz = (name) =>
    report(`${name}, ${seconds} s`, run(process.execPath, [tsx, name, '--seconds', String(seconds)], { env }) === 0);
  fuzz('test/io/fuzz/main.ts');
  if (!short) fuzz('test/fuzz/main.ts');
}

async function sanitize(kind) {
  const { library, ...rest } = KINDS[kind];
  const file = process.platform === 'linux' ? libraryFile(library) : undefined;
  if (file === undefined) {
    console.log(`NOT RUN: ${kind} sanitizer: this machine has no GCC with ${library}`);
    return;
  }
  const folder = join(root, 'build-sanitize', short ? `${kind}-short` : kind);
  const started = performance.now();
  build(kind, folder);
  console.log(`${kind}: built in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  findsMistakes(folder, rest);
  await nativeTests(folder, rest.options);
  nodeTests(kind, join(folder, 'nabla.node'), rest, file);
}

for (const kind of Object.keys(KINDS)) {
  if (Object.keys(KINDS).some((name) => process.argv.includes(name)) && !process.argv.includes(kind)) continue;
  await sanitize(kind);
}
if (short) console.log('NOT RUN: kernels with sanitizers, here; npm run hardening does it');
console.log(`sanitizers: ${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
