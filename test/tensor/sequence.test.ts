import { describe, expect, it } from 'vitest';
import { ArgumentError, arange, eye, linspace, ShapeError } from '../../lib/index.js';

describe('arange', () => {
  it('counts like PyTorch', () => {
    expect(arange(5).toArraySync()).toEqual([0n, 1n, 2n, 3n, 4n]);
    expect(arange(2, 9, 3).toArraySync()).toEqual([2n, 5n, 8n]);
    expect(arange(3, 0, -1, { dtype: 'int32' }).toArraySync()).toEqual([3, 2, 1]);
    expect(arange(1, 2, 0.25).toArraySync()).toEqual([1, 1.25, 1.5, 1.75]);
    expect(arange(0, 1, 0.3, { dtype: 'float64' }).shape).toEqual([4]);
    expect(arange(4, 4).shape).toEqual([0]);
    expect(arange(3, { dtype: 'float64', requiresGrad: true }).requiresGrad).toBe(true);
  });
  it('is exact far out', () => {
    const x = arange(0, 100000, 1, { dtype: 'float32' });
    expect(x.slice(0, 99998).toArraySync()).toEqual([99998, 99999]);
  });
  it('refuses a step that never arrives', () => {
    expect(() => arange(0, 3, -1)).toThrow(ArgumentError);
    expect(() => arange(0, 3, 0)).toThrow(/^arange: step 0 does not lead from 0 to 3/);
    expect(() => arange(0, Infinity)).toThrow(/^arange: end must be a finite number/);
    expect(() => arange('3' as never)).toThrow(ArgumentError);
  });
});

describe('linspace', () => {
  it('includes both ends exactly', () => {
    expect(linspace(0, 1, 5).toArraySync()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    const x = linspace(-0.1, 0.7, 11, { dtype: 'float64' }).toArraySync() as number[];
    expect([x[0], x[10]]).toEqual([-0.1, 0.7]);
    expect(linspace(3, 9, 1).toArraySync()).toEqual([3]);
    expect(linspace(3, 9, 0).shape).toEqual([0]);
    expect(linspace(0, 10, 5, { dtype: 'int64' }).toArraySync()).toEqual([0n, 2n, 5n, 7n, 10n]);
  });
  it('refuses other counts', () => {
    expect(() => linspace(0, 1, -1)).toThrow(ShapeError);
    expect(() => linspace(0, 1, 2.5)).toThrow(ShapeError);
  });
});

describe('eye', () => {
  it('has ones on the diagonal', () => {
    expect(eye(2).toArraySync()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(eye(2, 3, { dtype: 'int32' }).toArraySync()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(eye(3, 1).toArraySync()).toEqual([[1], [0], [0]]);
    expect(eye(0).shape).toEqual([0, 0]);
  });
  it('refuses other sizes', () => expect(() => eye(-1)).toThrow(ShapeError));
});
