import { describe, expect, it } from 'vitest';
import { selection } from '../../lib/index.js';

const {
  AshaPruner,
  categorical,
  float,
  hyperband,
  HyperbandPruner,
  int,
  MedianPruner,
  Study,
  successiveHalving,
  when,
} = selection;

describe('spaces', () => {
  const space = {
    lr: float(1e-4, 1, { log: true }),
    layers: int(1, 3),
    width: int(8, 512, { log: true }),
    optimizer: categorical(['sgd', 'adam']),
    momentum: when({ optimizer: 'sgd' }, float(0, 0.9)),
    nesterov: when({ momentum: 0.5 }, categorical([true, false])),
  };

  it('draw what belongs to them, evenly', async () => {
    const study = new Study({ space, sampler: new selection.RandomSampler(), seed: 1 });
    await study.optimize(() => 1, { trials: 600 });
    const params = study.trials.map((trial) => trial.params);
    const share = (test: (one: (typeof params)[0]) => boolean) => params.filter(test).length / params.length;
    // Four decades, a quarter of the draws each; standard deviation 0.018.
    for (const low of [1e-4, 1e-3, 1e-2, 1e-1]) {
      expect(share(({ lr }) => lr >= low && lr < 10 * low)).toBeCloseTo(0.25, 1);
    }
    for (const layers of [1, 2, 3]) expect(Math.abs(share((one) => one.layers === layers) - 1 / 3)).toBeLessThan(0.08);
    expect(share(({ width }) => width < 64)).toBeCloseTo(0.5, 1);
    expect(params.every(({ width }) => Number.isInteger(width) && width >= 8 && width <= 512)).toBe(true);
    expect(params.every(({ optimizer, momentum }) => (optimizer === 'sgd') === (momentum !== undefined))).toBe(true);
    expect(params.every(({ nesterov }) => nesterov === undefined)).toBe(true);
  });

  it('give grids, each active combination once', async () => {
    const sampler = new selection.GridSampler({ points: { lr: 3, momentum: 2 } });
    const small = { lr: space.lr, layers: space.layers, optimizer: space.optimizer, momentum: space.momentum };
    const study = new Study({ space: small, sampler });
    await study.optimize(() => 1, { trials: 1000 });
    // 3 rates, 3 layers, sgd with 2 momenta or adam.
    expect(study.trials).toHaveLength(27);
    expect(new Set(study.trials.map(({ params }) => JSON.stringify(params))).size).toBe(27);
    const rates = [...new Set(study.trials.map(({ params }) => params.lr))];
    expect(rates.map((lr) => Number(lr.toPrecision(9)))).toEqual([1e-4, 1e-2, 1]);
  });

  it('are filled evenly by Latin hypercubes', async () => {
    const study = new Study({
      space: { a: float(0, 1), b: float(0, 1) },
      sampler: new selection.LatinHypercubeSampler(8),
      seed: 5,
    });
    await study.optimize(() => 1, { trials: 16 });
    for (const part of [study.trials.slice(0, 8), study.trials.slice(8)]) {
      for (const key of ['a', 'b'] as const) {
        expect(part.map(({ params }) => Math.floor(params[key] * 8)).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      }
    }
    expect(study.trials[0].params).not.toEqual(study.trials[8].params);
  });

  it('refuse what is no space', () => {
    const wrong: [() => unknown, RegExp][] = [
      [() => float(2, 1), /^float: low <= high is needed, got 2 and 1/],
      [() => float(0, 1, { log: true }), /low must be greater than 0 with log/],
      [() => int(1.5, 2), /low must be an integer/],
      [() => categorical([]), /different values are needed/],
      [() => categorical(['a', 'a']), /different values/],
      [() => new Study({ space: {} }), /the space is empty/],
      [() => new Study({ space: { a: 3 as never } }), /a must be made by float, int, categorical or when, got 3/],
      [() => new Study({ space: { a: when({ b: 1 }, float(0, 1)), b: int(0, 1) } }), /condition of a names "b"/],
      [() => new Study({ space: { a: int(0, 1) }, direction: 'up' as never }), /direction must be one of/],
      [() => new Study({ space: { a: int(0, 1) }, sampler: {} as never }), /sampler must be a sampler/],
    ];
    for (const [call, message] of wrong) expect(call).toThrow(message);
  });
});

describe('pruners', () => {
  const trial = (number: number, ...values: number[]) => ({
    number,
    reports: values.map((value, i) => [i + 1, value] as const),
  });

  it('ASHA keeps the best share at each rung', () => {
    const asha = new AshaPruner({ minResource: 1, reductionFactor: 3 });
    expect(asha.shouldPrune(trial(0, 5), [])).toBe(false);
    expect(asha.shouldPrune(trial(1, 6), [trial(0, 5)])).toBe(true);
    const others = [trial(0, 1, 1, 1), trial(1, 2, 2, 4), trial(2, 3, 3), trial(3, 4), trial(4, 5)];
    // Two of six go on from step 1; step 2 is no rung.
    expect(asha.shouldPrune(trial(5, 1.5), others)).toBe(false);
    expect(asha.shouldPrune(trial(5, 2.5), others)).toBe(true);
    expect(asha.shouldPrune(trial(5, 1.5, 99), others)).toBe(false);
    expect(asha.shouldPrune(trial(5, 1.5, 99, 2), others)).toBe(true);
    expect(asha.shouldPrune(trial(5, 1.5, 99, 0.5), others)).toBe(false);
  });

  it('Hyperband has brackets of the right size, and compares inside them', () => {
    const pruner = new HyperbandPruner({ maxResource: 9, reductionFactor: 3 });
    const brackets = Array.from({ length: 1700 }, (_, i) => pruner.bracketOf(i));
    // Brackets of 9, 5 and 3 trials.
    for (const [bracket, size] of [9, 5, 3].entries()) {
      expect(Math.abs(brackets.filter((one) => one === bracket).length - 100 * size)).toBeLessThan(20);
    }
    const [first, same] = [...brackets.keys()].filter((i) => brackets[i] === 0);
    const last = brackets.indexOf(2);
    expect(pruner.shouldPrune(trial(first, 5), [trial(same, 1)])).toBe(true);
    expect(pruner.shouldPrune(trial(first, 5), [trial(last, 1)])).toBe(false);
    expect(pruner.shouldPrune(trial(last, 5), [trial(same, 1), trial(first, 1)])).toBe(false);
  });

  it('the median ends what is worse than half', () => {
    const median = new MedianPruner({ startTrials: 3, warmupSteps: 1 });
    const others = [trial(0, 1, 1), trial(1, 2, 2), trial(2, 3, 3)];
    expect(median.shouldPrune(trial(3, 9), others)).toBe(false);
    expect(median.shouldPrune(trial(3, 9, 9), others)).toBe(true);
    expect(median.shouldPrune(trial(3, 1.5, 9), others)).toBe(false);
    expect(median.shouldPrune(trial(3, 9, 9), others.slice(1))).toBe(false);
  });

  it('end trials of a study, in both directions', async () => {
    for (const direction of ['minimize', 'maximize'] as const) {
      const sign = direction === 'minimize' ? 1 : -1;
      const study = new Study({
        direction,
        space: { x: float(0, 1) },
        sampler: new selection.RandomSampler(),
        pruner: new AshaPruner({ reductionFactor: 2 }),
        seed: 2,
      });
      let steps = 0;
      await study.optimize(
        async (one) => {
          for (let step = 1; step <= 8; step++) {
            steps++;
            await one.report(sign * (one.params.x + 1 / step), step);
            if (one.shouldPrune()) throw new selection.TrialPruned();
          }
          return sign * one.params.x;
        },
        { trials: 30 },
      );
      const pruned = study.trials.filter(({ state }) => state === 'pruned');
      expect(pruned.length).toBeGreaterThan(10);
      expect(pruned[0].value).toBe(pruned[0].reports.at(-1)?.[1]);
      expect(steps).toBeLessThan(150);
      // Reports rank trials rightly here, so the best one is never ended.
      expect(study.best.params.x).toBe(Math.min(...study.trials.map(({ params }) => params.x)));
    }
  });
});

describe('halving', () => {
  const space = { x: float(0, 1) };
  const objective = ({ params, resource }: { params: { x: number }; resource: number }) => params.x + 1 / resource;

  it('spends as the papers say', async () => {
    const { best, evaluations } = await successiveHalving(objective, space, { maxResource: 27, seed: 1 });
    const rounds = [1, 3, 9, 27].map((r) => evaluations.filter(({ resource }) => resource === r).length);
    expect(rounds).toEqual([27, 9, 3, 1]);
    expect(best.params.x).toBe(Math.min(...evaluations.map(({ params }) => params.x)));
    // Table 1 of Li et al. has this for R = 81 and a factor of 3.
    const all = await hyperband(objective, space, { maxResource: 81, seed: 1 });
    const table = [0, 1, 2, 3, 4].map((bracket) => {
      const own = all.evaluations.filter((one) => one.bracket === bracket);
      const resources = [...new Set(own.map(({ resource }) => resource))];
      return resources.map((r) => [own.filter(({ resource }) => resource === r).length, r]);
    });
    expect(table).toEqual([
      [
        [81, 1],
        [27, 3],
        [9, 9],
        [3, 27],
        [1, 81],
      ],
      [
        [34, 3],
        [11, 9],
        [3, 27],
        [1, 81],
      ],
      [
        [15, 9],
        [5, 27],
        [1, 81],
      ],
      [
        [8, 27],
        [2, 81],
      ],
      [[5, 81]],
    ]);
  });

  it('hands state on and maximizes', async () => {
    const seen: number[] = [];
    const { best, evaluations } = await successiveHalving<typeof space, { made: number }>(
      ({ params, resource, spent, state, number }) => {
        expect(state?.made).toBe(spent === 0 ? undefined : number);
        seen.push(resource - spent);
        return { value: -Math.abs(params.x - 0.4), state: { made: number } };
      },
      space,
      { direction: 'maximize', maxResource: 4, reductionFactor: 2, trials: 10, parallel: 3, seed: 4 },
    );
    expect(seen.filter((resource) => resource === 1)).toHaveLength(15);
    expect(best.value).toBe(Math.max(...evaluations.map((one) => one.value)));
    expect(best.resource).toBe(4);
  });

  it('names the trial that fails', async () => {
    const fails = ({ number }: { number: number }) => (number === 3 ? Number.NaN : 1);
    await expect(hyperband(fails, space, { maxResource: 9, seed: 1 })).rejects.toThrow(
      /^hyperband: trial 3 with \{"x":[\d.]+\} failed: the value must be a finite number, got NaN/,
    );
    await expect(hyperband(fails, space, { maxResource: 0 })).rejects.toThrow(/maxResource must be an integer >= 1/);
  });
});
