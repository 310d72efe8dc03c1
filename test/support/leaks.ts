// Memory that does not come back. What nobody refers to any more is collected before it is counted.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { emptyCache, memory, synchronizeSync } from '../../lib/index.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface Held {
  readonly tensors: number;
  /** Memory of tensors and of what kernels keep for them. */
  readonly bytes: number;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What is held, once nothing is under way and all garbage is collected. */
async function held(): Promise<Held> {
  synchronizeSync();
  await settled();
  collect();
  const { tensors, live } = memory();
  return { tensors, bytes: live };
}

/**
 * Runs `body` until a run leaves no more tensors and bytes than it found, at most three times: the first runs may fill
 * caches, such as constants and weights in another layout. Expects that the last one leaves nothing.
 */
export async function expectNoLeak(body: () => unknown): Promise<void> {
  let before = await held();
  let after = before;
  for (let run = 0; run < 3; run++) {
    before = after;
    await body();
    after = await held();
    if (after.tensors <= before.tensors && after.bytes <= before.bytes) return;
  }
  emptyCache();
  expect(after, 'after the third run').toEqual(before);
}
