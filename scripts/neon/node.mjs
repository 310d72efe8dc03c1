// What runs in a Node for ARM, under the emulator: a program as users write it, the test files, and the fuzzer.
import { join } from 'node:path';
import { toolOf } from '../install/tools.mjs';
import { runPrograms } from '../run-programs.mjs';
import { bundle, bundled } from './bundle.mjs';
import { RUNNER, runTests, testFiles } from './tests.mjs';

const FUZZER = 'test/fuzz/main.ts';
// Of one program or test file.
const timeout = 2_400_000;

/** A program and, unless it must be fast, every function with random arguments beside the second implementation. */
function programsOf(root, build, folder, fast) {
  const runs = [['a program on neon, in Node', join(root, 'scripts', 'install', 'project', 'esm.mjs')]];
  const fuzzer = [bundled(FUZZER, folder), '--worker', join(build, 'fuzz.txt'), '--seed', '1', '--seconds', '600'];
  if (fast) console.log('NOT RUN: every function on neon, in Node: slow under emulation');
  else runs.push(['every function on neon, in Node', ...fuzzer]);
  return runs;
}

/**
 * Names of the programs and test files that failed. `emulator` starts a program for ARM, the core lies in `build`. `only`
 * names test files, to run nothing else; `fast` leaves out most.
 */
export async function inNode(root, { emulator, build, environment, fast, only }) {
  const [program] = toolOf('node for ARM', root) ?? [];
  if (!program) {
    console.log('NOT RUN: the library on neon, in Node: no Node for ARM can be downloaded here');
    return [];
  }
  const node = [...emulator, program];
  const env = { ...environment, NABLA_BINARY: join(build, 'nabla.node'), NABLA_NUM_THREADS: '2' };
  const { files, pattern, leftOut } = only.length > 0 ? { files: only, pattern: '', leftOut: 0 } : testFiles(fast);
  const folder = join(build, 'bundle');
  await bundle([RUNNER, FUZZER, ...files], folder);
  const [command, ...args] = node;
  const runs = only.length > 0 ? [] : programsOf(root, build, folder, fast);
  const programs = runs.map(([name, ...rest]) => ({ name, command, args: [...args, ...rest] }));
  const failures = await runPrograms(programs, { timeout, env });
  if (runs.length > 0)
    console.log(`neon in Node: ${runs.length - failures.length} passed and ${failures.length} failed`);
  if (leftOut > 0)
    console.log(`NOT RUN: ${leftOut} test files on neon, and most tests of the others: slow under emulation`);
  // Reading or writing past a tensor, or using a freed one, ends the process.
  const guarded = { ...env, NABLA_GUARD_PAGES: '1' };
  return [...failures, ...(await runTests(files, { node, folder, where: 'neon', timeout, env: guarded, pattern }))];
}
