// Multi-head attention and the Transformer beyond their fixtures: hints, dropout, higher derivatives, bad input.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  autograd,
  DTypeError,
  F,
  isnan,
  manualSeed,
  nn,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';

const { MultiheadAttention, Transformer, TransformerEncoder, TransformerEncoderLayer } = nn;
const largest = (x: Tensor): number => x.abs().max().itemSync();
const f64 = { dtype: 'float64' } as const;

describe('multi-head attention', () => {
  it('is the same with and without weights', () => {
    const mha = new MultiheadAttention(6, 3, { batchFirst: true, ...f64 });
    const [x, y] = [randn([2, 4, 6], f64), randn([2, 5, 6], f64)];
    const attnMask = ones([4, 5], { dtype: 'bool' }).triu(2);
    const [slow, weights] = mha.forward(x, y, y, { attnMask });
    const [fast, none] = mha.forward(x, y, y, { attnMask, needWeights: false });
    expect(none).toBeNull();
    expect(largest(slow.sub(fast))).toBeLessThan(1e-14);
    expect(weights.shape).toEqual([2, 4, 5]);
    expect(largest(weights.sum(-1).sub(1))).toBeLessThan(1e-14);
    expect(largest(weights.mul(attnMask))).toBe(0);
  });

  it('does as PyTorch where every key is masked: NaN with weights, the bias without', () => {
    const mha = new MultiheadAttention(4, 2);
    const x = randn([2, 1, 4]);
    const keyPaddingMask = tensor([[true, true]]);
    expect(
      isnan(mha.forward(x, x, x, { keyPaddingMask })[0])
        .all()
        .itemSync(),
    ).toBe(1);
    const [out] = mha.forward(x, x, x, { keyPaddingMask, needWeights: false });
    expect(
      out
        .sub(mha.outProj.bias as Tensor)
        .abs()
        .max()
        .itemSync(),
    ).toBe(0);
  });

  it('drops weights in training only', () => {
    manualSeed(1);
    const mha = new MultiheadAttention(4, 2, { dropout: 0.5 });
    const x = randn([9, 2, 4]);
    const [, weights] = mha.forward(x, x, x, { averageAttnWeights: false });
    expect(weights.eq(0).sum().itemSync()).toBeGreaterThan(50);
    expect(mha.eval().forward(x, x, x)[1].eq(0).sum().itemSync()).toBe(0);
    const quiet = mha.forward(x, x, x, { needWeights: false })[0];
    const loud = mha.train().forward(x, x, x, { needWeights: false })[0];
    expect(largest(quiet.sub(loud))).toBeGreaterThan(0.01);
  });

  it('has the second derivatives of its explicit form', () => {
    const mha = new MultiheadAttention(4, 2, f64);
    const x = randn([3, 2, 4], f64).requiresGrad_(true);
    const mask = Transformer.generateSquareSubsequentMask(3, f64);
    const second = (needWeights: boolean): Tensor => {
      const [out] = mha.forward(x, x, x, { needWeights, attnMask: mask, isCausal: true });
      const [g] = autograd.grad([out.square().sum()], [x], { createGraph: true });
      return autograd.grad([(g as Tensor).square().sum()], [x])[0] as Tensor;
    };
    const slow = second(true);
    expect(largest(slow.sub(second(false))) / largest(slow)).toBeLessThan(1e-12);
  });

  it('takes keys and values that are projected already', () => {
    const [q, w, o] = [randn([3, 2, 4], f64), randn([12, 4], f64), randn([4, 4], f64)];
    const call = (options: F.MultiHeadAttentionForwardOptions): Tensor =>
      F.multiHeadAttentionForward(q, q, q, 4, 2, w, null, null, null, false, 0, o, null, options)[0];
    const heads = (part: number): Tensor =>
      F.linear(q, w.narrow(0, 4 * part, 4))
        .reshape([3, 4, 2])
        .transpose(0, 1);
    const given = call({ staticK: heads(1), staticV: heads(2) });
    expect(largest(given.sub(call({})))).toBeLessThan(1e-14);
  });

  it('refuses what does not fit', () => {
    expect(() => new MultiheadAttention(5, 2)).toThrow(/embedDim 5 is not divisible by numHeads 2/);
    expect(() => new MultiheadAttention(4, 0)).toThrow(ArgumentError);
    expect(() => new MultiheadAttention(4, 2, { dropout: 2 })).toThrow(/dropout must lie in \[0, 1\], got 2/);
    const mha = new MultiheadAttention(4, 2, { batchFirst: true });
    const x = zeros([2, 3, 4]);
    expect(() => mha.forward(x, x, x, { keyPaddingMask: zeros([3, 2]) })).toThrow(/\[3, 2\], \[2, 3\] is needed/);
    expect(() => mha.forward(x, x, x, { attnMask: zeros([2, 3, 3]) })).toThrow(/\[2, 3, 3\], \[3, 3\] or \[4, 3, 3\]/);
    expect(() => mha.forward(zeros([2, 3, 4], f64), x, x)).toThrow(DTypeError);
    expect(() => mha.forward(x, zeros([1, 3, 4]), zeros([1, 3, 4]))).toThrow(ShapeError);
  });
});

describe('the Transformer', () => {
  it('makes causal masks, which its stacks recognize', () => {
    const mask = Transformer.generateSquareSubsequentMask(3);
    expect(mask.toArraySync()).toEqual([
      [0, -Infinity, -Infinity],
      [0, 0, -Infinity],
      [0, 0, 0],
    ]);
    const hints: (boolean | undefined)[] = [];
    class Layer extends nn.Module<[Tensor, nn.EncoderLayerCall?]> {
      forward(x: Tensor, call?: nn.EncoderLayerCall): Tensor {
        hints.push(call?.isCausal);
        return x;
      }
    }
    const encoder = new TransformerEncoder(new Layer(), 1);
    const x = zeros([3, 1, 4]);
    encoder.forward(x, { mask });
    encoder.forward(x, { mask, isCausal: false });
    encoder.forward(x, { mask: mask.clone() });
    encoder.forward(x, { mask: mask.fill_(0) });
    expect(hints).toEqual([true, false, false, false]);
  });

  it('copies its layers, and learns with all of them', () => {
    const model = new Transformer(8, 2, { numEncoderLayers: 2, numDecoderLayers: 1, dimFeedforward: 4, dropout: 0.1 });
    const names = [...model.namedParameters()].map(([name]) => name);
    expect(new Set(names).size).toBe(names.length);
    model
      .forward(randn([4, 2, 8]), randn([3, 2, 8]))
      .square()
      .sum()
      .backward();
    expect(model.parameters().filter((p) => !p.grad)).toEqual([]);
    const [first, second] = model.encoder.children()[0].children();
    expect(first.parameters()[0]).not.toBe(second.parameters()[0]);
  });

  it('takes an encoder and a decoder of its own', () => {
    const customEncoder = new TransformerEncoder(new TransformerEncoderLayer(4, 1, { dimFeedforward: 2 }), 1);
    class Echo extends nn.Module<[Tensor, Tensor]> {
      forward(tgt: Tensor, memory: Tensor): Tensor {
        return tgt.add(memory.mean(0));
      }
    }
    const model = new Transformer(4, 1, { customEncoder, customDecoder: new Echo() });
    expect(model.forward(zeros([3, 2, 4]), zeros([5, 2, 4])).shape).toEqual([5, 2, 4]);
    expect(model.encoder).toBe(customEncoder);
  });

  it('refuses what does not fit', () => {
    const model = new Transformer(4, 2, { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 4 });
    const text = /src \[3, 2, 4\] and tgt \[3, 1, 4\] must have 2 or 3 axes and one batch/;
    expect(() => model.forward(zeros([3, 2, 4]), zeros([3, 1, 4]))).toThrow(text);
    expect(() => model.forward(zeros([3, 2, 6]), zeros([3, 2, 6]))).toThrow(/must end in dModel 4/);
    expect(() => model.forward(zeros([3, 2, 4]), zeros([5, 2, 4]), { tgtMask: zeros([3, 3]) })).toThrow(ShapeError);
    expect(() => new TransformerEncoderLayer(4, 2, { activation: 'tanh' as never })).toThrow(/'relu' or 'gelu', got/);
    expect(() => new TransformerEncoder({} as never, 2)).toThrow(/a layer is needed/);
  });
});
