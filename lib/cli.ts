#!/usr/bin/env node
// `npx nabla doctor`: what nabla finds on this machine. The library is imported late, so that a broken one can be reported.
import { cpus, totalmem } from 'node:os';
import { BinaryError, glibcVersion, libcOf, ownVersion, platformPackage } from './binary.js';

const USAGE = `usage: nabla doctor
  doctor   prints what nabla finds on this machine; fails with a repair command when its native core cannot be loaded`;

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;

const show = (rows: readonly (readonly [string, string])[]): void => {
  for (const [name, value] of rows) console.log(`${name.padEnd(14)} ${value}`);
};

function machine(): [string, string][] {
  const libc = libcOf() === 'musl' ? ', musl' : libcOf() === 'glibc' ? `, glibc ${glibcVersion() ?? 'unknown'}` : '';
  return [
    ['nabla', ownVersion()],
    ['node', process.versions.node],
    ['platform', `${process.platform}-${process.arch}${libc}`],
    ['processor', `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} logical cores`],
    ['package', platformPackage()],
  ];
}

/** What only the loaded library knows. Its files are found at run time: the bundler must not take them in. */
async function core(): Promise<[string, string][]> {
  const url = new URL('./doctor.js', import.meta.url).href;
  const { backends, getNumThreads, nativeFile, tensor } = (await import(url)) as typeof import('./doctor.js');
  const sum = await tensor([1, 2, 3]).sum().item();
  if (sum !== 6) throw new Error(`1 + 2 + 3 is ${sum} here: the native core computes wrongly`);
  const limit = Number(process.env.NABLA_MAX_BYTES);
  return [
    ['loaded', nativeFile],
    ['instructions', `${backends.cpu.isa} (this machine can run ${backends.cpu.supportedIsas.join(', ')})`],
    ['threads', String(getNumThreads())],
    ['memory limit', limit > 0 ? megabytes(limit) : `none (the system has ${megabytes(totalMemory())})`],
    ['devices', 'cpu'],
  ];
}

const totalMemory = (): number => Math.min(process.constrainedMemory() || totalmem(), totalmem());

async function doctor(): Promise<void> {
  show(machine());
  try {
    show(await core());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    if (!(error instanceof Error && error.name === BinaryError.name))
      console.error('Repair it with\n  npm install --force nabla');
    process.exitCode = 1;
  }
}

if (process.argv[2] === 'doctor' && process.argv.length === 3) await doctor();
else {
  console.error(USAGE);
  process.exitCode = process.argv[2] === '--help' || process.argv[2] === 'help' ? 0 : 2;
}
