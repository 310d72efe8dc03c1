// Bayesian optimization against random search; npm run example -- bayesian is the long version.
import { describe, expect, it } from 'vitest';
import { selection } from '../../lib/index.js';
import { branin, hartmann6 } from './functions.js';

const { BayesianSampler, categorical, float, int, RandomSampler, Study, when, wilcoxon } = selection;

async function regretOf<S extends selection.Space>(
  problem: { space: S; value: (params: selection.Params<S>) => number; minimum: number },
  sampler: selection.Sampler,
  trials: number,
  seed: number,
): Promise<number> {
  const study = new Study({ space: problem.space, sampler, seed });
  await study.optimize(({ params }) => problem.value(params), { trials });
  return study.best.value - problem.minimum;
}

describe('Bayesian optimization', () => {
  it('beats random search on the Branin function, and comes near its minimum', { timeout: 120_000 }, async () => {
    const pairs: [number, number][] = [];
    for (let seed = 1; seed <= 8; seed++) {
      pairs.push([
        await regretOf(branin, new BayesianSampler({ candidates: 200 }), 30, seed),
        await regretOf(branin, new RandomSampler(), 30, seed),
      ]);
    }
    const [model, random] = [0, 1].map((k) => pairs.map((pair) => pair[k]));
    expect(wilcoxon(model, random, { alternative: 'less' }).pValue).toBeLessThan(0.01);
    expect(model.toSorted((a, b) => a - b)[4]).toBeLessThan(1e-2);
  });

  it('beats random search on the Hartmann function in six dimensions', { timeout: 120_000 }, async () => {
    const regrets = await Promise.all(
      [1, 2].map(async (seed) => [
        await regretOf(hartmann6, new BayesianSampler({ candidates: 200 }), 60, seed),
        await regretOf(hartmann6, new RandomSampler(), 180, seed),
      ]),
    );
    for (const [model, random] of regrets) expect(model).toBeLessThan(random);
  });

  const mixed = {
    kind: categorical(['a', 'b', 'c']),
    n: int(1, 40),
    x: float(1e-4, 1, { log: true }),
    y: when({ kind: 'b' }, float(-1, 1)),
  };
  /** Least, 0, at b, 12, 0.01, 0.25. */
  const value = ({ kind, n, x, y }: selection.Params<typeof mixed>): number =>
    (kind === 'b' ? (y as number) ** 2 - (y as number) / 2 + 0.0625 : 0.8) +
    ((n - 12) / 20) ** 2 +
    (Math.log10(x) + 2) ** 2 / 4;

  it('searches mixed and conditional spaces', async () => {
    const values: number[][] = [];
    for (let seed = 1; seed <= 3; seed++) {
      const problem = { space: mixed, value, minimum: 0 };
      values.push([
        await regretOf(problem, new BayesianSampler({ candidates: 200 }), 35, seed),
        await regretOf(problem, new RandomSampler(), 105, seed),
      ]);
    }
    for (const [model, random] of values) {
      expect(model).toBeLessThan(0.02);
      expect(model).toBeLessThan(random);
    }
  });

  it('spreads trials that run at the same time', async () => {
    const study = new Study({ space: mixed, sampler: new BayesianSampler({ candidates: 100 }), seed: 2 });
    let most = 0;
    let running = 0;
    await study.optimize(
      async ({ params }) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return value(params);
      },
      { trials: 40, parallel: 4 },
    );
    expect(most).toBe(4);
    expect(new Set(study.trials.map(({ params }) => JSON.stringify(params))).size).toBe(40);
    expect(study.best.value).toBeLessThan(0.05);
  });

  it('uses up a small space, then tries the best again', async () => {
    const study = new Study({
      direction: 'maximize',
      space: { a: categorical([1, 2, 3]), b: categorical([true, false]) },
      sampler: new BayesianSampler({ startTrials: 3 }),
      seed: 1,
    });
    await study.optimize(({ params }) => params.a + (params.b ? 0.5 : 0), { trials: 8 });
    expect(new Set(study.trials.slice(0, 6).map(({ params }) => JSON.stringify(params))).size).toBeGreaterThanOrEqual(
      5,
    );
    expect(study.best.params).toEqual({ a: 3, b: true });
  });

  it('goes on when trials fail, and when all values are equal', async () => {
    const study = new Study({ space: { x: float(0, 1) }, sampler: new BayesianSampler({ startTrials: 4 }), seed: 3 });
    await study.optimize(({ params }) => (params.x > 0.5 ? Number.NaN : (params.x - 0.4) ** 2), {
      trials: 20,
      keepGoing: true,
    });
    expect(Math.abs(study.best.params.x - 0.4)).toBeLessThan(0.02);
    // It learns where trials fail.
    expect(study.trials.slice(8).filter(({ state }) => state === 'failed').length).toBeLessThan(6);
    const flat = new Study({ space: { x: float(0, 1) }, sampler: new BayesianSampler({ startTrials: 3 }), seed: 3 });
    await flat.optimize(() => 1, { trials: 8 });
    expect(new Set(flat.trials.map(({ params }) => params.x)).size).toBe(8);
  });

  it('refuses options out of range', () => {
    expect(() => new BayesianSampler({ startTrials: 0 })).toThrow(/startTrials must be an integer >= 1/);
    expect(() => new BayesianSampler({ maxModelTrials: 1 })).toThrow(/maxModelTrials/);
  });
});
