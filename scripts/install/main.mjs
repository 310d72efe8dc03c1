// Installs the packed tarballs into empty projects, as users do, where nothing could compile anything, and uses them.
//   node scripts/install/main.mjs        needs build/packages: npm run pack:all
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGES } from '../pack.mjs';
import { hostPlatform, packageOf } from '../platforms.mjs';
import { bundle } from './bundlers.mjs';
import { startRegistry } from './registry.mjs';
import { npm, toolOf } from './tools.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const work = mkdtempSync(join(tmpdir(), 'nabla-install-'));
const core = packageOf(hostPlatform());
let passed = 0;
const failures = [];

/** Only Node and a shell: no compiler, no CMake, no Python. */
const bin = join(work, 'bin');
mkdirSync(bin);
symlinkSync(process.execPath, join(bin, 'node'));
for (const name of ['sh', 'env', 'uname', 'dirname', 'sed', 'rm']) {
  const folder = (process.env.PATH ?? '').split(delimiter).find((dir) => existsSync(join(dir, name)));
  if (folder) symlinkSync(join(folder, name), join(bin, name));
}
const bare = (extra = {}) => ({ PATH: bin, HOME: work, TMPDIR: work, NO_COLOR: '1', CI: '1', ...extra });

function run([program, ...args], { cwd, env = bare(), timeout = 300_000 }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    child.on('error', (error) => resolve({ status: error.code, output: error.message }));
    child.on('close', (code, signal) => resolve({ status: code ?? signal, output }));
  });
}

async function check(name, command, options, expected = /trained/, status = 0) {
  const started = performance.now();
  const result = await run(command, options);
  const good = result.status === status && expected.test(result.output);
  if (good) passed++;
  else failures.push(name);
  console.log(`${good ? 'ok' : 'FAILED'}: ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  if (!good)
    console.log(`  ended with ${result.status}, expected ${status} and ${expected}\n${result.output.slice(-3000)}`);
  return good;
}

function project(name, manifest = {}) {
  const folder = join(work, name);
  cpSync(join(root, 'scripts', 'install', 'project'), folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, private: true, version: '1.0.0', ...manifest }));
  return folder;
}

const node = (...args) => [process.execPath, ...args];

/** Each command installs nabla alone; what nabla needs must come with it. */
function managers(url) {
  const registry = `--registry=${url}`;
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund'];
  const yarnrc = (linker) =>
    `npmRegistryServer: "${url}"\nunsafeHttpWhitelist: ["127.0.0.1"]\nenableTelemetry: false\nenableScripts: false\nenableImmutableInstalls: false\nnodeLinker: ${linker}\n`;
  const tools = Object.fromEntries(['pnpm', 'yarn', 'bun'].map((name) => [name, toolOf(name, root)]));
  return [
    { name: 'npm', command: [...npm(), 'install', 'nabla', registry, ...quiet, `--cache=${join(work, 'npm')}`] },
    {
      name: 'pnpm',
      tool: tools.pnpm,
      args: ['add', 'nabla', registry, '--ignore-scripts', `--store-dir=${join(work, 'pnpm')}`],
    },
    { name: 'yarn', tool: tools.yarn, args: ['add', 'nabla'], rc: ['.yarnrc.yml', yarnrc('node-modules')] },
    {
      name: "yarn Plug'n'Play",
      tool: tools.yarn,
      args: ['add', 'nabla'],
      rc: ['.yarnrc.yml', yarnrc('pnp')],
      pnp: true,
    },
    {
      name: 'bun',
      tool: tools.bun,
      args: ['add', 'nabla', registry, '--ignore-scripts', `--cache-dir=${join(work, 'bun')}`],
    },
  ];
}

async function installWith({ name, command, tool, args, rc, pnp }) {
  if (!command && !tool) return console.log(`NOT RUN: installing with ${name}: it cannot be downloaded here`);
  const folder = project(name.replace(/\W+/g, '-'));
  if (rc) {
    writeFileSync(join(folder, rc[0]), rc[1]);
    writeFileSync(join(folder, 'yarn.lock'), '');
  }
  if (!(await check(`${name} installs`, command ?? [...tool, ...args], { cwd: folder }, /(?:)/))) return;
  const how = pnp ? node('--require', './.pnp.cjs', '--loader', './.pnp.loader.mjs') : node();
  await check(`${name}: import`, [...how, 'esm.mjs'], { cwd: folder });
  // require() of an ES module passes Plug'n'Play's loader by: docs/installation.md.
  if (!pnp) await check(`${name}: require`, [...how, 'required.cjs'], { cwd: folder });
}

/** What does not depend on how it was installed, in the project that npm made. */
async function useInstalled(folder) {
  await check('worker_threads', node('threads.mjs'), { cwd: folder });
  await check('child processes and node:cluster', node('processes.mjs'), { cwd: folder });
  const newest = toolOf('node', root);
  if (newest) {
    await check('newest Node: version', [...newest, '--version'], { cwd: folder }, /^v2[4-9]|^v[3-9]\d/);
    for (const file of ['esm.mjs', 'required.cjs', 'threads.mjs'])
      await check(`newest Node: ${file}`, [...newest, file], { cwd: folder });
  } else console.log('NOT RUN: the newest Node cannot be downloaded here');
  await check(
    'nabla doctor',
    node('node_modules/nabla/dist/cli.js', 'doctor'),
    { cwd: folder },
    /loaded +.*nabla\.node/,
  );
}

async function types(folder) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  cpSync(join(root, 'node_modules', '@types', 'node'), join(folder, 'node_modules', '@types', 'node'), {
    recursive: true,
  });
  cpSync(join(root, 'node_modules', 'undici-types'), join(folder, 'node_modules', 'undici-types'), { recursive: true });
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const flags = ['--strict', '--noEmit', '--skipLibCheck', 'false', '--target', 'es2023', '--types', 'node'];
    const command = node(tsc, ...flags, '--module', module, '--moduleResolution', resolution, 'types.ts');
    await check(`TypeScript, ${resolution}`, command, { cwd: folder }, /^$/);
  }
}

async function missingCore(folder) {
  const path = join(folder, 'node_modules', core);
  renameSync(path, `${path}.away`);
  const repair = new RegExp(`${core}: not installed[\\s\\S]*npm install --save-optional ${core}@`);
  await check('a missing core is named with its repair', node('-e', "import('nabla')"), { cwd: folder }, repair, 1);
  await check(
    'nabla doctor without a core',
    node('node_modules/nabla/dist/cli.js', 'doctor'),
    { cwd: folder },
    repair,
    1,
  );
  renameSync(`${path}.away`, path);
}

/** The command that an error names must mend what it names. */
async function damagedCore(folder, url) {
  const file = join(folder, 'node_modules', core, 'nabla.node');
  truncateSync(file, 1_000_000);
  const import_ = node('-e', "import('nabla')");
  await check('a core that is cut short is named', import_, { cwd: folder }, /nabla\.node is cut short or damaged/, 1);
  const { output } = await run(import_, { cwd: folder });
  const command = /Repair it with\n {2}(.*)/.exec(output)?.[1] ?? 'exit 1';
  const quiet = `--registry=${url} --cache=${join(work, 'npm')} --ignore-scripts --no-audit --no-fund`;
  const [program, ...before] = npm();
  const ready = command.replace(/npm install$/, [program, ...before, 'install', quiet].join(' '));
  await check('its repair command runs', ['sh', '-c', ready], { cwd: folder }, /(?:)/);
  await check('and mends it', node('esm.mjs'), { cwd: folder });
}

function contents(folder) {
  const manifests = [join(folder, 'node_modules', 'nabla'), join(folder, 'node_modules', core)];
  for (const place of manifests) {
    const files = readdirSync(place, { recursive: true, encoding: 'utf8' });
    const { scripts, gypfile, dependencies = {} } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
    const wrong = files.filter((file) => /binding\.gyp|\.(cpp|h|gypi?)$|CMakeLists|\.map$/.test(file));
    const good = wrong.length === 0 && scripts === undefined && gypfile === undefined && !('bindings' in dependencies);
    if (good) passed++;
    else failures.push(`${place}: ${wrong} ${JSON.stringify(scripts)}`);
  }
}

try {
  if (!existsSync(PACKAGES)) throw new Error('no packed tarballs: npm run pack:all');
  await check(
    'no compiler is in reach',
    ['sh', '-c', 'command -v cc c++ gcc g++ clang make cmake ninja python python3 || echo none'],
    { cwd: work },
    /^none\n$/,
  );
  const registry = await startRegistry(root, PACKAGES);
  for (const manager of managers(registry.url)) await installWith(manager);
  const folder = join(work, 'npm');
  contents(folder);
  await damagedCore(folder, registry.url);
  registry.close();
  await useInstalled(folder);
  await types(folder);
  await bundle(folder, check, node);
  await missingCore(folder);
} finally {
  rmSync(work, { recursive: true, force: true });
}
for (const failure of failures) console.log(`FAILED: ${failure}`);
console.log(`install: ${passed} checks passed and ${failures.length} failed`);
process.exitCode = failures.length > 0 || passed < 10 ? 1 : 0;
