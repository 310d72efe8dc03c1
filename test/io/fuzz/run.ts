// One trial: a changed file goes to its reader, which must give tensors or a typed error, in bounds of time and memory.
import { memory, resetPeakMemory, type Tensor } from '../../../lib/index.js';
import { Draw, mutateBytes } from './mutate.js';
import { isExpected, type Target } from './targets.js';

/** Deflate cannot pack more than 1032 bytes into one; an eight-bit float becomes two bytes, and a copy may be under way. */
const MAX_RATIO = 1032 * 4;
const SPARE_BYTES = 2 ** 22;
/** Far above what any reader takes for these files, also on a busy machine. */
const MAX_MS = 10_000;
/** Larger results are not read: they are views that repeat elements. */
const MAX_READ = 2 ** 20;

/** What a trial has come to; a problem is a failure. */
export interface Outcome {
  readonly accepted: boolean;
  readonly problem?: string;
}

/** The file of a trial: the same for the same numbers. */
export function fileOf(target: Target, seed: number, trial: number): Buffer {
  const d = new Draw(Math.imul(seed, 0x9e3779b1) ^ Math.imul(trial + 1, 0x85ebca6b));
  const given = Buffer.from(d.pick(target.seeds));
  const changed = d.chance(0.6) ? target.mutate(d, given) : given;
  return changed === given || d.chance(0.2) ? mutateBytes(d, changed) : changed;
}

/** Reads a file and looks at everything that must hold. */
export async function tryFile(target: Target, bytes: Buffer): Promise<Outcome> {
  const before = memory();
  resetPeakMemory();
  const start = performance.now();
  let accepted = false;
  try {
    const tensors = [...(await target.read(bytes))] as Tensor[];
    accepted = true;
    for (const x of tensors) if (!x.isDisposed && x.numel <= MAX_READ) await x.data();
    for (const x of tensors) x.dispose();
  } catch (error) {
    if (!isExpected(error)) return { accepted, problem: error instanceof Error ? String(error.stack) : String(error) };
  }
  const after = memory();
  const ms = performance.now() - start;
  const taken = after.peak - before.live;
  if (after.tensors > before.tensors) return { accepted, problem: `${after.tensors - before.tensors} tensors stay` };
  if (taken > bytes.length * MAX_RATIO + SPARE_BYTES)
    return { accepted, problem: `${taken} bytes for a file of ${bytes.length}` };
  if (ms > MAX_MS) return { accepted, problem: `${Math.round(ms)} ms` };
  if (Object.hasOwn(Object.prototype, 'polluted') || ({} as { a?: unknown }).a !== undefined) {
    return { accepted, problem: 'the prototype of all objects was changed' };
  }
  return { accepted };
}
