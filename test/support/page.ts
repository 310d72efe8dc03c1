// The examples of a page of docs/ run, and print what the page says.
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as nabla from '../../lib/index.js';
import { expectNoLeak } from './leaks.js';

const AsyncFunction = (async () => undefined).constructor as new (
  ...code: string[]
) => (...args: unknown[]) => Promise<void>;

/** The imports of a block as statements of a function: names that the library does not export are refused. */
function withoutImports(code: string): string {
  return code.replace(/^import \{ (.*) \} from '(.*)';$/gm, (_, names: string, module: string) => {
    const list = names.split(', ');
    if (module === 'nabla') {
      const absent = list.filter((name) => !(name in nabla));
      if (absent.length > 0) throw new Error(`nabla does not export ${absent.join(', ')}`);
      return `const { ${names} } = nabla;`;
    }
    return `const { ${names} } = process.getBuiltinModule('${module}');`;
  });
}

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
        const runnable = withoutImports(code);
        await expectNoLeak(async () => {
          printed = [];
          await new AsyncFunction('nabla', 'console', runnable)(nabla, { log });
          expect(printed).toEqual(wanted);
        });
      });
    }
  });
}
