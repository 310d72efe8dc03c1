// Random functions with parameters: distributions by statistical tests (fixed seeds), wrong arguments, threads, views.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  bernoulli,
  type DType,
  DTypeError,
  defaultGenerator,
  full,
  Generator,
  getRngState,
  manualSeed,
  multinomial,
  normal,
  ones,
  poisson,
  rand,
  randintLike,
  randn,
  ShapeError,
  seed,
  setNumThreads,
  setRngState,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from '../../lib/index.js';

const values = (t: Tensor): number[] => Array.from(t.dataSync(), Number);
const mean = (x: readonly number[]): number => x.reduce((sum, v) => sum + v, 0) / x.length;
const moment = (x: readonly number[], center: number): number => mean(x.map((v) => (v - center) ** 2));

/** Pearson's statistic of counts against expected probabilities; cells of small expectation are joined. */
function chiSquare(x: readonly number[], probabilities: readonly number[]): { statistic: number; cells: number } {
  const counts = new Array<number>(probabilities.length).fill(0);
  for (const v of x) counts[Math.min(v, probabilities.length - 1)]++;
  let statistic = 0;
  let cells = 0;
  let [seen, wanted] = [0, 0];
  probabilities.forEach((p, i) => {
    seen += counts[i];
    wanted += p * x.length;
    if (wanted < 10 && i < probabilities.length - 1) return;
    statistic += wanted > 0 ? (seen - wanted) ** 2 / wanted : seen;
    cells++;
    [seen, wanted] = [0, 0];
  });
  return { statistic, cells };
}

/** The statistic has mean `cells - 1` and about twice that variance: six deviations are beyond chance. */
function expectCounts(x: readonly number[], probabilities: readonly number[]): void {
  const { statistic, cells } = chiSquare(x, probabilities);
  expect(cells).toBeGreaterThan(1);
  expect(statistic).toBeLessThan(cells - 1 + 6 * Math.sqrt(2 * (cells - 1)) + 3);
}

/** Kolmogorov's distance to a distribution function, in units of its deviation. */
function expectDistribution(x: readonly number[], cdf: (v: number) => number): void {
  const sorted = [...x].sort((a, b) => a - b);
  const distance = Math.max(...sorted.map((v, i) => Math.abs(cdf(v) - (i + 0.5) / x.length)));
  expect(distance * Math.sqrt(x.length)).toBeLessThan(2.2);
}

const poissonProbabilities = (rate: number, most: number): number[] => {
  const list: number[] = [];
  let log = -rate;
  for (let k = 0; k <= most; k++) {
    list.push(Math.exp(log));
    log += Math.log(rate) - Math.log(k + 1);
  }
  list[most] += 1 - list.reduce((sum, p) => sum + p, 0);
  return list;
};

const erf = (x: number): number => {
  let sum = 0;
  let term = x;
  for (let n = 0; n < 200; n++) {
    sum += term / (2 * n + 1);
    term *= (-x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};

beforeEach(() => {
  manualSeed(2024);
});

describe('in-place distributions', () => {
  const N = 20_000;
  for (const dtype of ['float32', 'float64'] as const) {
    it(`exponential_ of ${dtype}`, () => {
      const x = values(zeros([N], { dtype }).exponential_(2.5));
      expect(Math.min(...x)).toBeGreaterThan(0);
      expectDistribution(x, (v) => 1 - Math.exp(-2.5 * v));
    });
    it(`cauchy_ of ${dtype}`, () => {
      expectDistribution(values(zeros([N], { dtype }).cauchy_(1, 3)), (v) => 0.5 + Math.atan((v - 1) / 3) / Math.PI);
    });
    it(`logNormal_ of ${dtype}`, () => {
      const x = values(zeros([N], { dtype }).logNormal_(0.5, 0.25)).map(Math.log);
      expectDistribution(x, (v) => 0.5 * (1 + erf((v - 0.5) / 0.25 / Math.SQRT2)));
    });
  }
  it('geometric_ counts throws, in any dtype', () => {
    for (const dtype of ['float32', 'float64', 'int64', 'int32', 'uint8', 'int8', 'bfloat16'] as const) {
      const x = values(zeros([N], { dtype }).geometric_(0.3));
      expect(Math.min(...x)).toBe(1);
      expectCounts(
        x.map((v) => v - 1),
        Array.from({ length: 20 }, (_, k) => (k < 19 ? 0.3 * 0.7 ** k : 0.7 ** 19)),
      );
    }
  });
  it('random_ covers what the dtype holds', () => {
    const most: Partial<Record<DType, number>> = { bool: 1, uint8: 255, int8: 127, bfloat16: 256, float16: 2048 };
    for (const [dtype, limit] of Object.entries(most)) {
      const x = values(zeros([N], { dtype: dtype as DType }).random_());
      expect([dtype, Math.min(...x) <= limit / 100, Math.max(...x) >= limit * 0.99]).toEqual([dtype, true, true]);
      expect(Math.max(...x)).toBeLessThanOrEqual(limit);
      expect(Math.abs(mean(x) / limit - 0.5)).toBeLessThan(0.02);
    }
    const big = values(zeros([1000], { dtype: 'int64' }).random_());
    expect(Math.max(...big)).toBeGreaterThan(2 ** 62);
    expect(Math.min(...big)).toBeGreaterThanOrEqual(0);
    expect([...new Set(values(zeros([500]).random_(3)))].sort()).toEqual([0, 1, 2]);
    expect([...new Set(values(zeros([500]).random_(-2, 0)))].sort()).toEqual([-1, -2]);
  });
  it('write into views only where they look, with a gradient of 0', () => {
    const x = zeros([40, 3]);
    x.select(1, 2).exponential_();
    expect(values(x).every((v, i) => (i % 3 === 2 ? v > 0 : v === 0))).toBe(true);
    const leaf = ones([4]).requiresGrad_();
    const y = leaf.mul(2);
    y.cauchy_();
    y.sum().backward();
    expect(values(leaf.grad as Tensor)).toEqual([0, 0, 0, 0]);
  });
  it('narrow dtypes hold uniform numbers below 1', () => {
    for (const dtype of ['bfloat16', 'float16'] as const) {
      const x = values(rand([50_000], { dtype }));
      expect(Math.max(...x)).toBeLessThan(1);
      expect(Math.min(...x)).toBe(0);
      expect(Math.abs(mean(x) - 0.5)).toBeLessThan(0.01);
      const z = values(randn([20_000], { dtype }));
      expect(Math.abs(mean(z))).toBeLessThan(0.04);
      expect(Math.abs(moment(z, 0) - 1)).toBeLessThan(0.05);
      expect(values(zeros([999], { dtype }).uniform_(2, 3)).every((v) => v >= 2 && v <= 3)).toBe(true);
      expect(new Set(values(zeros([99], { dtype }).bernoulli_()))).toEqual(new Set([0, 1]));
    }
  });
  it('bernoulli_ takes a tensor of probabilities', () => {
    const p = tensor([0, 1, 0.25]);
    const x = values(zeros([8000, 3], { dtype: 'int32' }).bernoulli_(p));
    const columns = [0, 1, 2].map((c) => mean(x.filter((_, i) => i % 3 === c)));
    expect(columns.slice(0, 2)).toEqual([0, 1]);
    expect(Math.abs(columns[2] - 0.25)).toBeLessThan(0.02);
  });
  it('refuse wrong arguments', () => {
    expect(() => zeros([2]).exponential_(0)).toThrow(/^exponential_: lambda must be > 0, got 0/);
    expect(() => zeros([2], { dtype: 'int64' }).exponential_()).toThrow(DTypeError);
    expect(() => zeros([2]).geometric_(1)).toThrow(/^geometric_: p must be in \(0, 1\), got 1/);
    expect(() => zeros([2], { dtype: 'bool' }).geometric_(0.5)).toThrow(DTypeError);
    expect(() => zeros([2]).cauchy_(0, 0)).toThrow(/^cauchy_: sigma must be > 0/);
    expect(() => zeros([2]).logNormal_(0, -1)).toThrow(/^logNormal_: std must be > 0/);
    expect(() => zeros([2]).random_(5, 5)).toThrow(/^random_: low 5 must be less than high 5/);
    expect(() => zeros([2], { dtype: 'uint8' }).random_(300)).toThrow(/^random_: high - 1 = 299 is out of bounds/);
    expect(() => zeros([2], { dtype: 'uint8' }).random_(-1, 3)).toThrow(/^random_: low -1 is out of bounds/);
    expect(() => zeros([2]).bernoulli_(tensor([1n]))).toThrow(DTypeError);
    expect(() => zeros([2]).exponential_(1, { generator: 3 as never })).toThrow(ArgumentError);
  });
});

describe('poisson', () => {
  for (const rate of [0.05, 1, 9.9, 10.1, 30, 400]) {
    it(`has the probabilities of rate ${rate}`, () => {
      const x = values(poisson(full([20_000], rate, { dtype: rate === 30 ? 'float64' : 'float32' })));
      expectCounts(x, poissonProbabilities(rate, Math.ceil(rate + 8 * Math.sqrt(rate) + 5)));
    });
  }
  it('keeps mean and variance of a large rate', () => {
    const x = values(poisson(full([20_000], 1e7, { dtype: 'float64' })));
    expect(Math.abs(mean(x) - 1e7)).toBeLessThan(5 * Math.sqrt(1e7 / 20_000));
    expect(Math.abs(moment(x, 1e7) / 1e7 - 1)).toBeLessThan(0.06);
  });
  it('takes each element by itself, of views too; 0 gives 0', () => {
    const rates = tensor([
      [0, 1000],
      [0, 1000],
    ]).t();
    const x = poisson(rates);
    expect(x.shape).toEqual([2, 2]);
    expect(values(x.select(0, 0))).toEqual([0, 0]);
    expect(values(x.select(0, 1)).every((v) => Math.abs(v - 1000) < 200)).toBe(true);
    expect([poisson(rates.to('bfloat16')).dtype, poisson(zeros([0, 3])).shape]).toEqual(['bfloat16', [0, 3]]);
  });
  it('has a gradient of 0 and refuses rates that are none', async () => {
    const rates = tensor([3, 4], { requiresGrad: true });
    poisson(rates).sum().backward();
    expect(values(rates.grad as Tensor)).toEqual([0, 0]);
    expect(() => poisson(tensor([1n]))).toThrow(DTypeError);
    for (const wrong of [-1, Number.NaN, Infinity]) {
      await expect(poisson(tensor([1, wrong])).data()).rejects.toThrow(
        /^poisson: a rate must be finite and not negative/,
      );
    }
  });
});

describe('multinomial', () => {
  const weights = [1, 0, 3, 6, 0, 2];
  const probabilities = weights.map((w) => w / 12);

  it('with replacement follows the weights of each row', () => {
    const x = multinomial(tensor([weights, [...weights].reverse()]), 20_000, { replacement: true });
    expect([x.shape, x.dtype]).toEqual([[2, 20_000], 'int64']);
    expectCounts(values(x.select(0, 0)), probabilities);
    expectCounts(values(x.select(0, 1)), [...probabilities].reverse());
  });
  it('without replacement draws one after the other from what is left', () => {
    const rows = tensor(weights, { dtype: 'float64' }).expand([20_000, 6]);
    const x = values(multinomial(rows, 2));
    const first = x.filter((_, i) => i % 2 === 0);
    const second = x.filter((_, i) => i % 2 === 1);
    expect(first.every((v, i) => v !== second[i])).toBe(true);
    expectCounts(first, probabilities);
    const next = weights.map((w, j) =>
      probabilities.reduce((sum, p, i) => (i === j ? sum : sum + (p * w) / (12 - weights[i])), 0),
    );
    expectCounts(second, next);
  });
  it('gives columns of weight 0 last', () => {
    for (let i = 0; i < 20; i++) {
      const x = values(multinomial(tensor(weights), 6));
      expect([...x].sort()).toEqual([0, 1, 2, 3, 4, 5]);
      expect(x.slice(4)).toEqual([1, 4]);
    }
  });
  it('is a method, of one row, of narrow dtypes, of no rows', () => {
    expect(tensor([0, 1]).multinomial(3, { replacement: true }).shape).toEqual([3]);
    expect(values(tensor([0, 1, 0], { dtype: 'bfloat16' }).multinomial(1))).toEqual([1]);
    expect(multinomial(zeros([0, 3]), 2).shape).toEqual([0, 2]);
  });
  it('refuses what PyTorch refuses', async () => {
    expect(() => multinomial(tensor([1, 2]), 0)).toThrow(/^multinomial: numSamples must be an integer > 0, got 0/);
    expect(() => multinomial(tensor([1, 2]), 3)).toThrow(
      /3 samples cannot be drawn without replacement from 2 columns/,
    );
    expect(() => multinomial(zeros([0]), 1, { replacement: true })).toThrow(ShapeError);
    expect(() => multinomial(tensor(1), 1)).toThrow(/^multinomial: weights must have 1 or 2 dimensions/);
    expect(() => multinomial(tensor([1n, 2n]), 1)).toThrow(DTypeError);
    for (const replacement of [true, false]) {
      for (const wrong of [-1, Number.NaN, Infinity]) {
        await expect(multinomial(tensor([1, 2, wrong]), 1, { replacement }).data()).rejects.toThrow(
          /^multinomial: the weights contain infinity, NaN or a number below 0/,
        );
      }
      await expect(multinomial(zeros([3]), 1, { replacement }).data()).rejects.toThrow(/add up to 0/);
    }
  });
});

describe('normal of tensors', () => {
  it('broadcasts, in the dtype of the mean', () => {
    const x = normal(tensor([0, 100]).unsqueeze(1), tensor([1, 5, 0], { dtype: 'float64' }));
    expect([x.shape, x.dtype]).toEqual([[2, 3], 'float32']);
    expect(values(x.select(1, 2))).toEqual([0, 100]);
    expect(normal(2, tensor([1, 2], { dtype: 'bfloat16' })).dtype).toBe('bfloat16');
    const big = values(normal(full([20_000], 3), 2));
    expect(Math.abs(mean(big) - 3)).toBeLessThan(0.08);
    expect(Math.abs(moment(big, 3) - 4)).toBeLessThan(0.2);
    expect(normal(tensor([1, 2], { requiresGrad: true })).requiresGrad).toBe(false);
  });
  it('refuses a negative deviation', async () => {
    await expect(normal(tensor([1, 2]), tensor([1, -2])).data()).rejects.toThrow(ValueError);
    expect(() => normal(tensor([1, 2]), -1)).toThrow(/^normal: std must be >= 0, got -1/);
    expect(() => normal(tensor([1n]), 1)).toThrow(DTypeError);
    expect(() => normal(tensor([1, 2]), tensor([1, 2, 3]))).toThrow(ShapeError);
  });
});

describe('bernoulli of a tensor', () => {
  it('refuses what is no probability, and has a gradient of 0', async () => {
    for (const wrong of [2, -0.1, Number.NaN]) {
      await expect(bernoulli(tensor([0.5, wrong])).data()).rejects.toThrow(/a probability must be in \[0, 1\]/);
    }
    const p = tensor([0.5, 0.5], { requiresGrad: true });
    bernoulli(p).sum().backward();
    expect(values(p.grad as Tensor)).toEqual([0, 0]);
  });
});

describe('generators', () => {
  it('give every function the same bits on any number of threads', () => {
    const run = (threads: number): number[][] => {
      setNumThreads(threads);
      const generator = new Generator(5);
      return [
        values(zeros([70_000]).exponential_(1, { generator })),
        values(zeros([70_000]).geometric_(0.2, { generator })),
        values(zeros([70_000]).logNormal_(0, 1, { generator })),
        values(poisson(full([5000], 12), { generator })),
        values(multinomial(rand([40, 3000], { generator }), 50, { generator })),
        values(multinomial(rand([3, 300], { generator }), 30_000, { replacement: true, generator })),
        values(bernoulli(full([40_000], 0.3), null, { generator })),
        values(normal(zeros([40_000]), ones([40_000]), { generator })),
        values(randintLike(zeros([5000]), 3, 900, { generator })),
      ];
    };
    const one = run(1);
    expect(run(3)).toEqual(one);
    setNumThreads(2);
  });
  it('start, save and go on', () => {
    const state = JSON.parse(JSON.stringify(getRngState()));
    const first = values(poisson(full([50], 20)));
    expect(setRngState(state)).toBe(defaultGenerator);
    expect(values(poisson(full([50], 20)))).toEqual(first);
    expect(seed()).toBe(defaultGenerator.initialSeed());
  });
  it('randintLike keeps shape, dtype and layout, within what the dtype holds', () => {
    const like = zeros([2, 3, 4, 5], { dtype: 'int32' }).contiguous('channelsLast');
    const x = randintLike(like, 10);
    expect([x.shape, x.dtype, x.isChannelsLast()]).toEqual([[2, 3, 4, 5], 'int32', true]);
    expect(values(x).every((v) => v >= 0 && v < 10)).toBe(true);
    expect(() => randintLike(zeros([2], { dtype: 'int8' }), 200)).toThrow(
      /^randintLike: high - 1 = 199 is out of bounds/,
    );
  });
});
