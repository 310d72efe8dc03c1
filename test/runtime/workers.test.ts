import { expect, it } from 'vitest';
import { repetitions, runProgram } from '../support/program.js';

it('workers compute side by side and agree with the main thread', { timeout: 300_000 }, async () => {
  const outcome = await runProgram('worker', [String(repetitions)], { timeoutMs: 250_000 });
  expect(outcome.status, outcome.stderr).toBe('0');
  expect(outcome.stdout).toContain(`${repetitions} rounds equal`);
});
