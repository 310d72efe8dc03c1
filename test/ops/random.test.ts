// Random functions and dropout. The kernels' distributions are tested in native/test/random_test.cpp.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  autograd,
  bernoulli,
  DTypeError,
  F,
  Generator,
  initialSeed,
  manualSeed,
  normal,
  ones,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  setNumThreads,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import { defaultGenerator } from '../../lib/tensor/random.js';

const values = (t: Tensor): number[] => Array.from(t.dataSync(), Number);
const mean = (x: number[]): number => x.reduce((sum, v) => sum + v, 0) / x.length;

beforeEach(() => {
  manualSeed(42);
});

describe('Generator', () => {
  it('gives the same numbers for the same seed, and others after them', () => {
    const first = values(rand([100]));
    const second = values(rand([100]));
    expect(second).not.toEqual(first);
    manualSeed(42);
    expect(values(rand([100]))).toEqual(first);
    expect(values(rand([100], { generator: new Generator(42) }))).toEqual(first);
    expect(values(rand([100], { generator: new Generator(43) }))).not.toEqual(first);
    expect(values(rand([100], { generator: new Generator(42 + 2 ** 40) }))).not.toEqual(first);
    expect(initialSeed()).toBe(42);
  });
  it('never draws a counter twice', () => {
    // Two calls of n draws must equal one call that goes on where the first one stopped.
    for (const [dtype, group] of [
      ['float32', 64],
      ['float64', 32],
    ] as const) {
      for (const n of [1, group - 1, group, group + 1]) {
        const rounded = Math.ceil(n / group) * group;
        const whole = values(rand([rounded + 5], { dtype, generator: new Generator(7) }));
        const generator = new Generator(7);
        expect(values(rand([n], { dtype, generator }))).toEqual(whole.slice(0, n));
        expect(values(rand([5], { dtype, generator }))).toEqual(whole.slice(rounded));
      }
    }
  });
  it('saves and restores its state', () => {
    rand([10]);
    const state = JSON.parse(JSON.stringify(defaultGenerator.getState()));
    const next = values(randn([50]));
    randn([3]);
    defaultGenerator.setState(state);
    expect(values(randn([50]))).toEqual(next);
  });
  it('refuses seeds and states that are none', () => {
    expect(() => manualSeed(1.5)).toThrow(ArgumentError);
    expect(() => new Generator('1' as never)).toThrow(ArgumentError);
    expect(() => new Generator().setState({ seed: 1, offset: -1 })).toThrow(/^setState: the offset/);
    expect(() => rand([2], { generator: {} as never })).toThrow(/^rand: generator must be a Generator/);
    expect(manualSeed(-1).initialSeed()).toBe(-1);
  });
  it('gives the same bits on any number of threads', () => {
    const run = (threads: number): number[] => {
      setNumThreads(threads);
      manualSeed(1);
      return values(randn([100_000]));
    };
    const one = run(1);
    expect(run(3)).toEqual(one);
    setNumThreads(2);
  });
});

describe('random tensors', () => {
  it('have the shape, dtype and range asked for', () => {
    const u = rand([3, 0, 2]);
    expect([u.shape, u.dtype]).toEqual([[3, 0, 2], 'float32']);
    const d = randn([20], { dtype: 'float64', requiresGrad: true });
    expect([d.dtype, d.requiresGrad]).toEqual(['float64', true]);
    const x = values(rand([10_000]));
    expect(Math.min(...x)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...x)).toBeLessThan(1);
    expect(Math.abs(mean(x) - 0.5)).toBeLessThan(0.015);
    const z = values(normal(3, 2, [10_000]));
    expect(Math.abs(mean(z) - 3)).toBeLessThan(0.1);
    expect(Math.abs(mean(z.map((v) => (v - 3) ** 2)) - 4)).toBeLessThan(0.3);
  });
  it('randint covers [low, high)', () => {
    const x = randint(-2, 3, [1000]);
    expect(x.dtype).toBe('int64');
    expect([...new Set(values(x))].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
    expect([...new Set(values(randint(2, [100], { dtype: 'bool' })))].sort()).toEqual([0, 1]);
    expect(new Set(values(randint(1, [10], { dtype: 'float32' })))).toEqual(new Set([0]));
  });
  it('randperm is a permutation', () => {
    const p = values(randperm(100));
    expect(p).not.toEqual([...p].sort((a, b) => a - b));
    expect([...p].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(randperm(5, { dtype: 'int32' }).dtype).toBe('int32');
    expect(values(randperm(0))).toEqual([]);
  });
  it('…Like keep shape, dtype and layout', () => {
    const like = zeros([2, 3, 4, 5], { dtype: 'float64' }).contiguous('channelsLast');
    for (const x of [randLike(like), randnLike(like)]) {
      expect([x.shape, x.dtype, x.isChannelsLast()]).toEqual([[2, 3, 4, 5], 'float64', true]);
    }
    expect(randLike(like, { dtype: 'float32' }).dtype).toBe('float32');
  });
  it('bernoulli follows one probability, or one for each element', () => {
    expect(Math.abs(mean(values(bernoulli(zeros([10_000]), 0.3))) - 0.3)).toBeLessThan(0.025);
    const each = bernoulli(tensor([0, 1, 0, 1]));
    expect([values(each), each.dtype]).toEqual([[0, 1, 0, 1], 'float32']);
    expect(Math.abs(mean(values(rand([10_000], { dtype: 'float64' }).bernoulli())) - 0.5)).toBeLessThan(0.025);
  });
  it('in-place fills write into views only where they look', () => {
    const x = zeros([50, 3]);
    x.select(1, 1).normal_(10, 0.5);
    const data = values(x);
    expect(data.every((v, i) => (i % 3 === 1 ? Math.abs(v - 10) < 4 && v !== 10 : v === 0))).toBe(true);
    expect(values(zeros([9]).uniform_(2, 3)).every((v) => v >= 2 && v < 3)).toBe(true);
    expect(new Set(values(zeros([99], { dtype: 'int32' }).bernoulli_()))).toEqual(new Set([0, 1]));
    expect(() => ones([2]).requiresGrad_().normal_()).toThrow(/^normal_: .*in place/);
  });
  it('refuses wrong arguments', () => {
    expect(() => rand([2], { dtype: 'int32' })).toThrow(DTypeError);
    expect(() => randint(3, 3, [2])).toThrow(/^randint: low 3 must be less than high 3/);
    expect(() => randint(-(2 ** 53) + 1, 2 ** 53 - 1, [2])).toThrow(/^randint: at most 2\^53 values/);
    expect(() => randint(2.5, [2])).toThrow(ArgumentError);
    expect(() => randperm(-1)).toThrow(/^randperm: /);
    expect(() => normal(0, -1, [2])).toThrow(/^normal: std must be >= 0/);
    expect(() => zeros([2]).uniform_(3, 2)).toThrow(/^uniform_: from 3 is greater than to 2/);
    expect(() => bernoulli(zeros([2]), 1.5)).toThrow(/^bernoulli: the probability/);
    expect(() => bernoulli(zeros([2], { dtype: 'int64' }))).toThrow(DTypeError);
  });
});

describe('dropout', () => {
  it('keeps 1 - p of the elements, scaled', () => {
    for (const p of [0.25, 0.5]) {
      const y = values(F.dropout(ones([20_000]), p));
      const kept = y.filter((v) => v !== 0);
      expect(Math.abs(kept.length / 20_000 - (1 - p))).toBeLessThan(0.02);
      expect(new Set(kept)).toEqual(new Set([Math.fround(1 / (1 - p))]));
    }
  });
  it('passes gradients through the same mask, whatever their layout', () => {
    const x = rand([4, 6, 5, 7], { dtype: 'float64' }).contiguous('channelsLast').detach().requiresGrad_();
    const y = F.dropout(x, 0.3);
    expect(y.isChannelsLast()).toBe(true);
    const g = randn([4, 6, 5, 7], { dtype: 'float64' });
    for (const gradient of [
      g,
      g.contiguous('channelsLast'),
      g.permute([3, 2, 1, 0]).contiguous().permute([3, 2, 1, 0]),
    ]) {
      x.grad = null;
      y.backward({ gradient, retainGraph: true });
      const [xs, ys, gs, got] = [x, y, g, x.grad as unknown as Tensor].map(values);
      got.forEach((v, i) => {
        expect(v).toBeCloseTo((ys[i] / xs[i]) * gs[i], 12);
      });
    }
  });
  it('of a view equals dropout of its copy', () => {
    const base = rand([9, 8]);
    const view = base.slice(1, 1, 8, 3);
    manualSeed(5);
    const a = values(F.dropout(view));
    manualSeed(5);
    expect(a).toEqual(values(F.dropout(view.clone())));
    expect(new Set(a).size).toBeGreaterThan(2);
  });
  it('has a second derivative of zero and a linear double backward', () => {
    const x = rand([40], { dtype: 'float64', requiresGrad: true });
    const seed = rand([40], { dtype: 'float64', requiresGrad: true });
    const y = F.dropout(x, 0.5);
    const [gx] = autograd.grad(y, x, { gradOutputs: [seed], createGraph: true });
    const [gs] = autograd.grad(gx as Tensor, seed, { gradOutputs: [ones([40], { dtype: 'float64' })] });
    const mask = values(y).map((v) => (v === 0 ? 0 : 2));
    expect(values(gs as Tensor)).toEqual(mask);
  });
  it('returns the input itself where nothing is dropped', () => {
    const x = rand([5]);
    expect(F.dropout(x, 0.5, { training: false })).toBe(x);
    expect(F.dropout(x, 0)).toBe(x);
    expect(values(F.dropout(x, 1))).toEqual([0, 0, 0, 0, 0]);
    expect(() => F.dropout(x, 1.1)).toThrow(/^dropout: the probability has to be between 0 and 1, but got 1.1/);
    expect(() => F.dropout(ones([2], { dtype: 'int64' }))).toThrow(DTypeError);
    expect(() => F.dropout(null as never)).toThrow(ArgumentError);
  });
});
