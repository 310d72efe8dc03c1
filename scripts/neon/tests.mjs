// Test files that run one by one in a process without vitest's workers: which, and with what result.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runPrograms } from '../run-programs.mjs';
import { bundled } from './bundle.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Runs one bundled test file; to be bundled with it. */
export const RUNNER = 'scripts/neon/run.mjs';

// Folders whose numbers come from the core; the others test Node's side, or train for minutes.
const FOLDERS = ['specs', 'autograd', 'io', 'nn', 'ops', 'optim', 'regularizers', 'tensor'];
// Lists of names: the same on every processor.
const LEFT_OUT = ['test/specs/coverage.test.ts', 'test/nn/coverage.test.ts'];
// A minute of two processors: a file for each family of kernels, every sample once, forward and gradient.
const SHORT = 'arithmetic attention conv layer-norm matmul norm pool reduce softmax sort unary'
  .split(' ')
  .map((name) => `test/specs/${name}.spec.ts`);
const ONCE = '(forward|gradient) float32 contiguous$';

/** The test files, which of their tests, and how many files a short run leaves out. */
export function testFiles(short) {
  const all = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, 'test', folder))
      .filter((name) => /\.(test|spec)\.ts$/.test(name))
      .map((name) => `test/${folder}/${name}`),
  ).filter((file) => !LEFT_OUT.includes(file));
  if (!short) return { files: all, pattern: '', leftOut: 0 };
  const missing = SHORT.filter((file) => !all.includes(file));
  if (missing.length > 0) throw new Error(`no such test: ${missing}`);
  return { files: SHORT, pattern: ONCE, leftOut: all.length - SHORT.length };
}

/**
 * Runs files bundled in `folder`, each in a process of its own; `node` is a Node, with the emulator before it; `pattern`
 * picks tests. A file has passed when its process ended well and wrote down that tests passed. Returns the names of the others.
 */
export async function runTests(files, { node, folder, where, timeout, env, pattern = '' }) {
  const [command, ...args] = node;
  const reportOf = (file) => bundled(file, folder).replace(/mjs$/, 'json');
  const nameOf = (file) => `${file} on ${where}`;
  for (const file of files) rmSync(reportOf(file), { force: true });
  const programs = files.map((file) => ({
    name: nameOf(file),
    command,
    args: [...args, bundled(RUNNER, folder), bundled(file, folder), reportOf(file), pattern],
  }));
  const failures = await runPrograms(programs, { timeout, env });
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of files) {
    const report = existsSync(reportOf(file)) ? JSON.parse(readFileSync(reportOf(file), 'utf8')) : {};
    for (const key of Object.keys(counts)) counts[key] += report[key] ?? 0;
    if (report.running) console.log(`FAILED: ${nameOf(file)} ended in "${report.running}"`);
    else if (!(report.passed > 0)) console.log(`FAILED: ${nameOf(file)}: no test passed`);
    if (!(report.passed > 0) && !failures.includes(nameOf(file))) failures.push(nameOf(file));
  }
  const { passed, failed, skipped } = counts;
  console.log(`tests on ${where}: ${passed} passed, ${failed} failed, ${skipped} skipped, of ${files.length} files`);
  return failures;
}
