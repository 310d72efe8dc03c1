// Run by one-process.test.ts, never by vitest itself.
import { beforeAll, expect, it } from 'vitest';

beforeAll(() => {
  throw new Error('no beginning');
});
it('never runs', () => expect(1).toBe(1));
