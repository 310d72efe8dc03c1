// Cases of leak checks: functions and classes that no spec, entry, fixture or page calls.
import { it } from 'vitest';
import { expectNoLeak } from '../support/leaks.js';

/** What is called, under its public name. The body runs up to three times, without a scope. */
export type Cases = Readonly<Record<string, () => unknown>>;

/** One test for all; where something stays, the case that keeps it is named. */
export function runCases(title: string, cases: Cases): void {
  it(title, async () => {
    try {
      await expectNoLeak(async () => {
        for (const body of Object.values(cases)) await body();
      });
    } catch (error) {
      for (const [name, body] of Object.entries(cases))
        await expectNoLeak(async () => {
          await body();
        }).catch((one: Error) => {
          throw new Error(`${name}: ${one.message}`, { cause: one });
        });
      throw error;
    }
  });
}
