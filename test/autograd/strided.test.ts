// asStrided against PyTorch (strided.json), with the records behind it: restride and clearRegion.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, asStrided, autograd, ShapeError, type Tensor, tensor, zeros } from '../../lib/index.js';
import { clearRegion, geometryOf, mayOverlap, restride } from '../../lib/ops/shape/strided.js';

interface Case {
  shape: number[];
  data: number[];
  make: [string, ...unknown[]] | null;
  size: number[];
  stride: number[];
  offset: number | null;
  weight: number[];
  value: number[];
  grad: number[];
  second: number[];
  own: number[];
}

const cases = JSON.parse(readFileSync(new URL('strided.json', import.meta.url), 'utf8')) as Case[];
const f64 = (data: readonly number[], shape: readonly number[], requiresGrad = false): Tensor =>
  tensor([...data], { dtype: 'float64', shape, requiresGrad });
const numbers = (x: Tensor | null): number[] => Array.from((x as Tensor).detach().dataSync(), Number);

function expectClose(got: Tensor | null, want: readonly number[]): void {
  expect(got).not.toBeNull();
  expect(numbers(got)).toHaveLength(want.length);
  for (const [i, value] of numbers(got).entries()) expect(value).toBeCloseTo(want[i], 10);
}

function inputOf(c: Case, base: Tensor): Tensor {
  if (!c.make) return base;
  const [name, ...args] = c.make;
  return (Reflect.get(base, name) as (...values: unknown[]) => Tensor).apply(base, args);
}

describe('asStrided', () => {
  it.each(
    cases.map(
      (c) => [`${c.make ?? ''}${JSON.stringify(c.shape)} ${JSON.stringify([c.size, c.stride, c.offset])}`, c] as const,
    ),
  )('%s', (_name, c) => {
    const base = f64(c.data, c.shape, true);
    const x = inputOf(c, base);
    const y = asStrided(x, c.size, c.stride, c.offset ?? undefined);
    expect(y.shape).toEqual(c.size);
    expectClose(y, c.value);
    const weight = f64(c.weight, c.size);
    const [grad] = autograd.grad(y.mul(y).mul(weight).sum(), base, { createGraph: true });
    expectClose(grad, c.grad);
    const squares = (grad as Tensor).mul(grad as Tensor).sum();
    expectClose(autograd.grad(squares, base)[0], c.second);
    const again = asStrided(x, c.size, c.stride, c.offset ?? undefined);
    expectClose(autograd.grad(again.mul(weight).sum(), x)[0], c.own);
  });

  it('is a view: a change in place reaches both', () => {
    const x = zeros([4]);
    const w = tensor([2, 3], { requiresGrad: true });
    x.asStrided([2], [2], 1).copy_(w);
    expect(numbers(x)).toEqual([0, 2, 0, 3]);
    x.mul(tensor([1, 10, 1, 100]))
      .sum()
      .backward();
    expect(numbers(w.grad)).toEqual([10, 100]);
  });

  it('starts at the first element of the input, and says where that is', () => {
    const x = tensor([0, 1, 2, 3, 4, 5]).slice(0, 2);
    expect(x.storageOffset()).toBe(2);
    expect(numbers(x.asStrided([2], [3]))).toEqual([2, 5]);
    expect(numbers(x.asStrided([2], [1], 0))).toEqual([0, 1]);
  });

  it('takes empty sizes', () => {
    const x = zeros([4], { requiresGrad: true });
    const y = x.asStrided([0, 3], [3, 1], 2);
    expect(y.shape).toEqual([0, 3]);
    y.sum().backward();
    expect(numbers(x.grad)).toEqual([0, 0, 0, 0]);
  });

  it('refuses what lies outside the memory', () => {
    const x = zeros([6]);
    expect(() => x.asStrided([2, 3], [3, 2])).toThrow(ShapeError);
    expect(() => x.asStrided([2], [1], 5)).toThrow(/reach past the 6 elements/);
    expect(() => x.asStrided([2], [1, 1])).toThrow(/one stride for each/);
    expect(() => x.asStrided([2], [-1])).toThrow(ArgumentError);
    expect(() => x.asStrided([2], [1], 0.5)).toThrow(ArgumentError);
    expect(() => x.detach().slice(0, 3).asStrided([2], [5], 0)).not.toThrow();
  });
});

describe('regions', () => {
  it('know whether elements may share a position', () => {
    const region = (shape: number[], strides: number[]) => ({ shape, strides, offset: 0 });
    expect(mayOverlap(region([2, 3], [3, 1]))).toBe(false);
    expect(mayOverlap(region([2, 3], [1, 2]))).toBe(false);
    expect(mayOverlap(region([2, 3], [2, 1]))).toBe(true);
    expect(mayOverlap(region([2, 1], [0, 0]))).toBe(true);
    expect(mayOverlap(region([1, 3], [0, 1]))).toBe(false);
    expect(mayOverlap(region([0, 3], [0, 0]))).toBe(false);
  });

  const whole = { shape: [2, 3], strides: [3, 1], offset: 0 };
  const window = { shape: [3, 2], strides: [1, 1], offset: 1 };
  const column = { shape: [2], strides: [3], offset: 1 };

  it('restride is its own transpose, also where elements are counted', () => {
    for (const counted of [null, window]) {
      const x = f64([1, -2, 3, 0.5, 4, 7], [2, 3]);
      const g = f64([2, 3, -1, 5, 0.25, 8], [3, 2]);
      const left = restride(x, whole, window, counted).mul(g).sum().itemSync();
      const right = restride(g, window, whole, counted).mul(x).sum().itemSync();
      expect(left).toBeCloseTo(right, 12);
    }
  });

  it('restride averages counted positions', () => {
    const ones = f64([1, 1, 1, 1, 1, 1], [3, 2]);
    expect(numbers(restride(ones, window, whole, window))).toEqual([0, 1, 1, 1, 1, 0]);
    expect(numbers(restride(ones, window, whole, null))).toEqual([0, 1, 2, 2, 1, 0]);
  });

  it('clearRegion keeps what lies outside, with its gradient', () => {
    const x = f64([1, 2, 3, 4, 5, 6], [2, 3], true);
    const y = clearRegion(x, geometryOf(x), column);
    expect(numbers(y)).toEqual([1, 0, 3, 4, 0, 6]);
    y.mul(y).sum().backward();
    expect(numbers(x.grad)).toEqual([2, 0, 6, 8, 0, 12]);
  });
});
