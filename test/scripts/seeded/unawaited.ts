// Run by one-process.test.ts, never by vitest itself.
import { expect, it } from 'vitest';

it('leaves a failure behind', async () => {
  void Promise.reject(new Error('nobody waits for it'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(1).toBe(1);
});
