// A short run of the fuzzer of file formats: the same files each time. The long one is `npm run fuzz:formats`.
import { describe, expect, it } from 'vitest';
import { fileOf, tryFile } from './fuzz/run.js';
import { targets } from './fuzz/targets.js';

const trials = Number(process.env.NABLA_FUZZ_FILES ?? 250);
const seed = Number(process.env.NABLA_FUZZ_SEED ?? 1);

describe('damaged and hostile files cost a typed error', () => {
  it.each(targets())('$name', async (target) => {
    for (const good of target.seeds) {
      const { problem } = await tryFile(target, Buffer.from(good));
      expect(problem).toBeUndefined();
    }
    let refused = 0;
    for (let trial = 0; trial < trials; trial++) {
      const { accepted, problem } = await tryFile(target, fileOf(target, seed, trial));
      expect(problem, `npm run fuzz:formats -- --replay ${target.name}:${seed}:${trial}`).toBeUndefined();
      if (!accepted) refused++;
    }
    expect(refused).toBeGreaterThan(trials / 10);
  });
});
