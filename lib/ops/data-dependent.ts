// Ops whose result shape depends on values: they queue their kernels, wait for some counts, and then make the result.
import { read, readSync } from '../tensor/read.js';
import type { Tensor } from '../tensor/tensor.js';

/** The first half of such an op. */
export interface Pending<R> {
  /** What the result's shape depends on: an integer tensor that the queued kernels fill. It is disposed once read. */
  readonly counts: Tensor;
  /** Makes the result from the values of `counts`, in row-major order. */
  finish(counts: readonly number[]): R;
  /** Frees what only {@link finish} needs; called in every case, also when a kernel has failed. */
  release?(): void;
}

function finished<R>(pending: Pending<R>, counts: Iterable<number | bigint>): R {
  return pending.finish(Array.from(counts, Number));
}

function release<R>(pending: Pending<R>): void {
  pending.counts.dispose();
  pending.release?.();
}

/**
 * Both forms of an op: `[op, opAsync]`. `begin` checks the arguments, queues the kernels and returns at once; the first
 * form blocks until they have run, the second one gives a promise (also of the errors that `begin` throws).
 * Between the halves the user may dispose the inputs: what `finish` needs of them has to be kept by `begin`.
 */
export function dataDependent<A extends readonly unknown[], R>(
  op: string,
  begin: (...args: A) => Pending<R>,
): [now: (...args: A) => R, later: (...args: A) => Promise<R>] {
  const now = (...args: A): R => {
    const pending = begin(...args);
    try {
      return finished(pending, readSync(pending.counts, op));
    } finally {
      release(pending);
    }
  };
  const later = async (...args: A): Promise<R> => {
    const pending = begin(...args);
    try {
      return finished(pending, await read(pending.counts, op));
    } finally {
      release(pending);
    }
  };
  return [now, later];
}
