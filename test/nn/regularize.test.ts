import { describe, expect, it } from 'vitest';
import { ArgumentError, nn, noGrad, optim, ShapeError, type Tensor, tensor, zeros } from '../../lib/index.js';

const { maxNorm_, nonNegative_, unitNorm_, weightPenalty } = nn.utils;
const list = (x: Tensor): unknown => x.toArraySync();

describe('weightPenalty', () => {
  it('is the sum of magnitudes and squares, with gradients', () => {
    const a = tensor([[1, -2]], { dtype: 'float64' }).requiresGrad_();
    const b = tensor([-3, 0], { dtype: 'float64' }).requiresGrad_();
    const penalty = weightPenalty([a, b], { l1: 0.5, l2: 0.25 });
    expect(penalty.itemSync()).toBe(0.5 * 6 + 0.25 * 14);
    penalty.backward();
    expect([list(a.grad as Tensor), list(b.grad as Tensor)]).toEqual([[[1, -1.5]], [-2, 0]]);
    expect([weightPenalty(a).itemSync(), weightPenalty([], { l1: 1 }).itemSync()]).toEqual([0, 0]);
    expect(weightPenalty(a, { l1: 2 }).itemSync()).toBe(6);
  });
  it('with l2 a step equals one with weight decay', () => {
    const [a, b] = [tensor([1, -2]), tensor([1, -2])].map((x) => x.requiresGrad_());
    weightPenalty(a, { l2: 0.125 }).backward();
    new optim.SGD([a], { lr: 0.5 }).step();
    b.grad = zeros([2]);
    new optim.SGD([b], { lr: 0.5, weightDecay: 0.25 }).step();
    expect(list(a)).toEqual(list(b));
  });
});

describe('constraints', () => {
  const weights = (): Tensor =>
    tensor(
      [
        [3, 4],
        [0.3, -0.4],
        [0, 0],
      ],
      { dtype: 'float64' },
    ).requiresGrad_();
  const near = (got: Tensor, want: number[][]): void => {
    const rows = list(got) as number[][];
    want.forEach((row, i) => {
      row.forEach((x, k) => {
        expect(rows[i][k]).toBeCloseTo(x, 12);
      });
    });
  };
  it('maxNorm_ scales what is too long', () => {
    const w = weights();
    maxNorm_(w, 1);
    near(w, [
      [0.6, 0.8],
      [0.3, -0.4],
      [0, 0],
    ]);
    const columns = weights();
    maxNorm_([columns], 2, { dim: 1 });
    expect(columns.norm(2, 0).select(0, 1).itemSync()).toBeCloseTo(2, 12);
    const vector = tensor([3, 4]);
    maxNorm_(vector, 10);
    expect(list(vector)).toEqual([3, 4]);
  });
  it('unitNorm_ scales all but zeros', () => {
    const w = weights();
    unitNorm_(w);
    near(w, [
      [0.6, 0.8],
      [0.6, -0.8],
      [0, 0],
    ]);
    const kernel = noGrad(() => new nn.Conv2d(2, 3, 3).weight.detach());
    unitNorm_(kernel);
    for (const x of list(kernel.square().sum([1, 2, 3])) as number[]) expect(x).toBeCloseTo(1, 5);
  });
  it('nonNegative_ cuts', () => {
    const w = tensor([-1, 0, 2]).requiresGrad_();
    nonNegative_([w]);
    expect([list(w), w.requiresGrad]).toEqual([[0, 0, 2], true]);
  });
  it('refuse what they cannot do', () => {
    expect(() => weightPenalty(3 as never)).toThrow(/^weightPenalty: parameters must be a Tensor or several, got 3/);
    expect(() => weightPenalty([3 as never])).toThrow(ArgumentError);
    expect(() => weightPenalty([], { l1: -1 })).toThrow(/l1 must be a number of at least 0, got -1/);
    expect(() => maxNorm_(weights(), -1)).toThrow(/^maxNorm_: maxValue must be/);
    expect(() => unitNorm_(weights(), { dim: 2 })).toThrow(ShapeError);
  });
});
