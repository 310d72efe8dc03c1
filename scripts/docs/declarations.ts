// The top-level declarations of the sources, by name: enough to see whether a function or class knows an argument.
import { readFileSync } from 'node:fs';
import { sourcesOf } from './sources.js';

const START = /^(?:export )?(?:async |abstract |declare )?(?:class|interface|type|function\*?|const) (\w+)/;

/** Without comments and strings, so that only code is left. */
const bare = (source: string): string =>
  source
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
    .replace(/`(?:[^`\\]|\\.)*`/g, '``');

/** Code of each declaration; declarations of one name in several files come together. */
export function declarations(paths: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of paths.flatMap(sourcesOf).sort()) {
    let name = '';
    for (const line of bare(readFileSync(file, 'utf8')).split('\n')) {
      name = START.exec(line)?.[1] ?? name;
      if (name !== '') found.set(name, `${found.get(name) ?? ''}${line}\n`);
    }
  }
  return found;
}

const DEPTH = 5;

/** The code of a declaration and of the types and classes that it names. */
export function codeOf(name: string, all: ReadonlyMap<string, string>): string {
  const seen = new Set<string>();
  let next = [name];
  for (let depth = 0; depth < DEPTH; depth++) {
    const fresh = next.filter((known) => all.has(known) && !seen.has(known));
    for (const known of fresh) seen.add(known);
    next = fresh.flatMap((known) => (all.get(known) ?? '').match(/\b[A-Z]\w+/g) ?? []);
  }
  return [...seen].map((known) => all.get(known)).join('\n');
}
