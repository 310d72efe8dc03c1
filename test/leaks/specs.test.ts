// The samples of every spec, with gradients, without scope or dispose: what they made goes with their results.
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../lib/index.js';
import { makeTensor, type Sample } from '../support/fixture.js';
import { expectNoLeak } from '../support/leaks.js';
import { type SpecOfOp, specsByFamily } from './specs.js';

const SAMPLES = 3;

function runSample({ spec }: SpecOfOp, sample: Sample): void {
  const dtype = spec.dtypes?.[0] ?? 'float32';
  for (const layout of ['contiguous', 'strided'] as const) {
    const inputs = sample.inputs.map((input) => makeTensor(input, dtype, layout));
    if (sample.grads) for (const [i, input] of sample.inputs.entries()) if (input.grad) inputs[i].requiresGrad_();
    const results = [spec.call(inputs, sample.args)].flat() as Tensor[];
    const derived = results.filter((result) => result.requiresGrad);
    for (const [i, result] of derived.entries()) result.sum().backward({ retainGraph: i + 1 < derived.length });
  }
}

describe('specs leave nothing behind', async () => {
  const run = (one: SpecOfOp): void => {
    for (const sample of one.samples.slice(0, SAMPLES)) runSample(one, sample);
  };
  for (const [title, members] of await specsByFamily())
    it(title, async () => {
      expect(members.some(({ samples }) => samples.length > 0)).toBe(true);
      try {
        await expectNoLeak(() => members.forEach(run));
      } catch (error) {
        for (const one of members)
          await expectNoLeak(() => run(one)).catch((found: Error) => {
            throw new Error(`${one.op}: ${found.message}`);
          });
        throw error;
      }
    });
});
