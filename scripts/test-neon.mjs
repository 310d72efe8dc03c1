// Cross-compiles the core, the addon and the native tests for 64-bit ARM and runs them under qemu, and the specs in Node.
//   node scripts/test-neon.mjs [--fast] [name...]    native tests (gemm_test) or test files (test/specs/conv.spec.ts)
//   Debian: apt-get install -y g++-aarch64-linux-gnu qemu-user
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inNode } from './neon/node.mjs';
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

async function main(options) {
  const fast = options.includes('--fast');
  const named = options.filter((name) => name !== '--fast');
  const files = named.filter((name) => name.endsWith('.ts'));
  const only = named.filter((name) => !files.includes(name));
  const missing = missingTools();
  if (missing.length > 0) {
    console.log(`NOT RUN: the neon build needs ${missing.join(', ')}`);
    console.log('Debian: apt-get install -y cmake g++-aarch64-linux-gnu qemu-user');
    return;
  }
  const programs = readdirSync(join(root, 'native', 'test'))
    .filter((name) => name.endsWith('.cpp'))
    .map((name) => name.slice(0, -'.cpp'.length))
    .filter((name) => named.length === 0 || only.includes(name))
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
  const where = { emulator: EMULATOR, build, environment };
  const inside = named.length === 0 || files.length > 0 ? await inNode(root, { ...where, fast, only: files }) : [];
  const nothing = programs.length + files.length === 0;
  process.exitCode = failures.length + inside.length > 0 || nothing ? 1 : 0;
}

await main(process.argv.slice(2));
