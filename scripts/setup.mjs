// Makes a checkout ready: packages, native addon, dist. Does only what is missing or older than its sources, so every
// other command may call it first. Plain Node: it runs before anything is installed.
//   node scripts/setup.mjs [--force] [--verbose] [--native-only]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const buildDir = join(root, 'build');
const addonFile = join(buildDir, 'Release', 'nabla.node');
const stampFile = join(buildDir, 'setup.json');
const require = createRequire(join(root, 'package.json'));

const NO_TOOLCHAIN = `nabla needs CMake and a C++20 compiler to build its native core. Install them and run the command again:
  Debian, Ubuntu   apt-get install -y cmake g++ make
  macOS            xcode-select --install && brew install cmake
  Windows          Visual Studio Build Tools with "C++ Clang tools for Windows" and "C++ CMake tools"`;

const NO_EIGEN = `nabla needs the headers of Eigen 3.4 to build its native core. Install them and run the command again:
  Debian, Ubuntu   apt-get install -y libeigen3-dev
  macOS            brew install eigen
  Windows          vcpkg install eigen3 (with VCPKG_ROOT set)
or set EIGEN3_INCLUDE_DIR to the folder that holds Eigen/Core.`;

class SetupError extends Error {}

const readJson = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined);

/** Name, size and time of every file under the given paths, as one hash. */
function fingerprint(paths) {
  const hash = createHash('sha256');
  const visit = (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      for (const name of readdirSync(path).sort()) visit(join(path, name));
    } else {
      hash.update(`${path.slice(root.length)}:${stat?.size}:${stat?.mtimeMs}\n`);
    }
  };
  for (const path of paths) visit(join(root, path));
  return hash.digest('hex');
}

/** True when node_modules holds what package-lock.json asks for. Compares contents: a clone's file times mean nothing. */
function packagesCurrent(lock, installed) {
  if (!installed) return false;
  for (const [path, wanted] of Object.entries(lock.packages)) {
    if (path === '') continue;
    const have = installed.packages[path];
    if (have ? have.version !== wanted.version : !wanted.optional) return false;
  }
  return true;
}

function run(what, command, args, options = {}) {
  const shown = options.verbose || process.stderr.isTTY;
  const started = performance.now();
  process.stderr.write(`setup: ${what} ...\n`);
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', shown ? 2 : 'pipe', shown ? 2 : 'pipe'],
    maxBuffer: 1 << 28,
    encoding: 'utf8',
    shell: options.shell ?? false,
  });
  if (result.error) throw new SetupError(`${what}: ${result.error.message}`);
  if (result.status !== 0) {
    const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim();
    throw new SetupError(`${what} failed (exit ${result.status ?? result.signal})${output ? `\n${output}` : ''}`);
  }
  process.stderr.write(`setup: ${what} done in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

function onPath(names) {
  const extensions = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.some((name) => folders.some((dir) => extensions.some((ext) => existsSync(join(dir, name + ext)))));
}

function hasToolchain() {
  if (!onPath(['cmake'])) return false;
  if (process.platform === 'win32') return true; // Visual Studio is not on the path; cmake-js looks for it.
  if (process.platform === 'darwin') return spawnSync('xcode-select', ['-p']).status === 0;
  return onPath(['g++', 'clang++']) && onPath(['make', 'ninja']);
}

/** The folder that holds Eigen/Core, or undefined. */
function eigenFolder() {
  const own = process.env.EIGEN3_INCLUDE_DIR;
  const roots = ['/usr', '/usr/local', '/opt/homebrew', '/opt/local'].map((root) => join(root, 'include'));
  if (process.env.VCPKG_ROOT) {
    const installed = join(process.env.VCPKG_ROOT, 'installed');
    if (existsSync(installed))
      for (const triplet of readdirSync(installed)) roots.push(join(installed, triplet, 'include'));
  }
  const folders = own ? [own] : roots.flatMap((root) => [join(root, 'eigen3'), root]);
  return folders.find((folder) => existsSync(join(folder, 'Eigen', 'Core')));
}

/** Debian's package when we may install it; else the user has to. */
function needEigen(options) {
  const found = eigenFolder();
  if (found) return found;
  if (process.getuid?.() !== 0 || !onPath(['apt-get']) || process.env.EIGEN3_INCLUDE_DIR)
    throw new SetupError(NO_EIGEN);
  const install = () =>
    run('installing libeigen3-dev', 'apt-get', ['install', '-qy', '--no-install-recommends', 'libeigen3-dev'], options);
  try {
    install();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    run('updating the list of packages', 'apt-get', ['update', '-q'], options);
    install();
  }
  const installed = eigenFolder();
  if (!installed) throw new SetupError(NO_EIGEN);
  return installed;
}

function installPackages(options) {
  const lock = readJson(join(root, 'package-lock.json'));
  if (!lock) return;
  if (packagesCurrent(lock, readJson(join(root, 'node_modules', '.package-lock.json')))) return;
  run('installing packages', 'npm', ['ci', '--no-audit', '--no-fund'], {
    ...options,
    shell: process.platform === 'win32',
  });
}

/** CMake refuses a build folder that was configured for another place. */
function dropForeignBuild() {
  const cache = join(buildDir, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1];
  if (home !== join(root, 'native').replaceAll('\\', '/')) rmSync(buildDir, { recursive: true, force: true });
}

function buildNative(options) {
  if (!hasToolchain()) throw new SetupError(NO_TOOLCHAIN);
  const eigen = needEigen(options);
  dropForeignBuild();
  const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  const addonApi = dirname(require.resolve('node-addon-api/package.json'));
  const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
  const args = [cmakeJs, 'build', '-d', join(root, 'native'), '-O', buildDir, '-p', jobs];
  args.push(`--CDNODE_ADDON_API_DIR=${addonApi}`, `--CDEIGEN3_INCLUDE_DIR=${eigen}`);
  args.push('--CDNABLA_NATIVE_TESTS=OFF'); // scripts/native-tests.mjs turns it on in the same folder
  // The kernels use GNU vector extensions, which MSVC's own compiler lacks.
  if (process.platform === 'win32') args.push('-t', 'ClangCL');
  run('building the native core', process.execPath, args, options);
  if (!existsSync(addonFile)) throw new SetupError(`building the native core left no ${addonFile}`);
}

function buildDist(options) {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  run('writing types', process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], options);
  run('bundling', process.execPath, [join(root, 'scripts', 'bundle.mjs')], options);
}

const steps = [
  {
    name: 'native',
    inputs: ['native', 'package-lock.json'],
    output: addonFile,
    build: buildNative,
  },
  {
    name: 'dist',
    inputs: ['lib', 'scripts/bundle.mjs', 'scripts/bundle', 'tsconfig.json', 'package.json'],
    output: join(root, 'dist', 'index.js'),
    build: buildDist,
  },
];

function setup(argv) {
  const options = { verbose: argv.includes('--verbose') };
  const force = argv.includes('--force');
  installPackages(options);
  const stamps = readJson(stampFile) ?? {};
  for (const step of steps) {
    if (step.name !== 'native' && argv.includes('--native-only')) continue;
    const inputs = fingerprint(step.inputs);
    const size = statSync(step.output, { throwIfNoEntry: false })?.size;
    const cut = size === undefined || stamps.sizes?.[step.name] !== size;
    if (!force && stamps[step.name] === inputs && !cut) continue;
    // Newer than its sources, so the build would leave it as it is.
    if (cut) rmSync(step.output, { force: true });
    step.build(options);
    stamps[step.name] = inputs;
    stamps.sizes = { ...stamps.sizes, [step.name]: statSync(step.output).size };
    mkdirSync(buildDir, { recursive: true });
    writeFileSync(stampFile, `${JSON.stringify(stamps, null, 2)}\n`);
  }
}

try {
  setup(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`setup: ${error.message}\n`);
  process.exitCode = 1;
}
