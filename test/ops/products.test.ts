// Matrix products of bfloat16: read as they are, summed in float32, rounded once. Sums of whole numbers are exact in
// float32, so that every bit of a result is known; dtypes and shapes in general are the specs'.
import { describe, expect, it } from 'vitest';
import {
  autograd,
  baddbmm,
  bmm,
  F,
  getNumThreads,
  matmul,
  nn,
  randint,
  randn,
  setNumThreads,
  type Tensor,
  tensor,
} from '../../lib/index.js';

const values = (t: Tensor): number[] => Array.from(t.dataSync(), Number);
/** Whole numbers that bfloat16 holds. */
const whole = (...shape: number[]): Tensor => randint(-100, 100, shape).to('bfloat16');
const rounded = (t: Tensor): number[] => values(t.to('bfloat16'));
const exactly = (got: Tensor, want: Tensor): void => {
  expect(got.dtype).toBe('bfloat16');
  expect(got.shape).toEqual(want.shape);
  expect(values(got)).toEqual(rounded(want));
};

describe('products of bfloat16', () => {
  it('round the exact sum once, for any strides', () => {
    for (const [m, k, n] of [
      [37, 51, 43],
      [1, 800, 33],
      [3, 70, 100],
      [150, 1, 40],
      [5, 0, 4],
      [0, 3, 4],
    ]) {
      for (const [a, b] of [
        [whole(m, k), whole(k, n)],
        [whole(k, m).t(), whole(n, k).t()],
        [whole(m, 2 * k).slice(1, 0, 2 * k, 2), whole(k, 1).expand([k, n])],
      ]) {
        exactly(matmul(a, b), matmul(a.double(), b.double()));
      }
    }
  });
  it('take batches, one factor for all of them, and what they are added to', () => {
    const [a, b, c] = [whole(3, 7, 60), whole(3, 60, 19), whole(7, 19)];
    exactly(bmm(a, b), bmm(a.double(), b.double()));
    exactly(matmul(a, b.select(0, 1)), matmul(a.double(), b.select(0, 1).double()));
    const options = { alpha: 0.5, beta: 2 };
    exactly(baddbmm(c, a, b, options), baddbmm(c.double(), a.double(), b.double(), options));
  });
  it('of a layer carry bias, ReLU and gradients', () => {
    const [x, weight, bias] = [whole(29, 75), whole(21, 75), whole(21)].map((t) => t.requiresGrad_());
    const y = F.linear(x, weight, bias);
    const wide = [x, weight, bias].map((t) => t.detach().double().requiresGrad_());
    const want = F.linear(wide[0], wide[1], wide[2]);
    exactly(y, want);
    const fused = new nn.Sequential(new nn.Linear(75, 21), new nn.ReLU()).to('bfloat16');
    fused.loadStateDict({ '0.weight': weight.detach(), '0.bias': bias.detach() });
    expect(values(fused.forward(x))).toEqual(values(F.relu(y)));
    const g = whole(29, 21);
    const got = autograd.grad(y, [x, weight, bias], { gradOutputs: [g] }) as Tensor[];
    const exact = autograd.grad(want, wide, { gradOutputs: [g.double()] }) as Tensor[];
    got.forEach((gradient, i) => {
      exactly(gradient, exact[i]);
    });
  });
  it('pass NaN and infinity on to their rows and columns only', () => {
    const [a, b] = [whole(20, 33), whole(33, 35)];
    a.select(0, 4).select(0, 32).fill_(Number.NaN);
    b.select(1, 34).select(0, 0).fill_(Infinity);
    const got = matmul(a, b);
    const want = matmul(a.double(), b.double());
    expect(values(got)).toEqual(rounded(want));
    expect(values(got).filter(Number.isNaN).length).toBeLessThan(35 + 20);
  });
  it('have the same bits for any number of threads', () => {
    const threads = getNumThreads();
    const [a, b] = [randn([300, 900]).to('bfloat16'), randn([900, 310]).to('bfloat16')];
    const want = matmul(a.double(), b.double());
    try {
      setNumThreads(1);
      const one = values(matmul(a, b));
      setNumThreads(3);
      expect(values(matmul(a, b))).toEqual(one);
      // Half a unit in the last place, and what sums of 900 products lose in float32.
      const most = (x: number): number => 2 ** -8 * Math.abs(x) + 1e-4;
      expect(values(want).filter((x, i) => !(Math.abs(one[i] - x) <= most(x)))).toEqual([]);
    } finally {
      setNumThreads(threads);
    }
  });
  it('round ties to even', () => {
    const halves = tensor([[1, 2 ** -8]]).to('bfloat16');
    expect(values(matmul(halves, tensor([[1], [1]]).to('bfloat16')))).toEqual([1]);
    expect(values(matmul(halves, tensor([[1 + 2 ** -7], [1]]).to('bfloat16')))).toEqual([1 + 2 ** -6]);
  });
});
