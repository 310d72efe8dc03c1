// The nine workloads on small sizes give what PyTorch gives: outputs or losses of three steps, and the gradient.
// test/bench/workloads.json is made by: python bench/workloads/workloads.py --fixture test/bench/workloads.json
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashed, type Job } from '../../bench/workloads/common.js';
import { WORKLOADS } from '../../bench/workloads/index.js';
import { scope, setDefaultDType, type Tensor } from '../../lib/index.js';

interface Expected {
  steps: number[];
  gradientNorm: number | null;
}

const { workloads } = JSON.parse(readFileSync('test/bench/workloads.json', 'utf8')) as {
  workloads: Record<string, Expected>;
};

/** A number that depends on every element and its place, as in workloads.py. */
async function checksum(out: Tensor): Promise<number> {
  const data = Array.from(await out.data(), Number);
  if (out.ndim === 0) return data[0];
  const weights = hashed(data.length, 99);
  return data.reduce((sum, x, i) => sum + x * weights[i], 0);
}

async function gradientNorm({ leaves }: Job): Promise<number | null> {
  if (leaves.length === 0) return null;
  let squares = 0;
  for (const leaf of leaves) {
    expect(leaf.grad).not.toBeNull();
    squares += await (leaf.grad as Tensor).square().sum().item();
  }
  return Math.sqrt(squares);
}

const close = (got: number, want: number, what: string): void => {
  expect(Math.abs(got - want), `${what}: ${got}, PyTorch ${want}`).toBeLessThanOrEqual(
    1e-9 * Math.max(1, Math.abs(want)),
  );
};

describe('workloads', () => {
  beforeAll(() => setDefaultDType('float64'));
  afterAll(() => setDefaultDType('float32'));
  it('are those of the fixture', () => {
    expect(Object.keys(WORKLOADS)).toEqual(Object.keys(workloads));
  });
  for (const [name, [title, make]] of Object.entries(WORKLOADS)) {
    it(`${name}: ${title}`, () =>
      scope(async () => {
        const want = workloads[name];
        const job = make('small');
        for (const [i, expected] of want.steps.entries()) {
          close(await checksum(job.step()), expected, `step ${i}`);
          if (i > 0) continue;
          const norm = await gradientNorm(job);
          if (want.gradientNorm === null) expect(norm).toBeNull();
          else close(norm as number, want.gradientNorm, 'norm of the gradient');
        }
      }));
  }
});
