// Changes in place that are recorded, one rule at a time. Random programs: inplace-programs.test.ts.
import { describe, expect, it } from 'vitest';
import {
  AutogradError,
  DTypeError,
  memory,
  noGrad,
  ShapeError,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';
import { inPlaceOf } from '../../lib/ops/in-place.js';
import { tanh } from '../../lib/ops/pointwise/unary.js';

const numbers = (x: Tensor | null): number[] => Array.from((x as Tensor).detach().dataSync(), Number);
const leaf = (data: number[]): Tensor => tensor(data, { dtype: 'float64', requiresGrad: true });

describe('a recorded change in place', () => {
  it('gives the tensor the history of the result', () => {
    const x = leaf([1, 2, 3]);
    const y = x.mul(2);
    expect(y.mul_(x)).toBe(y);
    y.add_(1);
    y.sum().backward();
    expect(numbers(y)).toEqual([3, 9, 19]);
    expect(numbers(x.grad)).toEqual([4, 8, 12]);
  });

  it('keeps the old values for the gradient of the other operand', () => {
    const x = leaf([1, 2]);
    const w = leaf([5, 7]);
    const y = x.mul(3);
    y.mul_(w);
    y.sum().backward();
    expect(numbers(w.grad)).toEqual([3, 6]);
    expect(numbers(x.grad)).toEqual([15, 21]);
  });

  it('makes a plain tensor part of the graph', () => {
    const out = zeros([2, 2], { dtype: 'float64' });
    const w = leaf([3, 4]);
    out.select(0, 1).copy_(w);
    expect(out.requiresGrad).toBe(true);
    expect(out.isLeaf).toBe(false);
    out.mul(out).sum().backward();
    expect(numbers(w.grad)).toEqual([6, 8]);
  });

  it('reaches views made before it', () => {
    const x = leaf([1, 2, 3, 4]);
    const y = x.mul(1);
    const head = y.slice(0, 0, 2);
    y.mul_(10);
    head.sum().backward();
    expect(numbers(head)).toEqual([10, 20]);
    expect(numbers(x.grad)).toEqual([10, 10, 0, 0]);
  });

  it('of one view reaches another that overlaps it', () => {
    const x = leaf([1, 2, 3, 4]);
    const y = x.mul(1);
    const left = y.slice(0, 0, 3);
    const right = y.slice(0, 1, 4);
    left.mul_(tensor([2, 3, 4], { dtype: 'float64' }));
    right.sum().backward();
    expect(numbers(x.grad)).toEqual([0, 3, 4, 1]);
  });

  it('by a constant blocks the gradient with zeros', () => {
    const x = leaf([1, 2, 3]);
    const y = x.mul(2);
    y.slice(0, 1, 2).zero_();
    y.sum().backward();
    expect(numbers(x.grad)).toEqual([2, 0, 2]);
    const z = x.mul(2).fill_(4);
    expect(z.requiresGrad).toBe(true);
    x.grad = null;
    z.sum().backward();
    expect(numbers(x.grad)).toEqual([0, 0, 0]);
  });

  it('overwrite: the old values get zeros, the new ones their gradient in their own dtype', () => {
    const x = leaf([1, 2]);
    const w = tensor([5], { requiresGrad: true });
    const y = x.mul(2);
    y.copy_(w);
    y.mul(tensor([10, 100], { dtype: 'float64' }))
      .sum()
      .backward();
    expect(numbers(x.grad)).toEqual([0, 0]);
    expect((w.grad as Tensor).dtype).toBe('float32');
    expect(numbers(w.grad)).toEqual([110]);
  });

  it('stores a wider floating-point result, with the gradient in the dtype of the operand', () => {
    const w = leaf([2, 3]);
    const y = tensor([1, 1]).mul_(w);
    expect(y.dtype).toBe('float32');
    y.sum().backward();
    expect((w.grad as Tensor).dtype).toBe('float64');
    expect(numbers(w.grad)).toEqual([1, 1]);
  });

  it('of a 0-d tensor value: fill_', () => {
    const w = tensor(2, { dtype: 'float64', requiresGrad: true });
    const y = zeros([3], { dtype: 'float64' }).fill_(w);
    y.sum().backward();
    expect(numbers(y)).toEqual([2, 2, 2]);
    expect(numbers(w.grad)).toEqual([3]);
    expect(() => y.fill_(zeros([2], { dtype: 'float64' }))).toThrow(ShapeError);
  });

  it('keeps a saved view of the old values', () => {
    const x = leaf([1, 2]);
    const w = leaf([5, 7]);
    const y = x.mul(3);
    const scale_ = inPlaceOf('scale_', (a: Tensor, b: Tensor) =>
      a
        .reshape([2, 1])
        .mul(b.reshape([2, 1]))
        .reshape([2]),
    );
    scale_(y, w);
    y.sum().backward();
    expect(numbers(w.grad)).toEqual([3, 6]);
  });

  it('needs no copy where nobody else sees the memory, and keeps the layout', () => {
    const x = zeros([2, 3, 4, 5], { requiresGrad: true });
    const y = x.mul(1).contiguous('channelsLast');
    scope(() => y.add_(1));
    expect(y.isChannelsLast()).toBe(true);
    const before = memory().live;
    scope(() => y.exp_());
    expect(memory().live).toBe(before);
    const other = y.detach();
    scope(() => y.mul_(2));
    expect(numbers(other)[0]).toBeCloseTo(2 * Math.E, 5);
  });

  it('counts as one even where a tensor is copied to itself', () => {
    const y = leaf([1, 2]).mul(1);
    const z = y.exp();
    z.copy_(z);
    expect(() => z.sum().backward()).toThrow(/exp: .* changed in place/);
  });

  it('of an expanded result', () => {
    const w = leaf([2, 3]);
    const y = w.expand([2, 2]).mul(1);
    const put_ = inPlaceOf('put_', (_a: Tensor, b: Tensor) => b.expand([2, 2]));
    put_(y, w)
      .mul(
        tensor(
          [
            [1, 2],
            [3, 4],
          ],
          { dtype: 'float64' },
        ),
      )
      .sum()
      .backward();
    expect(numbers(w.grad)).toEqual([4, 6]);
    noGrad(() => y.add_(1));
    expect(numbers(y)).toEqual([3, 4, 3, 4]);
  });

  it('finds later changes of what it saved', () => {
    const x = leaf([0.5, 0.25]);
    const y = x.mul(1);
    y.exp_();
    y.add_(1);
    expect(() => y.sum().backward()).toThrow(/exp: .* changed in place/);
  });
});

describe('a change in place is refused', () => {
  const w = leaf([1, 1]);
  const inner = () => zeros([2, 2], { dtype: 'float64', requiresGrad: true }).mul(1);
  const cases: [string, () => unknown, RegExp][] = [
    ['on a leaf', () => leaf([1, 2]).add_(1), /a leaf that requires gradients cannot be changed in place/],
    ['on a view of a leaf', () => leaf([1, 2]).slice(0, 1).add_(1), /a view of a leaf that requires gradients/],
    ['on one of unbind', () => inner().unbind(0)[0].add_(1), /one of several views/],
    ['on one of split', () => inner().split(1)[0].add_(1), /one of several views/],
    ['on one of chunk', () => inner().chunk(2)[1].mul_(w), /one of several views/],
    ['on a view of one of several', () => inner().unbind(0)[0].slice(0, 1).zero_(), /one of several views/],
    ['on a view made in noGrad', () => noGrad(() => inner().select(0, 0)).mul_(w), /made inside noGrad/],
    ['on expanded memory', () => zeros([1, 2], { dtype: 'float64' }).expand([2, 2]).mul_(w), /share memory/],
    ['when the result is larger', () => zeros([1], { dtype: 'float64' }).mul_(w), /the result has shape \[2\]/],
  ];
  it.each(cases)('%s', (_name, run, message) => {
    expect(run).toThrow(message);
  });

  it('when an integer tensor would lose a fraction', () => {
    expect(() => tensor([1n, 2n]).mul_(w)).toThrow(DTypeError);
  });

  it('and so is the use of one of several views whose base was changed', () => {
    const y = inner();
    const [a] = y.unbind(0);
    y.add_(1);
    expect(() => a.mul(2)).toThrow(AutogradError);
    expect(numbers(a.detach())).toEqual([1, 1]);
  });

  it('but not inside noGrad', () => {
    const x = leaf([1, 2]);
    noGrad(() => x.add_(1));
    expect(numbers(x)).toEqual([2, 3]);
    noGrad(() => x.slice(0, 1).zero_());
    expect(numbers(x)).toEqual([2, 0]);
  });
});

describe('inPlaceOf', () => {
  const tanh_ = inPlaceOf('tanh_', tanh);

  it('makes a variant of any function', () => {
    const x = leaf([0.5, -1]);
    const y = x.mul(2);
    expect(tanh_(y)).toBe(y);
    y.sum().backward();
    for (const [i, v] of [1, -2].entries()) expect(numbers(x.grad)[i]).toBeCloseTo(2 * (1 - Math.tanh(v) ** 2), 12);
    const plain = tensor([0.5], { dtype: 'float64' });
    expect(numbers(tanh_(plain))[0]).toBeCloseTo(Math.tanh(0.5), 12);
    expect(plain.requiresGrad).toBe(false);
    expect(() => tanh_(leaf([1]))).toThrow(/^tanh_: a leaf/);
  });

  it('does not swallow an operand that the function returns', () => {
    const put_ = inPlaceOf('put_', (_x: Tensor, other: Tensor) => other);
    const w = leaf([3, 4]);
    const x = zeros([2], { dtype: 'float64' });
    put_(x, w).mul(2).sum().backward();
    expect(numbers(x)).toEqual([3, 4]);
    expect(numbers(w.grad)).toEqual([2, 2]);
    expect(w.isDisposed).toBe(false);
  });
});

describe('detach_', () => {
  it('forgets the history', () => {
    const y = leaf([1, 2]).mul(2);
    expect(y.detach_()).toBe(y);
    expect([y.requiresGrad, y.isLeaf]).toEqual([false, true]);
    expect(() => leaf([1, 2]).slice(0, 1).detach_()).toThrow(AutogradError);
  });
});
