// Every exported function with random wrong arguments: it returns, or throws a typed error that is ours.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const seed = process.env.NABLA_FUZZ_SEED ?? '1';
const rounds = process.env.NABLA_FUZZ_ROUNDS ?? '60';

function run(log: string): Promise<{ status: string; output: string }> {
  const args = ['--import', 'tsx', 'test/support/fuzzer.ts', log, seed, rounds];
  const env = { ...process.env, NABLA_MAX_BYTES: String(2 ** 28) };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ status: String(signal ?? code), output }));
  });
}

it('no wrong call crashes or throws a foreign error', { timeout: 300_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'nabla-fuzz-'));
  try {
    const log = join(dir, 'calls');
    const { status, output } = await run(log);
    const last = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1);
    expect(status, `seed ${seed}, last call: ${last}\n${output}`).toBe('0');
    const summary = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '{}') as {
      functions: number;
      calls: number;
      accepted: number;
    };
    expect(summary.functions).toBeGreaterThan(20);
    expect(summary.calls).toBe(summary.functions * Number(rounds));
    // A generator that never gets past the first check would test nothing.
    expect(summary.accepted).toBeGreaterThan(summary.calls / 20);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
