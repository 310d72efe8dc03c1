// Batch transforms: what they do to each sample, and that their draws follow their distributions and the seed.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  arange,
  DTypeError,
  F,
  Generator,
  getRngState,
  manualSeed,
  randn,
  regularizers,
  ShapeError,
  setRngState,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import { Draws } from '../../lib/regularizers/draws.js';
import type { BatchTransform } from '../../lib/training/index.js';

const { cutMix, cutout, gaussianNoise, mixup, randomChoice, randomErasing } = regularizers;
const list = (x: Tensor): number[] => Array.from(x.dataSync(), Number);
const labels = (...values: number[]): Tensor => tensor(values, { dtype: 'int64' });

describe('draws', () => {
  it.each([0.05, 0.2, 0.5, 1, 2, 8])('Beta(%d, %d) has its mean and variance', (alpha) => {
    const n = 20_000;
    const draws = new Draws('test', new Generator(5));
    const values = Array.from({ length: n }, () => draws.beta(alpha, alpha));
    const mean = values.reduce((a, b) => a + b, 0) / n;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    const want = 1 / (4 * (2 * alpha + 1));
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(want / n));
    expect(Math.abs(variance / want - 1)).toBeLessThan(0.05);
    expect(values.every((x) => x >= 0 && x <= 1)).toBe(true);
  });
  it('Beta(2, 6) leans to one side', () => {
    const draws = new Draws('test', new Generator(6));
    const values = Array.from({ length: 20_000 }, () => draws.beta(2, 6));
    expect(values.reduce((a, b) => a + b, 0) / values.length).toBeCloseTo(0.25, 2);
  });
  it('of two calls differ, and follow the seed', () => {
    const generator = new Generator(7);
    const [a, b] = [new Draws('test', generator).uniform(), new Draws('test', generator).uniform()];
    expect(a).not.toBe(b);
    expect(new Draws('test', new Generator(7)).uniform()).toBe(a);
  });
});

describe('mixup', () => {
  it('mixes each sample and its target with the one before, by the same share', () => {
    manualSeed(1);
    const x = randn([5, 2, 3], { dtype: 'float64' });
    const [mixed, soft] = mixup({ numClasses: 4 })(x, labels(0, 1, 2, 3, 1));
    const share = soft.index([0, 0]).itemSync();
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(1);
    const want = x.mul(share).add(x.roll(1, 0).mul(1 - share));
    expect(mixed.sub(want).abs().max().itemSync()).toBeLessThan(1e-15);
    const hot = F.oneHot(labels(0, 1, 2, 3, 1), 4).to('float64');
    const wantSoft = hot.mul(share).add(hot.roll(1, 0).mul(1 - share));
    expect(soft.sub(wantSoft).abs().max().itemSync()).toBeLessThan(1e-15);
    expect([soft.dtype, mixed.requiresGrad]).toEqual(['float64', false]);
  });
  it('takes probabilities and numbers to predict as they are', () => {
    const x = randn([3, 2]);
    const [, numbers] = mixup()(x, tensor([1, 2, 4]));
    const [first, second, third] = list(numbers);
    const share = (first - 4) / (1 - 4);
    expect([second, third]).toEqual([
      expect.closeTo(2 * share + 1 * (1 - share), 5),
      expect.closeTo(4 * share + 2 * (1 - share), 5),
    ]);
    const [, soft] = mixup({ alpha: 0.4 })(x, tensor([[1, 0], [0, 1], [1, 0]])); // biome-ignore format: rows
    expect(list(soft.sum(1))).toEqual([1, 1, 1].map((one) => expect.closeTo(one, 6)));
    const [, hot] = mixup({ numClasses: 2 })(x, tensor([[1, 0], [0, 1], [1, 0]], { dtype: 'int64' })); // biome-ignore format: rows
    expect([hot.shape, hot.dtype]).toEqual([[3, 2], 'float32']);
  });
  it('refuses what it cannot mix', () => {
    const x = randn([2, 3]);
    expect(() => mixup({ alpha: 0 })).toThrow(/^mixup: alpha must be a number > 0, got 0/);
    expect(() => mixup({ numClasses: 1 })).toThrow(ArgumentError);
    expect(() => mixup()(x, labels(0, 1))).toThrow(/numClasses is needed for targets that are class indices/);
    expect(() => mixup({ numClasses: 3 })(x, labels(0, 1, 2))).toThrow(ShapeError);
    expect(() => mixup({ numClasses: 3 })(x, zeros([2, 2], { dtype: 'int64' }))).toThrow(
      /\[N\] class indices or \[N, 3\]/,
    );
    expect(() => mixup({ numClasses: 3 })(labels(0, 1), labels(0, 1))).toThrow(DTypeError);
    expect(() => mixup({ numClasses: 3 })(zeros([]), labels(0))).toThrow(ShapeError);
  });
});

describe('cutMix', () => {
  it('takes one rectangle of the image before, and mixes targets by its area', () => {
    manualSeed(2);
    let partial = 0;
    for (let round = 0; round < 20; round++) {
      const x = arange(3).reshape([3, 1, 1, 1]).expand([3, 2, 6, 8]).add(1);
      const [out, soft] = cutMix({ numClasses: 3 })(x, labels(0, 1, 2));
      const own = list(out.eq(x).to('int64').sum([1, 2, 3]));
      const other = list(out.eq(x.roll(1, 0)).to('int64').sum([1, 2, 3]));
      expect(own.map((count, i) => count + other[i])).toEqual([96, 96, 96]);
      expect(new Set(own).size).toBe(1);
      expect(soft.index([0, 0]).itemSync()).toBeCloseTo(own[0] / 96, 6);
      expect(soft.index([0, 2]).itemSync()).toBeCloseTo(1 - own[0] / 96, 6);
      const inside = out.select(0, 0).select(0, 1).ne(1);
      const [rows, columns] = [list(inside.any(1)), list(inside.any(0))].map((hits) => hits.reduce((a, b) => a + b, 0));
      expect(rows * columns).toBe((96 - own[0]) / 2);
      if (own[0] > 0 && own[0] < 96) partial++;
    }
    expect(partial).toBeGreaterThan(10);
  });
  it('takes images only', () => {
    expect(() => cutMix({ numClasses: 3 })(zeros([2, 4]), labels(0, 1))).toThrow(
      /\[N, \.\.\., H, W\] is needed, got \[2, 4\]/,
    );
  });
});

describe('cutout', () => {
  it('fills squares that may stick out, others for each image', () => {
    manualSeed(3);
    const [out, target] = cutout(3, { value: 7 })(zeros([200, 2, 5, 6]), labels(1));
    expect(list(target)).toEqual([1]);
    const areas = list(out.select(1, 0).eq(7).to('int64').sum([1, 2]));
    expect(new Set(areas)).toEqual(new Set([4, 6, 9]));
    expect(list(out.select(1, 0).eq(out.select(1, 1)).all())).toEqual([1]);
    const corner = list(out.select(1, 0).select(1, 0).select(1, 0).eq(7).to('int64').sum())[0];
    expect(corner).toBeGreaterThan(200 * (4 / 30) * 0.4);
    expect(corner).toBeLessThan(200 * (4 / 30) * 1.9);
  });
  it('with p and several holes', () => {
    manualSeed(4);
    const [out] = cutout(1, { holes: 3, p: 0.5, value: 1 })(zeros([400, 1, 8, 8]), labels(0));
    const areas = list(out.sum([1, 2, 3]));
    const hit = areas.filter((area) => area > 0);
    expect(Math.abs(hit.length - 200)).toBeLessThan(50);
    expect(Math.max(...hit)).toBe(3);
    expect(() => cutout(0)).toThrow(ArgumentError);
    expect(() => cutout(2, { p: 2 })).toThrow(/p must lie in \[0, 1\], got 2/);
    expect(() => cutout(2)(zeros([3]), labels(0))).toThrow(ShapeError);
  });
});

describe('randomErasing', () => {
  it('fills a rectangle of the given areas and ratios with probability p', () => {
    manualSeed(5);
    const options = { p: 0.5, scale: [0.1, 0.3], ratio: [0.5, 2] } as const;
    const [out] = randomErasing({ ...options, value: 2 })(zeros([300, 20, 20]), labels(0));
    let hits = 0;
    const tall: number[] = [];
    for (let i = 0; i < 300; i++) {
      const inside = out.select(0, i).eq(2);
      const [h, w] = [inside.any(1), inside.any(0)].map((any) => list(any).reduce((a, b) => a + b, 0));
      if (h === 0) continue;
      hits++;
      tall.push(h / w);
      expect(inside.to('int64').sum().itemSync()).toBe(h * w);
      expect(h * w).toBeGreaterThan(0.08 * 400);
      expect(h * w).toBeLessThan(0.33 * 400);
    }
    expect(Math.abs(hits - 150)).toBeLessThan(45);
    expect(Math.min(...tall)).toBeGreaterThan(0.4);
    expect(Math.max(...tall)).toBeLessThan(2.5);
    expect(tall.filter((ratio) => ratio > 1).length).toBeGreaterThan(0.3 * hits);
  });
  it('with a value per channel, or noise', () => {
    manualSeed(6);
    const [out] = randomErasing({ p: 1, value: [1, 2, 3] })(zeros([40, 3, 8, 8]), labels(0));
    expect(list(out.amax([2, 3]).amax(0))).toEqual([1, 2, 3]);
    const [noise] = randomErasing({ p: 1, value: 'random', scale: [0.3, 0.3] })(zeros([200, 1, 20, 20]), labels(0));
    const values = list(noise).filter((x) => x !== 0);
    expect(values.length).toBeGreaterThan(5000);
    expect(Math.abs(values.reduce((a, b) => a + b * b, 0) / values.length - 1)).toBeLessThan(0.06);
  });
  it('leaves an image alone in which nothing fits', () => {
    const [out] = randomErasing({ p: 1, scale: [1, 1], value: 1 })(zeros([20, 1, 4, 4]), labels(0));
    expect(out.sum().itemSync()).toBe(0);
    const empty = randomErasing({ p: 1 })(zeros([0, 1, 4, 4]), labels())[0];
    expect(empty.shape).toEqual([0, 1, 4, 4]);
  });
  it('refuses what makes no sense', () => {
    expect(() => randomErasing({ scale: [0.5, 0.2] })).toThrow(/scale must be two numbers of \[0, 1\] in order/);
    expect(() => randomErasing({ ratio: [0, 1] })).toThrow(/ratio must be more than 0/);
    expect(() => randomErasing({ value: 'noise' as never })).toThrow(/value must be a number, got "noise"/);
    const erase = randomErasing({ value: [1, 2] });
    expect(() => erase(zeros([2, 3, 4, 4]), labels(0))).toThrow(
      /value has 2 numbers, input \[2, 3, 4, 4\] has 3 channels/,
    );
    expect(() => randomErasing({ value: 'random' })(zeros([1, 1, 2, 2], { dtype: 'uint8' }), labels(0))).toThrow(
      DTypeError,
    );
  });
});

describe('gaussianNoise and randomChoice', () => {
  it('adds noise of the given spread', () => {
    manualSeed(7);
    const [out, target] = gaussianNoise(0.3)(zeros([4000]), labels(1));
    expect(out.std().itemSync()).toBeCloseTo(0.3, 1);
    expect(list(target)).toEqual([1]);
    expect(() => gaussianNoise(-1)).toThrow(ArgumentError);
  });
  it('chooses by probability', () => {
    manualSeed(8);
    const mark =
      (value: number): BatchTransform =>
      (x, y) => [x.add(value), y];
    const counts = [0, 0, 0];
    const choose = randomChoice([mark(0), mark(1), mark(2)], { p: [1, 0, 3] });
    for (let i = 0; i < 400; i++) counts[choose(zeros([]), labels(0))[0].itemSync()]++;
    expect(counts[1]).toBe(0);
    expect(Math.abs(counts[2] - 300)).toBeLessThan(40);
    expect(() => randomChoice([])).toThrow(/one or more functions are needed/);
    expect(() => randomChoice([mark(0)], { p: [1, 2] })).toThrow(/p needs a number >= 0 for each of 1 transforms/);
  });
});

describe('every transform', () => {
  const all: [string, BatchTransform][] = [
    ['mixup', mixup({ numClasses: 3 })],
    ['cutMix', cutMix({ numClasses: 3 })],
    ['cutout', cutout(3)],
    ['randomErasing', randomErasing({ p: 1, value: 'random' })],
    ['gaussianNoise', gaussianNoise()],
    ['randomChoice', randomChoice([mixup({ numClasses: 3 }), cutMix({ numClasses: 3 })])],
  ];
  it.each(all)('%s repeats itself from the same random state', (_, transform) => {
    manualSeed(9);
    const [x, y] = [randn([4, 1, 9, 9]), labels(0, 1, 2, 1)];
    const state = getRngState();
    const run = (): number[][] => [0, 1].flatMap(() => transform(x, y).map(list));
    const first = run();
    setRngState(state);
    expect(run()).toEqual(first);
    expect(first[0]).not.toEqual(list(x));
    expect(first[2]).not.toEqual(first[0]);
    expect(list(x)).not.toEqual(first[0]);
  });
});
