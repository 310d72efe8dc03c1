import { expect, it } from 'vitest';
import { runProgram } from '../support/program.js';

it('a byte limit collects first, then throws OutOfMemoryError, and everything else goes on', async () => {
  const outcome = await runProgram('out-of-memory', [], { env: { NABLA_MAX_BYTES: String(64 * 2 ** 20) } });
  expect(outcome.status, outcome.stderr).toBe('0');
  const { count, ...rest } = JSON.parse(outcome.stdout) as Record<string, number>;
  expect(rest).toEqual({ typed: true, bytes: 4 * 2 ** 20, right: true, again: 1 });
  expect(count).toBeGreaterThanOrEqual(13);
  expect(count).toBeLessThanOrEqual(15);
});
