// What an entry says it covers is true: every op record that is claimed has run in calls of the fuzzer.
import { expect, it, vi } from 'vitest';

const ran = vi.hoisted(() => new Set<string>());

type Fn = (...args: unknown[]) => unknown;

// Every op notes its name when it runs.
vi.mock('../../lib/ops/define.js', async (original) => {
  const real = await original<typeof import('../../lib/ops/define.js')>();
  const defineOp = (record: { name: string }): Fn => {
    const op = real.defineOp(record as never) as Fn;
    return (...args) => {
      ran.add(record.name);
      return op(...args);
    };
  };
  return { ...real, defineOp };
});

const { registry } = await import('../../lib/ops/define.js');
const { DTYPE_CODES } = await import('../../lib/tensor/dtype.js');
await import('../reference/index.js');
const { setAvailable } = await import('../reference/draw.js');
const { entries, publicName } = await import('../reference/entry.js');
const { lastPart } = await import('./call.js');
const { problemOf } = await import('./check.js');
const { callOf, seeds } = await import('./run.js');

const MOST_CALLS = 400;
setAvailable(Object.keys(DTYPE_CODES));

it('every record that entries claim to cover has run', { timeout: 300_000 }, () => {
  const next = seeds(3);
  const missing: string[] = [];
  let claims = 0;
  for (const entry of entries.values()) {
    const claimed = (entry.covers ?? [lastPart(publicName(entry))]).filter((op) => registry.has(op));
    claims += claimed.length;
    const done = (): boolean => claimed.every((op) => ran.has(op));
    for (let i = 0; i < MOST_CALLS && !done(); i++) {
      problemOf(callOf({ entry, gradient: entry.differentiable !== false && i % 2 === 1 }, next()));
    }
    missing.push(...claimed.filter((op) => !ran.has(op)).map((op) => `${op} in ${entry.name}`));
  }
  expect(claims).toBeGreaterThan(100);
  expect(missing).toEqual([]);
});
