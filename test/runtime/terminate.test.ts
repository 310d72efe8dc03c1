// Workers are started and terminated in the middle of their work, again and again: nothing crashes or leaks, and the main
// thread goes on to compute the right numbers.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { io } from '../../lib/index.js';
import { repetitions, runProgram } from '../support/program.js';

/** Under a sanitizer freed memory stays with the process for a while. */
const GROWTH_MB = process.env.NABLA_SANITIZER === undefined ? 60 : 600;

it(`${repetitions * 2} workers terminated under load`, { timeout: 60_000 + repetitions * 10_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-terminate-'));
  try {
    const seed = Number(process.env.NABLA_TERMINATE_SEED ?? Date.now() % 2 ** 31);
    const count = repetitions * 2;
    const options = { timeoutMs: 50_000 + repetitions * 10_000, env: { NABLA_GC_LIMIT: String(2 ** 24) } };
    const outcome = await runProgram('terminate', [String(count), String(seed), folder], options);
    const text = `seed ${seed}: ${outcome.stdout}${outcome.stderr}`;
    expect(outcome.status, text).toBe('0');
    const { ended, rounds, left, resident } = JSON.parse(outcome.stdout) as Record<
      'ended' | 'rounds' | 'left',
      number
    > & {
      resident: number[];
    };
    expect(ended).toBe(count);
    expect(rounds, text).toBeGreaterThan(10);
    expect(left, text).toBe(0);
    // The first workers bring what Node and V8 keep for the next ones.
    if (resident.length > 3) expect(resident.at(-1), text).toBeLessThan(resident[1] + GROWTH_MB);
    // Whatever the moment was: a file is whole or not there.
    for (const name of readdirSync(folder).filter((name) => name.endsWith('.safetensors')))
      expect(Object.keys((await io.loadSafetensors(join(folder, name))).tensors).sort()).toEqual(['a', 'b']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
