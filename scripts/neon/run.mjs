// Runs a bundled test file in this very process, by vitest's own runner and expect: the channels of its workers hang under
// an emulator.   node run.mjs <file.ts.mjs> <report.json> [pattern of the tests' names]
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// An emulated processor is 10 to 50 times slower than vitest.config.ts has in mind. The process has a limit, too.
const timeout = 1_200_000;
const [path, report, pattern] = process.argv.slice(2);
const config = {
  root: join(dirname(fileURLToPath(import.meta.url)), '..', '..'),
  testTimeout: timeout,
  hookTimeout: timeout,
  setupFiles: [],
  sequence: { hooks: 'stack', setupFiles: 'list', seed: 0 },
  expect: {},
  maxConcurrency: 1,
  retry: 0,
  passWithNoTests: false,
  allowOnly: false,
  testNamePattern: pattern && new RegExp(pattern),
};
// What vitest looks for in a worker. Its modules read it as they load, so they are imported after it.
globalThis.__vitest_worker__ = {
  config,
  ctx: { pool: 'forks' },
  environment: { name: 'node' },
  moduleCache: new Map(),
};
const { expect } = await import('vitest');
const { VitestTestRunner } = await import('vitest/runners');
const { startTests } = await import('vitest/internal/browser');

class InThisProcess extends VitestTestRunner {
  importFile(file) {
    return import(pathToFileURL(file).href);
  }
  onBeforeTryTask(test) {
    // A crash or a hang leaves the name of its test.
    writeFileSync(report, JSON.stringify({ running: titleOf(test) }));
    expect.setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null });
  }
  // Those of the base class keep snapshots, and what workers share; no test here has any.
  onBeforeRunSuite() {}
  onAfterRunSuite() {}
  onCleanupWorkerContext() {}
}

const testsOf = (task) => (task.type === 'test' ? [task] : task.tasks.flatMap(testsOf));
const suitesOf = (task) => (task.type === 'test' ? [] : [task, ...task.tasks.flatMap(suitesOf)]);
const titleOf = (task) => (task.suite ? `${titleOf(task.suite)} > ${task.name}` : task.name);
const messageOf = (task) => task.result?.errors?.map((error) => error.message).join('; ') ?? 'did not run';

/** Tests that passed, failed and were skipped; suites fail by themselves when the file's import or a hook of theirs threw. */
function outcome(file) {
  const tests = testsOf(file);
  const skipped = tests.filter((test) => ['skip', 'todo'].includes(test.mode) || test.result?.state === 'skip');
  const passed = tests.filter((test) => !skipped.includes(test) && test.result?.state === 'pass');
  const broken = suitesOf(file).filter((suite) => suite.result?.errors?.length > 0);
  return { passed, skipped, failed: [...broken, ...tests.filter((t) => !passed.includes(t) && !skipped.includes(t))] };
}

let done = false;
process.on('exit', () => {
  if (!done) process.exitCode = 1;
});
const [file] = await startTests([path], new InThisProcess(config));
const { passed, failed, skipped } = outcome(file);
for (const task of failed.slice(0, 20)) console.log(`  failed: ${titleOf(task)}: ${messageOf(task)}`);
const counts = { passed: passed.length, failed: failed.length, skipped: skipped.length };
const text = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
console.log(text.join(', '));
writeFileSync(report, JSON.stringify(counts));
done = true;
process.exitCode = passed.length > 0 && failed.length === 0 ? 0 : 1;
