// Numbers of scipy and scikit-learn: test/fixtures/make_selection_statistics.py
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { data, selection } from '../../lib/index.js';
import { weighted } from '../../lib/selection/bootstrap.js';
import { erfcx, logImprovement, normalCdf, normalQuantile } from '../../lib/selection/normal.js';

const { bootstrap, bootstrapError, GaussianProcess, mannWhitneyU, wilcoxon } = selection;

interface RankTest {
  x: number[];
  y: number[];
  alternative: selection.Alternative;
  statistic: number;
  pValue: number;
}
interface Interval {
  name: 'mean' | 'variance' | 'difference' | 'correlation';
  samples: number[][] | null;
  paired: boolean;
  indices: number[][][] | null;
  method: 'percentile' | 'basic' | 'bca';
  alternative: 'two-sided' | 'less';
  confidence: number;
  low: number | null;
  high: number;
  standardError: number;
}
interface Process {
  points: number[][];
  values: number[];
  hyperparameters: selection.Hyperparameters;
  where: number[][];
  mean: number[];
  variance: number[];
  logLikelihood: number;
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/selection_statistics.json', import.meta.url), 'utf8')) as {
  normal: [number, number, number][];
  quantiles: [number, number][];
  improvement: [number, number][];
  signed: RankTest[];
  unpaired: RankTest[];
  bootstraps: Interval[];
  processes: Process[];
};

/** Equal to `digits` decimal places of the wanted value's own size. */
function near(found: number, wanted: number, digits = 12): void {
  expect(Math.abs(found - wanted), `${found} for ${wanted}`).toBeLessThanOrEqual(10 ** -digits * Math.abs(wanted));
}

const mean = (x: number[]): number => x.reduce((a, b) => a + b, 0) / x.length;
const product = (x: number[], y: number[]): number => {
  const [a, b] = [mean(x), mean(y)];
  return x.reduce((sum, value, i) => sum + (value - a) * (y[i] - b), 0);
};

describe('the normal distribution', () => {
  it('has the digits of scipy, in the tails too', () => {
    for (const [x, cdf, scaled] of fixture.normal) {
      near(normalCdf(x), cdf);
      if (x <= 0) near(erfcx(-x / Math.SQRT2), scaled);
    }
    for (const [p, x] of fixture.quantiles) {
      if (p === 0.5) expect(normalQuantile(p)).toBeCloseTo(0, 14);
      else near(normalQuantile(p), x, 10);
    }
    expect(fixture.normal.length + fixture.quantiles.length).toBeGreaterThan(20);
  });

  it('keeps the logarithm of the improvement where the improvement is 0', () => {
    expect(fixture.improvement).toHaveLength(11);
    for (const [z, log] of fixture.improvement) {
      near(logImprovement(z).log, log, 9);
      const h = 1e-4 * Math.max(1, Math.abs(z));
      const slope = (logImprovement(z + h).log - logImprovement(z - h).log) / (2 * h);
      near(logImprovement(z).slope, slope, 5);
    }
  });
});

describe('rank tests', () => {
  it.each(fixture.signed.map((one, i) => [i, one] as const))('wilcoxon %i', (_, one) => {
    const { statistic, pValue } = wilcoxon(one.x, one.y, { alternative: one.alternative });
    expect(statistic).toBe(one.statistic);
    near(pValue, one.pValue, 11);
    expect(
      wilcoxon(
        one.x.map((value, i) => value - one.y[i]),
        null,
        one,
      ).pValue,
    ).toBe(pValue);
  });

  it.each(fixture.unpaired.map((one, i) => [i, one] as const))('mannWhitneyU %i', (_, one) => {
    const { statistic, pValue } = mannWhitneyU(one.x, one.y, { alternative: one.alternative });
    expect(statistic).toBe(one.statistic);
    near(pValue, one.pValue, 11);
  });

  it('refuse what they cannot rank', () => {
    expect(() => wilcoxon([1, 2], [1, 2])).toThrow(/no difference/);
    expect(() => wilcoxon([1, 2], [1])).toThrow(/x has 2 values, y has 1/);
    expect(() => mannWhitneyU([1, Number.NaN], [1])).toThrow(/x\[1\] must be a finite number/);
    expect(() => mannWhitneyU([], [1])).toThrow(/x must be a list/);
  });
});

describe('bootstrap', () => {
  const statistics = {
    mean,
    variance: (x: number[]) => product(x, x) / (x.length - 1),
    difference: (x: number[], y: number[]) => mean(x) - mean(y),
    correlation: (x: number[], y: number[]) => product(x, y) / Math.sqrt(product(x, x) * product(y, y)),
  };
  let shared = fixture.bootstraps[0];
  const cases = fixture.bootstraps.map((one) => {
    if (one.samples) shared = one;
    return [`${one.name}, ${one.method}, ${one.alternative}`, one, shared] as const;
  });

  it.each(cases)('%s: the interval of scipy from the same resamples', (_, one, { samples, indices }) => {
    const statistic = statistics[one.name] as (...own: number[][]) => number;
    const { method, confidence, alternative, paired } = one;
    const options = { method, confidence, alternative, paired, resamples: indices ?? [] };
    const result = bootstrap(statistic, samples ?? [], options);
    if (one.low === null) expect(result.low).toBe(Number.NEGATIVE_INFINITY);
    else near(result.low, one.low, 10);
    near(result.high, one.high, 10);
    near(result.standardError, one.standardError, 10);
  });

  it('holds the true mean about as often as it says', () => {
    let held = 0;
    for (let seed = 0; seed < 100; seed++) {
      const random = new selection.KFold(2, { shuffle: true, seed });
      const [[sample]] = [...random.split(60)];
      const { low, high } = bootstrap(mean, [sample], { confidence: 0.9, resamples: 200, seed });
      held += low <= 29.5 && high >= 29.5 ? 1 : 0;
    }
    // Half of a finite set varies less than a sample of an infinite one: more than 90 of 100 are expected.
    expect(held).toBeGreaterThan(90);
  });

  it('refuses what cannot be resampled', () => {
    expect(() => bootstrap(mean, [[1]])).toThrow(/sample 0 needs at least 2 values, has 1/);
    expect(() => bootstrap(() => Number.NaN, [[1, 2]])).toThrow(/the statistic of the samples must be a finite number/);
    expect(() => bootstrap(mean, [[1, 1]], { resamples: 9, seed: 1 })).toThrow(/BCa interval is not defined/);
    expect(() => bootstrap(mean, [[1, 2]], { resamples: [[[0, 2]]] })).toThrow(
      /resample 0 has the index 2 of sample 0/,
    );
    expect(() => bootstrap(mean, [[1, 2], [1]], { paired: true })).toThrow(/sample 1 needs/);
  });
});

describe('bootstrapError', () => {
  it('weights its parts as Efron and Tibshirani do', () => {
    // By hand: R = (.4 - .1) / (.5 - .1) = .75, w = .632 / (1 - .368 * .75).
    const { err632, err632plus, overfitting } = weighted(0.1, 0.4, 0.5);
    expect(err632).toBeCloseTo(0.368 * 0.1 + 0.632 * 0.4, 14);
    expect(overfitting).toBeCloseTo(0.75, 14);
    const w = 0.632 / (1 - 0.368 * 0.75);
    expect(err632plus).toBeCloseTo((1 - w) * 0.1 + w * 0.4, 14);
    // Their form of it: err632 + (err1 - apparent) .368 .632 R / (1 - .368 R).
    expect(err632plus).toBeCloseTo(err632 + (0.3 * 0.368 * 0.632 * 0.75) / (1 - 0.368 * 0.75), 12);
    expect(weighted(0.2, 0.1, 0.5).overfitting).toBe(0);
  });

  it('sees that the nearest neighbour learns nothing from random labels', async () => {
    const n = 100;
    const random = new data.Philox(3);
    const x = Array.from({ length: n }, () => random.nextUint32());
    const y = Array.from({ length: n }, () => random.below(2));
    const nearest = (train: Uint32Array) => (samples: Uint32Array) =>
      Array.from(samples, (i) => y[train.reduce((a, b) => (Math.abs(x[b] - x[i]) < Math.abs(x[a] - x[i]) ? b : a))]);
    const result = await bootstrapError(nearest, y, { resamples: 60, seed: 1 });
    expect(result.apparent).toBe(0);
    expect(result.outOfBag).toBeGreaterThan(0.35);
    const ones = y.filter((label) => label === 1).length / n;
    expect(result.noInformation).toBeCloseTo(2 * ones * (1 - ones), 12);
    expect(result.err632).toBeCloseTo(0.632 * result.outOfBag, 12);
    expect(result.err632plus).toBeGreaterThan(result.err632);
  });

  it('names a sample that no model could be asked about, and predictions that are missing', async () => {
    const same = (_: Uint32Array) => (samples: Uint32Array) => Array.from(samples, () => 1);
    await expect(bootstrapError(same, [1, 1, 1], { resamples: 1, seed: 1 })).rejects.toThrow(/sample \d was in each/);
    await expect(bootstrapError(() => () => [1], [1, 1])).rejects.toThrow(/2 predictions are needed, got 1/);
  });
});

describe('GaussianProcess', () => {
  it.each(fixture.processes.map((one) => [one.points.length, one] as const))(
    'predicts as scikit-learn does: %i points',
    (_, one) => {
      const model = GaussianProcess.fit(one.points, one.values, one.hyperparameters);
      one.where.forEach((point, i) => {
        const { mean: value, variance } = model.predict(point);
        near(value, one.mean[i], 7);
        near(variance, one.variance[i], 6);
      });
      near(model.logLikelihood, one.logLikelihood, 7);
    },
  );

  it('finds hyperparameters that are at a maximum', () => {
    const { points, values } = fixture.processes[2];
    const best = GaussianProcess.fit(points, values);
    const { lengthscales, scale, noise } = best.hyperparameters;
    // The priors are weak: a change of any lengthscale to twice or half of it does not raise the likelihood by much.
    for (const factor of [0.25, 4]) {
      lengthscales.forEach((_, k) => {
        const changed = lengthscales.map((length, i) => (i === k ? length * factor : length));
        const other = GaussianProcess.fit(points, values, { lengthscales: changed, scale, noise });
        expect(other.logLikelihood).toBeLessThan(best.logLikelihood + 0.5);
      });
    }
    expect(best.logLikelihood).toBeGreaterThan(
      GaussianProcess.fit(points, values, fixture.processes[2].hyperparameters).logLikelihood,
    );
  });

  it('has the right slopes', () => {
    const { points, values, hyperparameters } = fixture.processes[1];
    const model = GaussianProcess.fit(points, values, hyperparameters);
    const slopes = { mean: new Float64Array(2), variance: new Float64Array(2) };
    model.posterior(Float64Array.of(0.4, 0.7), slopes);
    const at = (x: number, y: number) => model.posterior(Float64Array.of(x, y), null);
    const h = 1e-5;
    near(slopes.mean[0], (at(0.4 + h, 0.7).mean - at(0.4 - h, 0.7).mean) / (2 * h), 6);
    near(slopes.variance[1], (at(0.4, 0.7 + h).variance - at(0.4, 0.7 - h).variance) / (2 * h), 5);
  });

  it('refuses what is no data', () => {
    expect(() => GaussianProcess.fit([], [])).toThrow(/at least one/);
    expect(() => GaussianProcess.fit([[1], [1, 2]], [1, 2])).toThrow(/point 1 must be 1 finite numbers/);
    expect(() => GaussianProcess.fit([[1]], [Number.NaN])).toThrow(/value 0 must be a finite number/);
  });
});
