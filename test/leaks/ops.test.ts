// Every op, called and derived without scope or dispose: what it made goes with the last reference to its results.
import { describe, expect, it } from 'vitest';
import { NablaError, type Tensor } from '../../lib/index.js';
import { api, arrayOf, laidOut } from '../fuzz/call.js';
import { invoke, tensorResults } from '../fuzz/check.js';
import { callOf, type Trial } from '../fuzz/run.js';
import { isFloat } from '../reference/array.js';
import { mapTensors } from '../reference/draw.js';
import { type Entry, entries } from '../reference/entry.js';
import '../reference/index.js';
import { expectNoLeak } from '../support/leaks.js';

const SEEDS = [1, 2, 3];

function runOnce(trial: Trial, seed: number): boolean {
  const call = callOf(trial, seed);
  const args = mapTensors(call.args, (arg) => {
    const { tensor } = laidOut(arg, arrayOf(arg));
    return trial.gradient && isFloat(arg.dtype) ? tensor.detach().requiresGrad_() : tensor;
  }) as unknown[];
  let results: Tensor[] = [];
  try {
    results = tensorResults(invoke(call, args, api));
  } catch (error) {
    // In place into another dtype, a gradient of a constant: an error must not leave anything either.
    if (!(error instanceof NablaError)) throw error;
  }
  const derived = results.filter((result: Tensor) => result.requiresGrad);
  for (const [i, result] of derived.entries()) result.sum().backward({ retainGraph: i + 1 < derived.length });
  return derived.length > 0;
}

function run(entry: Entry): number {
  let derived = 0;
  for (const seed of SEEDS) {
    runOnce({ entry, gradient: false }, seed);
    if (entry.differentiable !== false && runOnce({ entry, gradient: true }, seed)) derived++;
  }
  return derived;
}

const families = new Map<string, Entry[]>();
for (const entry of entries.values()) families.set(entry.family, [...(families.get(entry.family) ?? []), entry]);

describe('calls and gradients leave nothing behind', () => {
  it.each([...families])('%s', async (_, members) => {
    let derived = 0;
    const all = (): void => {
      for (const entry of members) derived += run(entry);
    };
    try {
      await expectNoLeak(all);
    } catch (error) {
      for (const entry of members)
        await expectNoLeak(() => run(entry)).catch((one: Error) => {
          throw new Error(`${entry.name}: ${one.message}`);
        });
      throw error;
    }
    if (members.some((entry) => entry.differentiable !== false)) expect(derived).toBeGreaterThan(0);
  });
});
