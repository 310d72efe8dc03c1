// Who takes part, and how each is started. Rivals are never dependencies: they are looked for where options say.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contestant } from './harness.js';

const here = dirname(fileURLToPath(import.meta.url));

/** The file of a worker. */
export const worker = (name: string): string => join(here, 'workers', name);

/** Where rivals are. */
export interface Places {
  /** An interpreter that has torch. */
  readonly python: string;
  /** `default`, `tuned`, or both. */
  readonly variants: readonly string[];
  /** A folder with node_modules in which @tensorflow/tfjs-node and onnxruntime-node may be. */
  readonly rivals?: string;
}

export const THREADS = 2;

export const nabla = (args: readonly string[]): Contestant => ({
  name: 'nabla',
  command: process.execPath,
  args: ['--expose-gc', ...args],
  env: { NABLA_NUM_THREADS: String(THREADS) },
});

/** glibc keeps what is freed instead of giving it back and asking for it again, page by page, at each step. */
const KEEP_MEMORY = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: String(2 ** 36),
  MALLOC_TOP_PAD_: String(2 ** 26),
};

/** A script in the wanted variants: `tuned` also uses channels_last, fused optimizers and given outputs where it can. */
export function torch(script: string, { python, variants }: Places, tuned = 'PyTorch, tuned'): Contestant[] {
  const all: Record<string, Contestant> = {
    default: { name: 'PyTorch', command: python, args: [script, 'default'] },
    tuned: { name: tuned, command: python, args: [script, 'tuned'], env: KEEP_MEMORY },
  };
  return variants.map((variant) => {
    if (!Object.hasOwn(all, variant)) throw new Error(`there is no variant ${variant}: default, tuned`);
    return all[variant];
  });
}

/** A worker for a package that is resolved from the folder of rivals. */
function fromFolder(name: string, packageName: string, script: string, { rivals, python }: Places): Contestant {
  const base = { name, command: process.execPath, args: [worker(script), rivals ?? '', python] };
  if (rivals === undefined) return { ...base, missing: 'not installed (--rivals names a folder)' };
  try {
    createRequire(join(resolve(rivals), 'package.json')).resolve(packageName);
    return base;
  } catch {
    return {
      ...base,
      missing: `not installed (no ${packageName} in ${existsSync(rivals) ? 'the folder' : 'no such folder'})`,
    };
  }
}

export const tfjs = (places: Places): Contestant =>
  fromFolder('tfjs-node', '@tensorflow/tfjs-node', 'tfjs.mjs', places);

export const onnx = (places: Places, script = 'onnx.mjs'): Contestant =>
  fromFolder('onnxruntime-node', 'onnxruntime-node', script, places);
