// What the machine can do at best: bench/peak.cpp, compiled here and run before the first row.
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** float32 multiplications and additions on registers alone, and memory read, and read and written, per second. */
export interface Peak {
  readonly gflops: number;
  readonly readGBs: number;
  readonly copyGBs: number;
  readonly threads: number;
}

const run = promisify(execFile);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Null without a C++ compiler: the columns that need it stay empty. */
export async function measurePeak(threads: number, compiler = process.env.CXX ?? 'c++'): Promise<Peak | null> {
  const program = join(root, 'build', 'bench-peak');
  try {
    mkdirSync(dirname(program), { recursive: true });
    const flags = ['-O3', '-march=native', '-ffp-contract=fast', '-pthread'];
    await run(compiler, [...flags, join(root, 'bench', 'peak.cpp'), '-o', program]);
    const { stdout } = await run(program, [String(threads)]);
    return JSON.parse(stdout) as Peak;
  } catch {
    return null;
  }
}

/** The larger of both streams: a row is compared with what memory gives at best. */
export const streamGBs = (peak: Peak): number => Math.max(peak.readGBs, peak.copyGBs);

export const peakText = (peak: Peak | null): string =>
  peak === null
    ? 'Peak of the machine: not measured (no C++ compiler).'
    : `Peak of the machine, ${peak.threads} threads: ${peak.gflops} GFLOP/s on registers, ` +
      `${peak.readGBs} GB/s read, ${peak.copyGBs} GB/s read and written.`;
