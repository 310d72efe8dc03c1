// The examples of a page of docs/ run, and print what the page says.
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as nabla from '../../lib/index.js';
import { expectNoLeak } from './leaks.js';

const AsyncFunction = (async () => undefined).constructor as new (
  ...code: string[]
) => (...args: unknown[]) => Promise<void>;

/**
 * One test per block of code; each must print what stands behind its `console.log`, at least one line, and give all memory
 * back. It may be run again for that.
 */
export function runExamples(page: string): void {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const examples = [...text.matchAll(/^## (.*?)$|^```js\n([\s\S]*?)^```/gm)];
  describe(`docs/${page}`, () => {
    let title = '';
    for (const [, heading, code] of examples) {
      if (heading) title = heading;
      if (!code) continue;
      it(title, async () => {
        let printed: string[] = [];
        const log = (...values: unknown[]): void => {
          printed.push(values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));
        };
        const wanted = [...code.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, line]) => line);
        expect(wanted.length).toBeGreaterThan(0);
        await expectNoLeak(async () => {
          printed = [];
          await new AsyncFunction('nabla', 'console', code)(nabla, { log });
          expect(printed).toEqual(wanted);
        });
      });
    }
  });
}
