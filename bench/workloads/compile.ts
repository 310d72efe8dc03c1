// The workloads as plain JavaScript on the compiled library, so that no compiler counts in their memory.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '..', '..', 'build', 'bench');

/** Writes build/bench/js/workloads, where ../../lib is the compiled library. */
export function compileWorkloads(): void {
  const files = readdirSync(here).filter((name) => /^(arithmetic|common|images|index|sequences)\.ts$/.test(name));
  mkdirSync(join(out, 'lib'), { recursive: true });
  writeFileSync(join(out, 'lib', 'index.js'), "export * from '../../../dist/index.js';\n");
  const require = createRequire(import.meta.url);
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const flags = ['--noCheck', '--noResolve', '--ignoreConfig', '--module', 'nodenext', '--target', 'es2023'];
  execFileSync(process.execPath, [tsc, ...flags, '--outDir', join(out, 'js', 'workloads'), ...files], { cwd: here });
}
