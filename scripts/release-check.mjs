// Refuses a release in which a platform, a version or a type is missing. Looks only at the tarballs.
//   node scripts/release-check.mjs [FOLDER] [--platforms linux-x64,linux-arm64]    default: build/packages, all platforms
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { PACKAGES } from './pack.mjs';
import { PLATFORMS, packageOf, targetOf } from './platforms.mjs';

/** Larger ones cost every installation. */
const MOST_BYTES = 12_000_000;

const argv = process.argv.slice(2);
const at = argv.indexOf('--platforms');
const wanted = at < 0 ? PLATFORMS.map(targetOf) : argv[at + 1].split(',');
const folder = argv.find((value, i) => !value.startsWith('--') && i !== at + 1) ?? PACKAGES;
const faults = [];

function tar(...args) {
  const result = spawnSync('tar', args, { encoding: 'latin1', maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`tar ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** Name of the package to its tarball, manifest and list of files. */
function readTarballs() {
  const found = new Map();
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.tgz')) : [];
  for (const name of names) {
    const file = join(folder, name);
    const manifest = JSON.parse(tar('-xzOf', file, 'package/package.json'));
    const files = tar('-tzf', file).trim().split('\n');
    found.set(manifest.name, { file, manifest, files: files.map((path) => path.replace(/^package\//, '')) });
  }
  return found;
}

/** What holds for every tarball. */
function checkTarball(name, { manifest, files }, version) {
  if (manifest.version !== version) faults.push(`${name} has version ${manifest.version}, nabla ${version}`);
  if (manifest.scripts) faults.push(`${name} has scripts: ${Object.keys(manifest.scripts)}`);
  for (const file of ['LICENSE', 'README.md']) if (!files.includes(file)) faults.push(`${name} has no ${file}`);
  for (const file of files)
    if (/(^|\/)binding\.gyp$|\.(cpp|cc|h|gypi)$|(^|\/)\.npmrc$|(^|\/)test\//.test(file))
      faults.push(`${name} ships ${file}`);
}

function checkCore(platform, tarball) {
  const { os, cpu, libc, main } = tarball.manifest;
  const same = (field, value) => JSON.stringify(field) === JSON.stringify(value && [value]);
  const fits = same(os, platform.os) && same(cpu, platform.cpu) && same(libc, platform.libc);
  if (!fits) faults.push(`${packageOf(platform)} is for ${os} ${cpu} ${libc ?? ''}`);
  if (main !== './nabla.node' || !tarball.files.includes('nabla.node'))
    faults.push(`${packageOf(platform)} has no nabla.node`);
  const { length } = tar('-xzOf', tarball.file, 'package/nabla.node');
  if (length > MOST_BYTES) faults.push(`${packageOf(platform)} has ${length} bytes, at most ${MOST_BYTES} are allowed`);
}

function checkLibrary({ manifest, files }) {
  for (const platform of PLATFORMS) {
    const asked = manifest.optionalDependencies?.[packageOf(platform)];
    if (asked !== manifest.version)
      faults.push(`nabla asks for ${packageOf(platform)} ${asked}, not ${manifest.version}`);
  }
  for (const field of ['devDependencies', 'gypfile'])
    if (field in manifest) faults.push(`nabla has the field ${field}`);
  const scripts = files.filter(
    (file) => file.startsWith('dist/') && file.endsWith('.js') && file.endsWith('/index.js'),
  );
  for (const file of scripts)
    if (!files.includes(file.replace(/\.js$/, '.d.ts'))) faults.push(`nabla has no types for ${file}`);
  for (const path of [manifest.main, manifest.types, ...Object.values(manifest.bin ?? {})])
    if (!files.includes(path.replace(/^\.\//, ''))) faults.push(`nabla has no ${path}`);
}

/** The checks of publint and of are-the-types-wrong. nabla is ESM: CommonJS gets it by require() of Node 20.19 and newer. */
async function checkTypes({ file, manifest }) {
  const tarball = readFileSync(file);
  const data = tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.length);
  const { messages } = await publint({ pack: { tarball: data }, strict: true });
  for (const message of messages) faults.push(`publint: ${formatMessage(message, manifest) ?? message.code}`);
  const entrypoints = ['.', './nn', './optim/lr-scheduler', './vision/transforms'];
  const { problems = [], types } = await checkPackage(createPackageFromTarballData(new Uint8Array(data)), {
    entrypoints,
  });
  if (!types) faults.push('are-the-types-wrong found no types');
  // Resolution of Node 10 knows no exports; ESM seen from CommonJS is what require(esm) is for.
  const fine = (problem) => problem.resolutionKind === 'node10' || problem.kind === 'CJSResolvesToESM';
  for (const problem of problems)
    if (!fine(problem))
      faults.push(`types: ${problem.kind} ${problem.entrypoint ?? ''} ${problem.resolutionKind ?? ''}`);
}

const tarballs = readTarballs();
const library = tarballs.get('nabla');
if (!library) faults.push(`${folder} has no tarball of nabla`);
else {
  for (const [name, tarball] of tarballs) checkTarball(name, tarball, library.manifest.version);
  for (const platform of PLATFORMS.filter((one) => wanted.includes(targetOf(one)))) {
    const tarball = tarballs.get(packageOf(platform));
    if (tarball) checkCore(platform, tarball);
    else faults.push(`${packageOf(platform)} is missing`);
  }
  checkLibrary(library);
  await checkTypes(library);
}
for (const fault of faults) console.error(`release: ${fault}`);
if (faults.length > 0) process.exitCode = 1;
else console.log(`release: ${tarballs.size} packages of version ${library.manifest.version} are complete`);
