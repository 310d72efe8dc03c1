// Run by one-process.test.ts, never by vitest itself.
import { beforeEach, describe, expect, it } from 'vitest';

let before = 0;
beforeEach(() => {
  before++;
});

describe('a group', () => {
  it('passes', () => expect(before).toBe(1));
  it('compares wrongly', () => expect([1, 2]).toEqual([1, 3]));
  it('rejects', async () => {
    await Promise.reject(new Error('late'));
  });
  it.skip('is skipped', () => expect(1).toBe(2));
});
