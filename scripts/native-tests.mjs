// Builds the programs under native/test into the addon's build folder and runs each of them.
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun, runPrograms } from './run-programs.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const build = join(root, 'build');
const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());

// setup.mjs has configured the folder; the programs share its objects.
mustRun(process.execPath, [join(root, 'scripts', 'setup.mjs'), '--native-only']);
mustRun('cmake', ['-S', join(root, 'native'), '-B', build, '-DNABLA_NATIVE_TESTS=ON']);
mustRun('cmake', ['--build', build, '--config', 'Release', '--parallel', jobs]);

const only = process.argv.slice(2);
const programs = readdirSync(join(root, 'native', 'test'))
  .filter((name) => name.endsWith('.cpp'))
  .map((name) => name.slice(0, -'.cpp'.length))
  .filter((name) => only.length === 0 || only.includes(name));

const failures = await runPrograms(
  programs.map((name) => {
    const file = [join(build, name), join(build, 'Release', name)].find((path) => existsSync(path));
    return { name, command: file ?? join(build, name), args: [] };
  }),
  { timeout: 600_000 },
);
console.log(`${programs.length - failures.length} native programs passed and ${failures.length} failed`);
process.exitCode = failures.length > 0 || programs.length === 0 ? 1 : 0;
