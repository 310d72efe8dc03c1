// The option `out`, reads of close and equal, and variants in place beside those of inplace.test.ts.
import { describe, expect, it } from 'vitest';
import * as nabla from '../../lib/index.js';
import {
  AutogradError,
  add,
  allclose,
  allcloseAsync,
  clamp,
  DTypeError,
  div,
  equal,
  equalAsync,
  exp,
  gt,
  lerp,
  mul,
  noGrad,
  ShapeError,
  type Tensor,
  tensor,
  where,
  zeros,
} from '../../lib/index.js';

const values = (x: Tensor): number[] => [...x.dataSync()].map(Number);

describe('out', () => {
  it('is written to and returned', () => {
    const out = zeros([3]);
    const a = tensor([1, 2, 3]);
    expect(add(a, 1, { out })).toBe(out);
    expect(values(out)).toEqual([2, 3, 4]);
    expect(add(a, a, { alpha: 2, out })).toBe(out);
    expect(values(out)).toEqual([3, 6, 9]);
    expect(values(where(gt(a, 1), a, 0, { out }))).toEqual([0, 2, 3]);
    expect(values(clamp(a, 2, null, { out }))).toEqual([2, 2, 3]);
    expect(values(lerp(a, a, 0.5, { out }))).toEqual([1, 2, 3]);
  });
  it('may be an operand, or lie in its memory', () => {
    const a = tensor([1, 2, 3, 4]);
    mul(a, a, { out: a });
    expect(values(a)).toEqual([1, 4, 9, 16]);
    add(a.slice(0, 0, 3), 0, { out: a.slice(0, 1, 4) });
    expect(values(a)).toEqual([1, 1, 4, 9]);
    add(a, a, { alpha: 2, out: a });
    expect(values(a)).toEqual([3, 3, 12, 27]);
  });
  it('may have strides and a wider dtype', () => {
    const out = zeros([2, 3]).transpose(0, 1);
    mul(tensor([[1], [2], [3]]), tensor([10, 20]), { out });
    expect(out.toArraySync()).toEqual([
      [10, 20],
      [20, 40],
      [30, 60],
    ]);
    const wide = zeros([2], { dtype: 'float64' });
    expect(values(exp(tensor([0, 0]), { out: wide }))).toEqual([1, 1]);
    expect(values(gt(tensor([0, 2]), 1, { out: wide }))).toEqual([0, 1]);
  });
  it('is refused where it does not fit', () => {
    expect(() => add(zeros([3]), 1, { out: zeros([2]) })).toThrow(ShapeError);
    expect(() => div(zeros([3]), 2, { out: zeros([3], { dtype: 'int64' }) })).toThrow(DTypeError);
    expect(() => add(zeros([3]), 1, { out: zeros([1]).expand([3]) })).toThrow(ShapeError);
    expect(() => add(zeros([3]), 1, { out: 3 as never })).toThrow(nabla.ArgumentError);
  });
  it('is refused where a gradient would be lost', () => {
    const a = zeros([3], { requiresGrad: true });
    expect(() => exp(a, { out: zeros([3]) })).toThrow(AutogradError);
    expect(() => exp(zeros([3]), { out: a })).toThrow(AutogradError);
    const out = zeros([3]);
    noGrad(() => exp(a, { out }));
    expect(values(out)).toEqual([1, 1, 1]);
  });
  it('counts as a change: what a recorded call saved is found', () => {
    const a = tensor([1, 2], { requiresGrad: true });
    const b = tensor([3, 4]);
    const y = a.mul(b);
    add(b, 1, { out: b });
    expect(() => y.sum().backward()).toThrow(AutogradError);
  });
  it('does not disturb map', () => {
    expect([tensor([0]), tensor([1])].map(exp).map(values)).toEqual([[1], [Math.fround(Math.E)]]);
  });
});

describe('close and equal', () => {
  it('wait, or give a promise', async () => {
    const a = tensor([1, 2]);
    expect(allclose(a, tensor([1, 2.000001]))).toBe(true);
    expect(await allcloseAsync(a, tensor([1, 2.1]))).toBe(false);
    expect(a.allclose(tensor([1, 2.1]), { rtol: 0.1 })).toBe(true);
    expect(equal(a, tensor([1, 2]))).toBe(true);
    expect(equal(a, tensor([[1, 2]]))).toBe(false);
    expect(await equalAsync(a, tensor([1, 3]))).toBe(false);
    expect(equal(zeros([0]), zeros([0]))).toBe(true);
  });
});

describe('in place', () => {
  it('takes the dtype of the tensor', () => {
    expect(values(tensor([1, 2]).eq_(1))).toEqual([1, 0]);
    expect(values(tensor([1, 0]).logicalNot_())).toEqual([0, 1]);
    expect(values(tensor([5, 7], { dtype: 'int64' }).remainder_(4))).toEqual([1, 3]);
    expect(() => tensor([1, 2], { dtype: 'int64' }).sin_()).toThrow(DTypeError);
    expect(() => tensor([1, 2]).lerp_(zeros([2, 2]), 1)).toThrow(ShapeError);
  });
  it('is recorded', () => {
    const a = tensor([1, 2], { requiresGrad: true });
    const y = a
      .mul(2)
      .pow_(2)
      .lerp_(tensor([0, 0]), 0.5);
    y.sum().backward();
    expect(values(y.detach())).toEqual([2, 8]);
    expect(values(a.grad as Tensor)).toEqual([4, 8]);
  });
  it('reads an operand in its own memory first', () => {
    const a = tensor([1, 2, 3, 4]);
    a.slice(0, 1, 4).pow_(a.slice(0, 0, 3));
    expect(values(a)).toEqual([1, 2, 9, 64]);
  });
});
