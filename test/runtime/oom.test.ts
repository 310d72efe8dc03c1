// Every part of the library, each with several amounts of memory that are too small.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runProgram } from '../support/program.js';

it('too little memory is an OutOfMemoryError everywhere, and harms nothing', { timeout: 400_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-oom-'));
  try {
    const options = { env: { NABLA_MAX_BYTES: String(2 ** 26) }, flags: ['--expose-gc'], timeoutMs: 350_000 };
    const outcome = await runProgram('oom', [folder], options);
    expect(outcome.status, outcome.stderr).toBe('0');
    const { cases, problems } = JSON.parse(outcome.stdout) as Record<string, number>;
    expect(problems, outcome.stderr).toBe(0);
    expect(cases).toBeGreaterThan(20);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
