// The examples of docs/autograd.md run, and print what the page says.
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as nabla from '../../lib/index.js';

const page = readFileSync(new URL('../../docs/autograd.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^## (.*?)$|^```js\n([\s\S]*?)^```/gm)];

describe('docs/autograd.md', () => {
  let title = '';
  for (const [, heading, code] of examples) {
    if (heading) title = heading;
    if (!code) continue;
    it(title, () => {
      const printed: string[] = [];
      const log = (...values: unknown[]): void => {
        printed.push(values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));
      };
      const wanted = [...code.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, text]) => text);
      expect(wanted.length).toBeGreaterThan(0);
      new Function('nabla', 'console', code)(nabla, { log });
      expect(printed).toEqual(wanted);
    });
  }
});
