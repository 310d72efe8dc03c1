// The specs of all ops, declared but not run.
import { readdirSync } from 'node:fs';
import { readFixture, type Sample } from '../support/fixture.js';
import { collectOnly, declared, type Spec } from '../support/spec.js';

/** A spec with what PyTorch gave for it. */
export interface SpecOfOp {
  readonly op: string;
  readonly spec: Spec;
  readonly samples: readonly Sample[];
}

export async function specsByFamily(): Promise<Map<string, SpecOfOp[]>> {
  collectOnly();
  const folder = new URL('../specs/', import.meta.url);
  const families = new Map<string, SpecOfOp[]>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.spec.ts'))) {
    const before = new Set(declared.keys());
    await import(`../specs/${file}`);
    const family = file.slice(0, -'.spec.ts'.length).replaceAll('-', '_');
    const own = [...declared].filter(([op, spec]) => !before.has(op) && 'call' in spec);
    if (own.length === 0) continue;
    const fixture = readFixture(family);
    families.set(
      family,
      own.map(([op, spec]) => ({ op, spec: spec as Spec, samples: fixture[op] ?? [] })),
    );
  }
  return families;
}
