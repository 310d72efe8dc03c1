// Cross-compiles the core, the addon and the native tests for 64-bit ARM and runs the tests under qemu.
//   node scripts/test-neon.mjs [--fast] [name...]    Debian: apt-get install -y g++-aarch64-linux-gnu qemu-user
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle } from 'esbuild';
import { toolOf } from './install/tools.mjs';
import { mustRun, runPrograms } from './run-programs.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const build = join(root, 'build-neon');
const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
const require = createRequire(join(root, 'package.json'));

// Minutes each on a busy machine; --fast leaves them out and says so.
const SLOW = ['conv_test', 'gemm_test', 'layer_norm_test', 'reduce_test', 'scan_test', 'sort_test'];
const EMULATOR = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'];
// A processor of the first generation: an instruction that not every ARM has would trap.
const environment = { ...process.env, QEMU_CPU: 'cortex-a53', NABLA_CPU_ISA: 'neon' };

function missingTools() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return ['cmake', 'aarch64-linux-gnu-g++', 'qemu-aarch64'].filter(
    (name) => !folders.some((dir) => existsSync(join(dir, name))),
  );
}

function buildAll(programs) {
  // CMake reads a toolchain only in a fresh folder; the compiler cache keeps this cheap.
  rmSync(join(build, 'CMakeCache.txt'), { force: true });
  mustRun('cmake', [
    ...['-S', join(root, 'native'), '-B', build, '-DNABLA_NATIVE_TESTS=ON'],
    `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'native', 'cmake', 'aarch64-linux-gnu.cmake')}`,
    `-DCMAKE_JS_INC=${require('node-api-headers').include_dir}`,
    `-DNODE_ADDON_API_DIR=${dirname(require.resolve('node-addon-api/package.json'))}`,
  ]);
  mustRun('cmake', ['--build', build, '--parallel', jobs, '--target', 'nabla', ...programs]);
  const addon = statSync(join(build, 'nabla.node'));
  console.log(`ok: nabla.node for ARM is built, ${(addon.size / 1024).toFixed(0)} KiB`);
}

/**
 * The core in a Node for ARM: a program as users write it and, unless it must be fast, every function with random arguments
 * beside the second implementation of the fuzzer, in one file: vitest's channels do not work under the emulator.
 */
async function inNode(fast) {
  const [node] = toolOf('node for ARM', root) ?? [];
  if (!node) {
    console.log('NOT RUN: the library on neon, in Node: no Node for ARM can be downloaded here');
    return [];
  }
  const program = join(root, 'scripts', 'install', 'project', 'esm.mjs');
  const runs = [{ name: 'a program on neon, in Node', args: [program] }];
  if (fast) console.log('NOT RUN: every function on neon, in Node: slow under emulation');
  else {
    // In a folder of the root, as dist/: from there nabla finds its data.
    const outfile = join(build, 'fuzz.mjs');
    const options = { absWorkingDir: root, entryPoints: ['test/fuzz/main.ts'], outfile, bundle: true };
    const names = 'createRequire as requireFrom';
    await bundle({
      ...{ ...options, platform: 'node', format: 'esm', external: ['sharp', 'echarts', 'hyparquet', 'bindings'] },
      banner: { js: `import { ${names} } from 'node:module'; const require = requireFrom(import.meta.url);` },
    });
    const fuzz = ['--worker', join(build, 'fuzz.txt'), '--seed', '1', '--seconds', '600'];
    runs.push({ name: 'every function on neon, in Node', args: [outfile, ...fuzz] });
  }
  const [emulator, ...args] = EMULATOR;
  const programs = runs.map((run) => ({ ...run, command: emulator, args: [...args, node, ...run.args] }));
  const env = { ...environment, NABLA_BINARY: join(build, 'nabla.node'), NABLA_NUM_THREADS: '2' };
  const failures = await runPrograms(programs, { timeout: 1_800_000, env });
  console.log(`neon in Node: ${runs.length - failures.length} passed and ${failures.length} failed`);
  return failures;
}

async function main(options) {
  const fast = options.includes('--fast');
  const only = options.filter((name) => name !== '--fast');
  const missing = missingTools();
  if (missing.length > 0) {
    console.log(`NOT RUN: the neon build needs ${missing.join(', ')}`);
    console.log('Debian: apt-get install -y cmake g++-aarch64-linux-gnu qemu-user');
    return;
  }
  const programs = readdirSync(join(root, 'native', 'test'))
    .filter((name) => name.endsWith('.cpp'))
    .map((name) => name.slice(0, -'.cpp'.length))
    .filter((name) => only.length === 0 || only.includes(name))
    .filter((name) => !(fast && SLOW.includes(name)));
  buildAll(programs);
  const [emulator, ...args] = EMULATOR;
  const failures = await runPrograms(
    programs.map((name) => ({ name: `${name} on neon`, command: emulator, args: [...args, join(build, name)] })),
    { timeout: 900_000, env: environment },
  );
  const passed = programs.length - failures.length;
  if (fast) for (const name of SLOW) console.log(`NOT RUN: ${name} on neon: slow under emulation`);
  console.log(`neon: ${passed} native programs passed and ${failures.length} failed`);
  const inside = only.length === 0 ? await inNode(fast) : [];
  process.exitCode = failures.length + inside.length > 0 || programs.length === 0 ? 1 : 0;
}

await main(process.argv.slice(2));
