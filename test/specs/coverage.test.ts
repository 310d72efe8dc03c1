// A test that fails when an op has no spec.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import '../../lib/index.js';
import { registry } from '../../lib/ops/define.js';
import { collectOnly, declared } from '../support/spec.js';

collectOnly();
const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.spec.ts'));
for (const name of files) await import(`./${name}`);

const covered = new Set<string>(declared.keys());
for (const spec of declared.values()) if ('covers' in spec) for (const op of spec.covers ?? []) covered.add(op);

describe('specs', () => {
  it('exist for every op record', () => {
    expect(registry.size).toBeGreaterThan(0);
    expect([...registry.keys()].filter((op) => !covered.has(op))).toEqual([]);
  });
  it('name only op records that exist', () => {
    const claimed = [...declared.values()].flatMap((spec) => ('covers' in spec ? (spec.covers ?? []) : []));
    expect(claimed.filter((op) => !registry.has(op))).toEqual([]);
  });
  it('that point to another test file are tested there', () => {
    for (const [op, spec] of declared) {
      if (!('testedBy' in spec)) continue;
      expect(existsSync(spec.testedBy), spec.testedBy).toBe(true);
      expect(readFileSync(spec.testedBy, 'utf8'), `${spec.testedBy} does not mention ${op}`).toMatch(
        new RegExp(`\\b${op}\\b`),
      );
    }
  });
});
