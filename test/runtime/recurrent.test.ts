import { expect, it } from 'vitest';
import { runProgram } from '../support/program.js';

it('recurrent layers stay inside their memory where their rows lie apart', async () => {
  const outcome = await runProgram('recurrent-widths', [], { env: { NABLA_GUARD_PAGES: '1' } });
  expect(outcome.status, outcome.stderr).toBe('0');
  expect(outcome.stdout.trim()).toBe('done');
});
