import { describe, expect, it } from 'vitest';
import { ArgumentError, arange, eye, linspace, ShapeError } from '../../lib/index.js';

describe('arange', () => {
  it('counts as PyTorch does', () => {
    const t = arange(5);
    expect([t.dtype, t.toArraySync()]).toEqual(['int64', [0n, 1n, 2n, 3n, 4n]]);
    expect(arange(2, 9, { step: 3 }).toArraySync()).toEqual([2n, 5n, 8n]);
    expect(arange(3, 0, { step: -1 }).toArraySync()).toEqual([3n, 2n, 1n]);
    const f = arange(0, 1, { step: 0.25 });
    expect([f.dtype, f.toArraySync()]).toEqual(['float32', [0, 0.25, 0.5, 0.75]]);
    expect(arange(0).shape).toEqual([0]);
    expect(arange(3, { dtype: 'float64', requiresGrad: true }).requiresGrad).toBe(true);
    const long = arange(100_001, { dtype: 'float64' });
    expect(long.sum().itemSync()).toBe(5_000_050_000);
  });
  it('refuses steps that lead nowhere', () => {
    expect(() => arange(0, 5, { step: 0 })).toThrow(ArgumentError);
    expect(() => arange(0, 5, { step: -1 })).toThrow(/^arange: step -1 does not lead from 0 to 5/);
    expect(() => arange(Number.NaN)).toThrow(/^arange: end must be a finite number/);
    expect(() => arange(0, 1, { step: 1e-300 })).toThrow(ShapeError);
  });
});

describe('linspace and eye', () => {
  it('reaches both ends', () => {
    expect(linspace(0, 1, 5).toArraySync()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    const thirds = linspace(-1, 1, 7, { dtype: 'float64' }).toArraySync() as number[];
    expect([thirds[0], thirds[6]]).toEqual([-1, 1]);
    expect(thirds[3]).toBeCloseTo(0, 15);
    expect(linspace(3, 9, 1).toArraySync()).toEqual([3]);
    expect(linspace(3, 9, 0).shape).toEqual([0]);
    expect(() => linspace(0, 1, -1)).toThrow(ShapeError);
  });
  it('has ones on the diagonal', () => {
    const row = (...values: number[]) => values;
    expect(eye(2).toArraySync()).toEqual([row(1, 0), row(0, 1)]);
    expect(eye(2, 3).toArraySync()).toEqual([row(1, 0, 0), row(0, 1, 0)]);
    expect(eye(3, 1, { dtype: 'bool' }).toArraySync()).toEqual([[true], [false], [false]]);
    expect(eye(0).shape).toEqual([0, 0]);
  });
});
