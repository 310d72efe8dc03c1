// The gate's own test: each kind of wrong result must be caught.
import { describe, expect, it } from 'vitest';
import { difference, tolerance, type Values } from './compare.js';

const accuracy = { length: 1, ulps: 4 };
const floats = (...data: number[]): Values => ({ dtype: 'float32', shape: [data.length], data });
const check = (got: Values, want: Values) => difference(got, want, accuracy, 1);

describe('difference', () => {
  it('accepts equal values, NaN for NaN and infinity for infinity', () => {
    expect(check(floats(1, NaN, Infinity, -0), floats(1, NaN, Infinity, 0))).toBeUndefined();
  });
  it('accepts rounding and rejects more', () => {
    expect(check(floats(1 + 2 ** -22), floats(1))).toBeUndefined();
    expect(check(floats(1 + 2 ** -19), floats(1))).toMatch(/1 of 1 values wrong/);
  });
  it('rejects NaN, infinity and their absence', () => {
    for (const [got, want] of [
      [NaN, 1],
      [1, NaN],
      [Infinity, 1],
      [1, Infinity],
      [-Infinity, Infinity],
      [NaN, Infinity],
    ]) {
      expect(check(floats(0, got), floats(0, want)), `${got} for ${want}`).toMatch(/worst .* at \[1\]/);
    }
  });
  it('rejects a wrong shape, dtype or count', () => {
    expect(check({ ...floats(1, 2), shape: [2, 1] }, floats(1, 2))).toMatch(/shape \[2,1\]/);
    expect(check({ ...floats(1), dtype: 'float64' }, floats(1))).toMatch(/dtype float64/);
    expect(check({ ...floats(), shape: [2] }, floats(1, 2))).toMatch(/0 values/);
    expect(check({ ...floats(), shape: [2] }, { ...floats(), shape: [2] })).toMatch(/the expectation has 0/);
  });
  it('compares integers exactly', () => {
    const ints = (value: number): Values => ({ dtype: 'int64', shape: [1], data: [value] });
    expect(check(ints(3), ints(3))).toBeUndefined();
    expect(check(ints(3), ints(4))).toMatch(/allowed 0/);
  });
  it('names the index of the worst value', () => {
    const want: Values = { dtype: 'float64', shape: [2, 3], data: [0, 0, 0, 0, 0, 0] };
    expect(check({ ...want, data: [0, 0, 1, 0, 5, 0] }, want)).toMatch(/2 of 6 .* 5 at \[1,1\]/);
  });
  it('derives the tolerance from dtype, length and range', () => {
    expect(tolerance(accuracy, 'float64', 1)).toBeLessThan(1e-14);
    expect(tolerance({ length: 100, ulps: 4 }, 'float32', 1)).toBeGreaterThan(tolerance(accuracy, 'float32', 1));
    expect(tolerance({ ...accuracy, range: 10 }, 'float32', 1)).toBe(10 * tolerance(accuracy, 'float32', 1));
  });
});
