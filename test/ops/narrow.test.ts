// bfloat16 and float16: stored narrow, computed in float32. The specs run every op in both; this is about the mechanism.
import { describe, expect, it } from 'vitest';
import {
  autograd,
  cat,
  type DType,
  DTypeError,
  F,
  matmul,
  nn,
  noGrad,
  optim,
  randn,
  type Tensor,
  tensor,
  where,
  zeros,
} from '../../lib/index.js';
import { defineOp } from '../../lib/ops/define.js';
import { emptyLike } from '../../lib/tensor/create.js';

const values = (t: Tensor): number[] => Array.from(t.dataSync(), Number);
const NARROW: readonly DType[] = ['bfloat16', 'float16'];

for (const dtype of NARROW) {
  describe(dtype, () => {
    const narrow = (data: number[]) => tensor(data, { dtype });

    it('computes in float32 and rounds once', () => {
      const x = narrow([0.1, 0.2, 0.3, 1e-3, -7]);
      const y = narrow([3, 1 / 3, 100, 1e-3, 2]);
      const wide = x.float().mul(y.float()).to(dtype);
      const product = x.mul(y);
      expect(product.dtype).toBe(dtype);
      expect(values(product)).toEqual(values(wide));
      // 256 terms of 1: a sum kept in bfloat16 would stop at 256.
      expect(values(tensor(new Float32Array(1000).fill(1)).to(dtype).sum())).toEqual(
        values(tensor([1000]).to(dtype).reshape([])),
      );
    });
    it('keeps what is saved and every gradient narrow', () => {
      const x = narrow([0.5, -1, 2]).requiresGrad_();
      const w = narrow([1.5, 2.5, -3]).requiresGrad_();
      const y = x.mul(w).exp();
      const saved = y._node?.saved as { kept: Tensor };
      expect(saved.kept.dtype).toBe(dtype);
      y.sum().backward();
      expect([x.grad?.dtype, w.grad?.dtype]).toEqual([dtype, dtype]);
      const wide = y.detach().float().mul(w.detach().float());
      const got = values(x.grad as Tensor);
      const epsilon = dtype === 'bfloat16' ? 2 ** -8 : 2 ** -11;
      values(wide).forEach((want, i) => {
        expect(Math.abs(got[i] - want)).toBeLessThanOrEqual(2 * epsilon * Math.abs(want));
      });
    });
    it('has second derivatives', () => {
      const x = narrow([0.5, -1, 2]).requiresGrad_();
      const [g] = autograd.grad(x.mul(x).mul(x).sum(), x, { createGraph: true }) as Tensor[];
      expect(g.dtype).toBe(dtype);
      const [gg] = autograd.grad(g.sum(), x) as Tensor[];
      expect(values(gg)).toEqual([3, -6, 12]);
      expect(gg.dtype).toBe(dtype);
    });
    it('views share memory; moves copy bits', () => {
      const x = narrow([1, 2, 3, 4, 5, 6]);
      const view = x.reshape([2, 3]).transpose(0, 1).slice(0, 1);
      expect(view._isView).toBe(true);
      view.fill_(0);
      expect(values(x)).toEqual([1, 0, 0, 4, 0, 0]);
      const odd = narrow([Number.NaN, -0, Infinity, 1]);
      expect(values(cat([odd, odd]).slice(0, 4))).toEqual([Number.NaN, -0, Infinity, 1]);
      const mask = tensor([true, false, true, false]);
      expect(values(where(mask, odd, narrow([9, 9, 9, 9])))).toEqual([Number.NaN, 9, Infinity, 9]);
      const index = tensor(new BigInt64Array([3n, 3n, 0n]));
      expect(values(odd.indexSelect(0, index))).toEqual([1, 1, Number.NaN]);
      expect(odd.indexSelect(0, index).dtype).toBe(dtype);
    });
    it('promotes beside other dtypes', () => {
      const x = narrow([1, 2]);
      expect(x.add(tensor([1, 2])).dtype).toBe('float32');
      expect(x.add(tensor([1, 2], { dtype: 'float64' })).dtype).toBe('float64');
      expect(x.add(tensor([1, 2], { dtype: 'int64' })).dtype).toBe(dtype);
      expect(x.add(tensor(1)).dtype).toBe(dtype);
      expect(x.add(0.5).dtype).toBe(dtype);
      expect(x.eq(x).dtype).toBe('bool');
      expect(x.argmax().dtype).toBe('int64');
      expect(x.add(tensor([1, 2], { dtype: dtype === 'bfloat16' ? 'float16' : 'bfloat16' })).dtype).toBe('float32');
      const a = randn([2, 2]);
      expect(() => matmul(a.to(dtype), a)).toThrow(DTypeError);
      expect(() => F.linear(a.to(dtype), a)).toThrow(DTypeError);
    });
    it('changes in place', () => {
      const x = narrow([1, 2, 3]);
      x.add_(narrow([1, 1, 1]))
        .mul_(0.5)
        .neg_()
        .clamp_(-1.5, 0);
      expect([values(x), x.dtype]).toEqual([[-1, -1.5, -1.5], dtype]);
      const base = zeros([2, 3], { dtype });
      base.select(1, 1).add_(2);
      expect(values(base)).toEqual([0, 2, 0, 0, 2, 0]);
    });
    it('accumulates gradients of several uses and backwards', () => {
      const x = narrow([1, 2]).requiresGrad_();
      x.mul(3).add(x).sum().backward();
      x.mul(2).sum().backward();
      expect(values(x.grad as Tensor)).toEqual([6, 6]);
    });
    it('trains a model whose parameters and optimizer state are narrow', async () => {
      for (const make of [
        (p: nn.Parameter[]) => new optim.AdamW(p, { lr: 0.01, amsgrad: true }),
        (p: nn.Parameter[]) => new optim.SGD(p, { lr: 0.05, momentum: 0.9 }),
      ]) {
        const model = new nn.Sequential(
          new nn.Conv2d(1, 4, 3),
          new nn.BatchNorm2d(4),
          new nn.ReLU(),
          new nn.Flatten(),
          new nn.Linear(16, 3),
        ).to(dtype);
        const optimizer = make(model.parameters());
        const x = randn([6, 1, 4, 4]).to(dtype);
        const target = tensor(new BigInt64Array([0n, 1n, 2n, 0n, 1n, 2n]));
        const losses: number[] = [];
        for (let i = 0; i < 30; i++) {
          const loss = F.crossEntropy(model.forward(x), target);
          expect(loss.dtype).toBe(dtype);
          losses.push(await loss.item());
          optimizer.zeroGrad();
          loss.backward();
          optimizer.step();
        }
        expect(losses.at(-1)).toBeLessThan(losses[0] * 0.7);
        for (const p of model.parameters()) expect([p.dtype, p.grad?.dtype]).toEqual([dtype, dtype]);
        const statistics = [...model.namedBuffers()].filter(([name]) => name.endsWith('running_mean'));
        expect(statistics.length).toBe(1);
        expect(statistics[0][1].dtype).toBe(dtype);
        expect(values(statistics[0][1]).some((v) => v !== 0)).toBe(true);
      }
    });
    it('normalizes beside float32 weights and statistics', () => {
      const x = randn([8, 3]);
      const [mean, variance] = [zeros([3]), tensor([1, 1, 1])];
      const y = F.batchNorm(x.to(dtype), mean, variance, tensor([1, 2, 3]), null, { training: true });
      expect(y.dtype).toBe(dtype);
      expect(values(mean).every((v) => v !== 0)).toBe(true);
    });
    it.each([
      ['layerNorm', (x: Tensor, w: Tensor, b: Tensor) => F.layerNorm(x, 4, w, b)],
      ['rmsNorm', (x: Tensor, w: Tensor, _b: Tensor) => F.rmsNorm(x, 4, w, { eps: 1e-5 })],
      ['groupNorm', (x: Tensor, w: Tensor, b: Tensor) => F.groupNorm(x, 2, w, b)],
      ['instanceNorm', (x: Tensor, w: Tensor, b: Tensor) => F.instanceNorm(x, null, null, w, b)],
    ])('%s takes float32 parameters beside it', (_name, run) => {
      const wide = randn([3, 4, 4]).to(dtype);
      const parameters = () => [tensor([1, 2, -1, 0.5]).requiresGrad_(), tensor([0, 1, 2, 3]).requiresGrad_()] as const;
      const [w, b] = parameters();
      const [w2, b2] = parameters();
      const x = wide.detach().requiresGrad_();
      const x2 = wide.float().requiresGrad_();
      const y = run(x, w, b);
      const y2 = run(x2, w2, b2);
      expect(y.dtype).toBe(dtype);
      expect(values(y)).toEqual(values(y2.to(dtype)));
      y.sum().backward();
      y2.sum().backward();
      expect([x.grad?.dtype, w.grad?.dtype]).toEqual([dtype, 'float32']);
      expect(values(w.grad as Tensor)).toEqual(values(w2.grad as Tensor));
      expect(values(x.grad as Tensor)).toEqual(values((x2.grad as Tensor).to(dtype)));
      expect(() => run(wide.float(), w.to(dtype), b.to(dtype))).toThrow(DTypeError);
    });
    it('prints and reads', async () => {
      expect(String(narrow([0.1, 2]))).toBe(
        dtype === 'bfloat16' ? 'tensor([0.1001, 2.0000], dtype=bfloat16)' : 'tensor([0.1000, 2.0000], dtype=float16)',
      );
      expect(await narrow([1.5]).item()).toBe(1.5);
      expect(await narrow([1, 2]).reshape([2, 1]).toArray()).toEqual([[1], [2]]);
      expect((await narrow([1, 2]).data()).constructor).toBe(Float32Array);
    });
  });
}

describe('a record', () => {
  it('that returns a view of its input runs on the input itself', () => {
    const alias = defineOp({ name: 'testAlias', inputs: ['input'], forward: (x: Tensor) => x._alias('testAlias') });
    const x = tensor([1, 2], { dtype: 'bfloat16' });
    const y = alias(x);
    noGrad(() => y.fill_(5));
    expect(values(x)).toEqual([5, 5]);
  });
  it('takes one floating-point dtype unless it says otherwise', () => {
    const forward = (a: Tensor, _b: Tensor) => emptyLike(a);
    const strict = defineOp({ name: 'testStrict', inputs: ['a', 'b'], forward });
    const mixed = defineOp({ name: 'testMixed', inputs: ['a', 'b'], narrow: 'mixed', forward });
    const [x, y] = [tensor([1], { dtype: 'float16' }), tensor([1])];
    expect(() => strict(x, y)).toThrow(/^testStrict: inputs are float16 and float32/);
    expect([mixed(x, y).dtype, mixed(y, x).dtype]).toEqual(['float16', 'float32']);
  });
});
