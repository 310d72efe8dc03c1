// A function or class that is exported and that no leak check calls is named here.
import { describe, expect, it } from 'vitest';
import { tables } from './cases/index.js';
import { EXEMPT } from './exempt.js';
import { alongPath, exported, reached } from './reach.js';

const all = exported();
const cases = tables.flatMap(([, table]) => Object.entries(table));

/** Reached too: what a reached class extends. Errors hold numbers and words. */
async function missing(): Promise<string[]> {
  const found = await reached();
  for (const [name] of cases) found.add([...alongPath(name)].at(-1));
  for (const value of [...found])
    for (let base = Object.getPrototypeOf(value); typeof base === 'function'; base = Object.getPrototypeOf(base))
      found.add(base);
  const isError = (value: unknown): boolean => (value as { prototype?: unknown }).prototype instanceof Error;
  return [...all].filter(([value]) => !found.has(value) && !isError(value)).map(([, name]) => name);
}

describe('leak checks', () => {
  it('call every exported function and class, but those with a reason not to', async () => {
    expect(all.size).toBeGreaterThan(1200);
    expect((await missing()).sort()).toEqual(Object.keys(EXEMPT).sort());
  });

  it('have cases that call what they name', () => {
    for (const [name] of cases) {
      expect([...alongPath(name)].at(-1), name).toBeTypeOf('function');
      expect(name.split('.').length, name).toBe([...alongPath(name)].length);
    }
    expect(new Set(cases.map(([name]) => name)).size).toBe(cases.length);
  });
});
