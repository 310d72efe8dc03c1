// Which op records the differential fuzzer covers.
import { describe, expect, it } from 'vitest';
import '../../lib/index.js';
import '../reference/index.js';
import { registry } from '../../lib/ops/define.js';
import { entries, publicName } from '../reference/entry.js';
import { api, lastPart } from './call.js';
import { EXEMPT } from './exempt.js';

const covered = new Set([...entries.values()].flatMap((entry) => entry.covers ?? [lastPart(publicName(entry))]));

describe('entries of the differential fuzzer', () => {
  it('exist for every op record', () => {
    const missing = [...registry.keys()].filter((op) => !covered.has(op) && !Object.hasOwn(EXEMPT, op));
    expect(covered.size).toBeGreaterThan(0);
    expect(missing).toEqual([]);
  });
  it('name only op records that exist', () => {
    const claimed = [...entries.values()].flatMap((entry) => entry.covers ?? []);
    expect([...claimed, ...Object.keys(EXEMPT)].filter((op) => !registry.has(op))).toEqual([]);
  });
  it('name functions that are exported', () => {
    for (const entry of entries.values()) if (!entry.call) expect(api(publicName(entry))).toBeTypeOf('function');
  });
});
