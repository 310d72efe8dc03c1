import { expect, it } from 'vitest';
import { repetitions, runProgram } from '../support/program.js';

it('workers compute side by side and agree with the main thread', { timeout: 300_000 }, async () => {
  const outcome = await runProgram('worker', [String(repetitions)], { timeoutMs: 250_000 });
  expect(outcome.status, outcome.stderr).toBe('0');
  expect(outcome.stdout).toContain(`${repetitions} rounds equal`);
});

it('the memory of a worker that ended goes back', { timeout: 120_000 }, async () => {
  const outcome = await runProgram('worker-memory');
  expect(outcome.status, outcome.stderr).toBe('0');
  const resident = JSON.parse(outcome.stdout) as number[];
  expect(resident).toHaveLength(10);
  expect(resident[9] - resident[1], outcome.stdout).toBeLessThan(80);
});
