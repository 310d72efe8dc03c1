// Positions against their formulas in PyTorch, and keys and values that are kept.
import { describe, expect, it } from 'vitest';
import {
  arange,
  DTypeError,
  F,
  inferenceMode,
  nn,
  noGrad,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

class Call<M extends nn.AnyModule> extends nn.Module<Tensor[]> {
  constructor(
    readonly module: M,
    readonly call: (module: M, inputs: Tensor[]) => Tensor,
  ) {
    super();
  }

  forward(...inputs: Tensor[]): Tensor {
    return this.call(this.module, inputs);
  }
}

const run =
  <M extends nn.AnyModule>(make: () => M, call: (module: M, inputs: Tensor[]) => Tensor) =>
  () =>
    new Call(make(), call) as nn.AnyModule;

const { KVCache, LearnedPositionalEmbedding, RotaryEmbedding, SinusoidalPositionalEncoding } = nn;
const largest = (x: Tensor): number => x.abs().max().itemSync();

compareModules('nn_positions', {
  sinusoidal: run(
    () => new SinusoidalPositionalEncoding(6, { maxLen: 10 }),
    (m, [x]) => m.forward(x),
  ),
  'sinusoidal, a part': run(
    () => new SinusoidalPositionalEncoding(5, { maxLen: 9, batchFirst: true, base: 100 }),
    (m, [x]) => m.forward(x, { offset: 5 }),
  ),
  learned: run(
    () => new LearnedPositionalEmbedding(5, 4, { batchFirst: true }),
    (m, [x]) => m.forward(x, { offset: 2 }),
  ),
  'learned, single': run(
    () => new LearnedPositionalEmbedding(5, 4),
    (m, [x]) => m.forward(x),
  ),
  rotary: run(
    () => new RotaryEmbedding(6, { maxLen: 12 }),
    (m, [x]) => m.forward(x),
  ),
  'rotary, interleaved': run(
    () => new RotaryEmbedding(4, { maxLen: 9, base: 100, interleaved: true }),
    (m, [x]) => m.forward(x, { offset: 3 }),
  ),
  'rotary, a part': run(
    () => new RotaryEmbedding(4, { maxLen: 9 }),
    (m, [x]) => m.forward(x),
  ),
  'rotary by position': run(
    () => new RotaryEmbedding(4, { maxLen: 9, interleaved: true }),
    (m, [x, positions]) => m.forward(x, { positions }),
  ),
});

describe('positions', () => {
  it('of queries and keys matter by their distance only', () => {
    const rotary = new RotaryEmbedding(8);
    const [q, k] = [randn([1, 8], { dtype: 'float64' }), randn([1, 8], { dtype: 'float64' })];
    const product = (i: number, j: number): number =>
      rotary
        .forward(q, { offset: i })
        .mul(rotary.forward(k, { offset: j }))
        .sum()
        .itemSync();
    expect(Math.abs(product(7, 3) - product(1004, 1000))).toBeLessThan(1e-11);
  });

  it('keep their tables through scopes, inference mode and clones', () => {
    const encoding = new SinusoidalPositionalEncoding(4, { maxLen: 3 });
    const x = zeros([3, 4]);
    inferenceMode(() => encoding.forward(x));
    const rotary = new RotaryEmbedding(4);
    noGrad(() => rotary.forward(x));
    const w = randn([3, 4]).requiresGrad_(true);
    rotary.clone().forward(encoding.clone().forward(x).mul(w)).square().sum().backward();
    expect(largest(w.grad as Tensor)).toBeGreaterThan(0);
    expect(Object.keys(encoding.stateDict())).toEqual([]);
  });

  it('run out with a clear error', () => {
    const text = /input \[3, 1, 4\] has 3 positions behind 2 others, there are 4/;
    expect(() => new LearnedPositionalEmbedding(4, 4).forward(zeros([3, 1, 4]), { offset: 2 })).toThrow(text);
    expect(() => new SinusoidalPositionalEncoding(4, { maxLen: 2 }).forward(zeros([3, 4]))).toThrow(ShapeError);
    expect(() => new RotaryEmbedding(4, { maxLen: 2 }).forward(zeros([3, 4]))).toThrow(/has 3 positions, there are 2/);
    expect(() => new RotaryEmbedding(6).forward(zeros([3, 4]))).toThrow(/\[..., L, D\] with D >= 6, got \[3, 4\]/);
    expect(() => new RotaryEmbedding(5)).toThrow(/dim must be even, got 5/);
    expect(() => new RotaryEmbedding(4).forward(zeros([2, 3, 4]), { positions: arange(2) })).toThrow(/positions \[2\]/);
    expect(() => F.applyRotaryEmb(zeros([3, 4]), zeros([3, 3]), zeros([3, 3]))).toThrow(ShapeError);
    expect(() => F.sinusoidalPositions(3, 4, { base: 0 })).toThrow(/base must be a number above 0/);
  });
});

describe('KVCache', () => {
  const part = (x: Tensor, from: number, length: number): Tensor => x.narrow(2, from, length);

  it('gives all positions so far, and grows', () => {
    const cache = new KVCache(2, { capacity: 2 });
    const [k, v] = [randn([3, 2, 9, 4]), randn([3, 2, 9, 5])];
    for (const [from, length] of [
      [0, 1],
      [1, 1],
      [2, 5],
      [7, 2],
    ]) {
      for (const layer of [0, 1]) {
        const [keys, values] = noGrad(() => cache.update(layer, part(k, from, length), part(v, from, length)));
        expect(keys.shape).toEqual([3, 2, from + length, 4]);
        expect(largest(keys.sub(part(k, 0, from + length)))).toBe(0);
        expect(largest(values.sub(part(v, 0, from + length)))).toBe(0);
      }
      expect(cache.length).toBe(from + length);
    }
  });

  it('reorders, repeats, crops and forgets', () => {
    const cache = new KVCache(1);
    const k = randn([3, 1, 2, 4]);
    cache.update(0, k, k);
    noGrad(() => cache.reorder(tensor([2, 0, 0, 1], { dtype: 'int64' })));
    cache.crop(1);
    expect(cache.length).toBe(1);
    const more = randn([4, 1, 1, 4]);
    const [keys] = cache.update(0, more, more);
    expect(largest(part(keys, 0, 1).sub(part(k, 0, 1).index([[2, 0, 0, 1]])))).toBe(0);
    expect(largest(part(keys, 1, 1).sub(more))).toBe(0);
    cache.reset();
    expect(cache.length).toBe(0);
    expect(cache.update(0, k, k)[0].shape).toEqual([3, 1, 2, 4]);
  });

  it('refuses what does not fit', () => {
    const cache = new KVCache(1, { maxLength: 3 });
    const k = zeros([2, 1, 2, 4]);
    cache.update(0, k, k);
    expect(() => cache.update(0, k, k)).toThrow(/key \[2, 1, 2, 4\] behind 2 positions makes 4, maxLength is 3/);
    expect(() => cache.update(0, zeros([1, 1, 1, 4]), zeros([1, 1, 1, 4]))).toThrow(/the cache holds \[2, 1, L, 4\]/);
    expect(() => cache.update(0, zeros([2, 1, 4]), k)).toThrow(ShapeError);
    expect(() => cache.update(1, k, k)).toThrow(/no layer 1 of 1/);
    const wide = zeros([2, 1, 1, 4], { dtype: 'float64' });
    expect(() => cache.update(0, wide, wide)).toThrow(DTypeError);
    expect(cache.length).toBe(2);
  });
});
