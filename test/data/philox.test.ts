import { describe, expect, it } from 'vitest';
import { Philox } from '../../lib/data/philox.js';

const draw = (random: Philox, count: number) => Array.from({ length: count }, () => random.nextUint32());

describe('Philox', () => {
  it('gives the published answers of philox4x32-10', () => {
    expect(draw(new Philox(0), 4)).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  it('is a function of seed and stream', () => {
    const first = draw(new Philox(7, 3), 10);
    expect(draw(new Philox(7, 3), 10)).toEqual(first);
    expect(draw(new Philox(8, 3), 10)).not.toEqual(first);
    expect(draw(new Philox(7, 4), 10)).not.toEqual(first);
    expect(draw(new Philox(7 + 2 ** 32, 3), 10)).not.toEqual(first);
    expect(draw(new Philox(-1), 2)).not.toEqual(draw(new Philox(2 ** 32 - 1), 2));
  });

  it('makes permutations, each order about as often as another', () => {
    const random = new Philox(1);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const key = random.permutation(3).join('');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['012', '021', '102', '120', '201', '210']);
    // 1000 expected of each with a standard deviation of 29.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect([...random.permutation(500)].sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(random.permutation(0)).toHaveLength(0);
  });

  it('draws below limits that are no power of two', () => {
    const random = new Philox(5);
    const counts = new Array(10).fill(0);
    for (let i = 0; i < 10_000; i++) counts[random.below(10)]++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect(Math.max(...Array.from({ length: 100 }, () => random.below(2 ** 32)))).toBeGreaterThan(2 ** 31);
  });
});
