// Attention beyond single calls: the two forms agree, dropout, memory, layout.
import { describe, expect, it } from 'vitest';
import {
  autograd,
  F,
  Generator,
  memory,
  ones,
  randn,
  resetPeakMemory,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import type { AttentionOptions } from '../../lib/nn/functional.js';

const run = (body: () => Promise<void>) => () => scope(body);

interface Case {
  query: number[];
  key: number[];
  value: number[];
  options: AttentionOptions;
}

const cases: Record<string, Case> = {
  plain: { query: [2, 3, 70, 16], key: [2, 3, 90, 16], value: [2, 3, 90, 20], options: {} },
  causal: { query: [1, 2, 150, 8], key: [1, 2, 140, 8], value: [1, 2, 140, 8], options: { isCausal: true } },
  grouped: { query: [1, 4, 9, 5], key: [1, 2, 300, 5], value: [1, 2, 300, 5], options: { enableGqa: true } },
  decoding: { query: [1, 2, 1, 32], key: [1, 2, 1300, 32], value: [1, 2, 1300, 32], options: {} },
  dropout: { query: [2, 2, 33, 8], key: [2, 2, 70, 8], value: [2, 2, 70, 8], options: { dropoutP: 0.4 } },
};

/** Output and gradients; a mask of zeros that wants a gradient takes the composed form. */
async function results({ query, key, value, options }: Case, composed: boolean): Promise<number[][]> {
  const generator = new Generator(1);
  const inputs = [query, key, value].map((shape) => randn(shape, { dtype: 'float64', generator }).requiresGrad_());
  const [length, source] = [query[2], key[2]];
  const none = zeros([length, source], { dtype: 'float64' });
  const attnMask = options.isCausal
    ? none.maskedFill(ones([length, source], { dtype: 'bool' }).triu(1), -Infinity)
    : none;
  const own = composed ? { ...options, isCausal: false, attnMask: attnMask.requiresGrad_() } : options;
  const out = F.scaledDotProductAttention(inputs[0], inputs[1], inputs[2], { ...own, generator });
  const grads = autograd.grad(out, inputs, { gradOutputs: [randn(out.shape, { dtype: 'float64', generator })] });
  return Promise.all([out, ...(grads as Tensor[])].map(async (x) => [...((await x.data()) as Float64Array)]));
}

describe('scaledDotProductAttention', () => {
  for (const [name, one] of Object.entries(cases)) {
    it(
      `in tiles gives what the single operations give: ${name}`,
      run(async () => {
        const [tiled, composed] = [await results(one, false), await results(one, true)];
        expect(tiled.map((x) => x.length)).toEqual(composed.map((x) => x.length));
        tiled.forEach((values, i) => {
          const worst = Math.max(...values.map((value, j) => Math.abs(value - composed[i][j])));
          expect(worst).toBeLessThan(1e-12);
          expect(values.some((value) => value !== 0)).toBe(true);
        });
      }),
    );
  }

  it(
    'drops weights at the rate asked for',
    run(async () => {
      const [queries, keys] = [200, 300];
      const x = zeros([1, queries, 4]);
      const value = ones([1, keys, 1]);
      const kept = await F.scaledDotProductAttention(x, zeros([1, keys, 4]), value, { dropoutP: 0.25 })
        .mean()
        .item();
      // 60,000 draws: five standard deviations are 0.012.
      expect(Math.abs((kept as number) - 1)).toBeLessThan(0.012);
      const none = F.scaledDotProductAttention(x, zeros([1, keys, 4]), value, { dropoutP: 1 });
      expect(await none.abs().sum().item()).toBe(0);
    }),
  );

  it(
    'takes memory for the sequences, not for their product',
    run(async () => {
      const length = 4096;
      const [q, k, v] = [0, 1, 2].map(() => randn([1, 1, length, 16], { requiresGrad: true }));
      resetPeakMemory();
      const before = memory().live;
      F.scaledDotProductAttention(q, k, v, { isCausal: true }).sum().backward();
      await q.grad?.sum().item();
      expect(memory().peak - before).toBeLessThan((length * length * 4) / 8);
    }),
  );

  it(
    'reads heads in place and lays them side by side',
    run(async () => {
      const features = randn([2, 7, 12]);
      const heads = features.reshape([2, 7, 3, 4]).transpose(1, 2);
      const out = F.scaledDotProductAttention(heads, heads, heads);
      expect(out.transpose(1, 2).isContiguous()).toBe(true);
      const copy = heads.contiguous();
      const same = F.scaledDotProductAttention(copy, copy, copy);
      expect(await out.toArray()).toEqual(await same.toArray());
    }),
  );

  it(
    'hands NaN on, and a score of infinity becomes NaN',
    run(async () => {
      const query = tensor([[1], [2]]);
      const attend = async (key: number[]): Promise<unknown> =>
        F.scaledDotProductAttention(query, tensor(key.map((x) => [x])), tensor([[1], [2]])).toArray();
      expect(await attend([NaN, 0])).toEqual([[NaN], [NaN]]);
      expect(await attend([Infinity, 0])).toEqual([[NaN], [NaN]]);
      expect(await attend([-Infinity, 0])).toEqual([[2], [2]]);
    }),
  );
});
