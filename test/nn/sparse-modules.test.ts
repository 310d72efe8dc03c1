import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  DTypeError,
  F,
  nn,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

/** The cases have one tensor as output. */
const adaptive = (() => {
  class AdaptiveLogSoftmaxWithLoss extends nn.AdaptiveLogSoftmaxWithLoss {
    override forward(input: Tensor, target: Tensor): never {
      const { output, loss } = super.forward(input, target);
      return output.sub(loss) as never;
    }
  }
  return (...args: ConstructorParameters<typeof nn.AdaptiveLogSoftmaxWithLoss>): nn.AnyModule =>
    new AdaptiveLogSoftmaxWithLoss(...args);
})();

compareModules('nn_sparse', {
  embedding: () => new nn.Embedding(5, 4),
  'embedding padded': () =>
    new nn.Embedding(5, 4, { paddingIdx: -2, maxNorm: 1.5, normType: 1, scaleGradByFreq: true }),
  embeddingBag: () => new nn.EmbeddingBag(5, 4),
  'embeddingBag of a list': () => new nn.EmbeddingBag(5, 4, { mode: 'max', paddingIdx: 1, includeLastOffset: true }),
  'embeddingBag with weights': () => new nn.EmbeddingBag(5, 4, { mode: 'sum', maxNorm: 2 }),
});

compareModules('nn_label', {
  ctc: () => new nn.CTCLoss({ blank: 3, zeroInfinity: true }),
  'ctc sum': () => new nn.CTCLoss({ reduction: 'sum' }),
  multilabelMargin: () => new nn.MultiLabelMarginLoss({ reduction: 'sum' }),
  adaptive: () => adaptive(8, 12, [3, 7], { divValue: 2 }),
  'adaptive with bias': () => adaptive(8, 9, [2, 4, 5], { headBias: true, divValue: 1.5 }),
});

const int = (data: number[]) => tensor(data, { dtype: 'int64' });

describe('Embedding', () => {
  it('starts with normal numbers, and zeros in the padding row', () => {
    const { weight } = new nn.Embedding(400, 50, { paddingIdx: 3 });
    expect(weight.select(0, 3).abs().sum().itemSync()).toBe(0);
    expect(Math.abs(weight.mean().itemSync())).toBeLessThan(0.05);
    expect(Math.abs(weight.std().itemSync() - 1)).toBeLessThan(0.05);
    expect(weight.requiresGrad).toBe(true);
  });
  it('takes a table that is there', () => {
    const table = randn([4, 3]);
    for (const module of [nn.Embedding.fromPretrained(table), nn.EmbeddingBag.fromPretrained(table, { mode: 'sum' })]) {
      expect(module.weight.requiresGrad).toBe(false);
      expect(module.weight.dataSync()).toEqual(table.dataSync());
    }
    expect(nn.Embedding.fromPretrained(table, { freeze: false }).weight.requiresGrad).toBe(true);
    expect(() => nn.Embedding.fromPretrained(zeros([3]))).toThrow(ShapeError);
    expect(() => new nn.Embedding(3, 2, { paddingIdx: 3 })).toThrow(ArgumentError);
    expect(() => new nn.Embedding(-1, 2)).toThrow(ArgumentError);
  });
});

describe('AdaptiveLogSoftmaxWithLoss', () => {
  const module = new nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], { divValue: 2 });
  const x = randn([5, 8]);

  it('gives log-probabilities of all classes', () => {
    const all = module.logProb(x);
    expect(all.shape).toEqual([5, 12]);
    for (const sum of all.exp().sum(1).dataSync()) expect(Number(sum)).toBeCloseTo(1, 5);
    const target = int([0, 5, 11, 3, 2]);
    const { output, loss } = module.forward(x, target);
    const picked = all.gather(1, target.unsqueeze(1)).squeeze(1);
    for (const d of output.sub(picked).dataSync()) expect(Number(d)).toBeCloseTo(0, 5);
    expect(loss.itemSync()).toBeCloseTo(-picked.mean().itemSync(), 5);
    expect(module.predict(x).dataSync()).toEqual(all.argmax(1).dataSync());
  });
  it('has a form that does not block', async () => {
    const target = int([0, 5, 11, 3, 2]);
    const { output, loss } = await module.forwardAsync(x, target);
    const now = module.forward(x, target);
    expect(await output.toArray()).toEqual(await now.output.toArray());
    expect(await loss.item()).toBe(await now.loss.item());
  });
  it('refuses what does not fit', () => {
    expect(() => module.forward(x, int([0, 1, 2, 3, 12]))).toThrow(ValueError);
    expect(() => module.forward(x, int([0, 1, 2, 3, -1]))).toThrow(/target -1 is out of range \[0, 12\)/);
    expect(() => module.forward(x, int([0]))).toThrow(ShapeError);
    expect(() => module.forward(x, zeros([5]))).toThrow(DTypeError);
    for (const cutoffs of [[], [0, 3], [4, 4], [3, 12], [2.5], 3 as never]) {
      expect(() => new nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs)).toThrow(/cutoffs must be rising integers/);
    }
  });
});

describe('embeddingBag', () => {
  it('has second derivatives', () => {
    const weight = randn([5, 3], { dtype: 'float64' }).requiresGrad_();
    const factors = randn([4], { dtype: 'float64' }).requiresGrad_();
    const offsets = int([0, 1]);
    const out = F.embeddingBag(int([4, 1, 4, 0]), weight, offsets, { mode: 'sum', perSampleWeights: factors });
    out.pow(3).sum().backward({ createGraph: true });
    const [g, h] = [weight.grad as Tensor, factors.grad as Tensor];
    const plain = F.embeddingBag(int([4, 1, 4, 0]), weight, offsets, { mode: 'sum', perSampleWeights: factors });
    expect(plain.dataSync()).toEqual(out.dataSync());
    expect([g.requiresGrad, h.requiresGrad]).toEqual([true, true]);
  });
});
