// Writes the tarballs that are published: nabla, and a package with the native core for each platform built here.
//   node scripts/pack.mjs [--target linux-x64 FILE]...    default: this platform, and linux-arm64 when it is cross-built
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { faultsOf } from './check-binary.mjs';
import { hostPlatform, PLATFORMS, packageOf, platformManifest, publishedManifest, targetOf } from './platforms.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** The tarballs lie here, those of nabla and of @nabla/core-linux-x64 for instance as nabla-core-linux-x64-0.1.0.tgz. */
export const PACKAGES = join(root, 'build', 'packages');
const staging = join(root, 'build', 'staging');
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function pack(name, fill) {
  const folder = join(staging, name.replace('/', '-'));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  fill(folder);
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', PACKAGES];
  const result = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' });
  if (result.status !== 0) throw new Error(`npm pack of ${name} failed: ${result.stderr}`);
  const report = JSON.parse(result.stdout);
  const { filename, size, unpackedSize } = Array.isArray(report) ? report[0] : Object.values(report)[0];
  const megabytes = (bytes) => (bytes / 1e6).toFixed(2);
  console.log(`${filename}: ${megabytes(size)} MB, unpacked ${megabytes(unpackedSize)} MB`);
}

const writeManifest = (folder, manifest) =>
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

function packLibrary() {
  pack('nabla', (folder) => {
    for (const name of own.files) cpSync(join(root, name), join(folder, name), { recursive: true });
    writeManifest(folder, publishedManifest(own));
  });
}

function packCore(platform, binary) {
  const faults = platform.os === 'linux' ? faultsOf(binary) : [];
  if (faults.length > 0) throw new Error(`${binary} must not be published:\n  ${faults.join('\n  ')}`);
  pack(packageOf(platform), (folder) => {
    copyFileSync(binary, join(folder, 'nabla.node'));
    chmodSync(join(folder, 'nabla.node'), 0o644);
    copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
    writeFileSync(
      join(folder, 'README.md'),
      `The native core of [nabla](https://www.npmjs.com/package/nabla) for ${targetOf(platform)}. Install nabla instead.\n`,
    );
    writeManifest(folder, platformManifest(platform, own));
  });
}

/** When the newest file in a folder was changed. */
const newest = (folder) =>
  Math.max(...readdirSync(folder, { recursive: true }).map((file) => statSync(join(folder, file)).mtimeMs));

/** Binaries to pack: those named, or what this machine has built. */
function binaries(argv) {
  const named = [];
  for (let i = 0; i < argv.length; i += 3) {
    const platform = PLATFORMS.find((one) => targetOf(one) === argv[i + 1]);
    if (argv[i] !== '--target' || !platform || !existsSync(argv[i + 2] ?? ''))
      throw new Error(`usage: pack.mjs [--target ${PLATFORMS.map(targetOf).join('|')} FILE]...`);
    named.push([platform, argv[i + 2]]);
  }
  if (named.length > 0) return named;
  const host = hostPlatform();
  if (!host) throw new Error(`nabla is not published for ${process.platform}-${process.arch}`);
  const found = [[host, join(root, 'build', 'Release', 'nabla.node')]];
  const cross = join(root, 'build-neon', 'nabla.node');
  const arm = PLATFORMS.find((one) => targetOf(one) === 'linux-arm64');
  if (arm !== host && existsSync(cross)) {
    // Left over from other sources?
    if (statSync(cross).mtimeMs > newest(join(root, 'native'))) found.push([arm, cross]);
    else console.log('NOT RUN: packing linux-arm64, whose build is out of date: npm run test:neon');
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const list = binaries(process.argv.slice(2));
  rmSync(PACKAGES, { recursive: true, force: true });
  mkdirSync(PACKAGES, { recursive: true });
  packLibrary();
  for (const [platform, binary] of list) packCore(platform, binary);
  const left = PLATFORMS.filter((platform) => !list.some(([packed]) => packed === platform)).map(targetOf);
  if (left.length > 0) console.log(`not built here, but by .github/workflows/release.yml: ${left.join(', ')}`);
}
