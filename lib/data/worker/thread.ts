// Starting the thread of a worker, from built JavaScript as from TypeScript sources.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ArgumentError } from '../../errors.js';
import type { WorkerSetup } from './messages.js';
import { isModuleSource } from './source.js';

const TYPESCRIPT = /\.[cm]?tsx?$/;

/** A program of its own, since a worker's file must be JavaScript: it takes in the loader of TypeScript first. */
const BOOTSTRAP = `const { workerData } = require('node:worker_threads');
(async () => {
  if (workerData.register) (await import(workerData.register)).register();
  await import(workerData.entry);
})();`;

export function startThread(setup: WorkerSetup): Worker {
  const own = import.meta.url;
  const entry = new URL(TYPESCRIPT.test(own) ? './data-worker.ts' : './data-worker.js', own).href;
  const modules = [entry, ...modulesOf([setup.dataset, setup.collate, setup.init])];
  const register = loaderFor(modules.filter((module) => TYPESCRIPT.test(module)));
  const { id, resourceLimits } = setup;
  const workerData = { setup, entry, register };
  return new Worker(BOOTSTRAP, { eval: true, workerData, resourceLimits, name: `DataLoader ${id}` });
}

function modulesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(modulesOf);
  if (ArrayBuffer.isView(value) || typeof value !== 'object' || value === null) return [];
  if (!isModuleSource(value)) return modulesOf(Object.values(value));
  return [String(value.module), ...modulesOf(value.args)];
}

/** What makes a thread understand TypeScript modules; undefined where it does so by itself, or need not. */
function loaderFor(modules: readonly string[]): string | undefined {
  // The command tsx understands them in the main thread only, though its flags are inherited.
  if (modules.length === 0) return undefined;
  for (const from of [modules[0], pathToFileURL(join(process.cwd(), 'package.json')).href]) {
    try {
      // require() finds the CommonJS twin, which cannot register from another module.
      return pathToFileURL(createRequire(from).resolve('tsx/esm/api')).href.replace(/\.cjs$/, '.mjs');
    } catch {
      // looked for in the next place
    }
  }
  if ((process.features as { typescript?: unknown }).typescript) return undefined;
  const message = `${modules[0]} is TypeScript, which a worker reads with the package tsx; name the compiled module or`;
  throw new ArgumentError('DataLoader', `${message} npm install tsx`, modules[0]);
}
