// Which exported functions and classes a leak check calls: by entries of the fuzzer, by specs of ops, by fixtures of modules,
// by the examples of the pages, and by the cases of this folder.
import { readdirSync, readFileSync } from 'node:fs';
import * as nabla from '../../lib/index.js';
import { type Entry, entries, publicName } from '../reference/entry.js';
import '../reference/index.js';
import { blocksOf, pages, textOf } from '../support/blocks.js';
import { specsByFamily } from './specs.js';

type Names = Readonly<Record<string, unknown>>;

const isNamespace = (value: unknown): value is Names =>
  typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Module]';

/** Every exported function and class with the first name it goes by: `matmul`, `vision.transforms.Compose`. */
export function exported(): Map<unknown, string> {
  const found = new Map<unknown, string>();
  const visit = (space: Names, at: string): void => {
    for (const [name, value] of Object.entries(space)) {
      if (typeof value === 'function' && !found.has(value)) found.set(value, `${at}${name}`);
      else if (isNamespace(value)) visit(value, `${at}${name}.`);
    }
  };
  visit(nabla, '');
  return found;
}

/** What `a.b.c` goes through, from the exports down. */
export function* alongPath(path: string): Generator<unknown> {
  let found: unknown = nabla;
  for (const part of path.split('.')) {
    if (!(typeof found === 'function' || isNamespace(found)) || !(part in found)) return;
    found = (found as unknown as Names)[part];
    yield found;
  }
}

/** The exports that a piece of code names. */
function* namedIn(code: string): Generator<unknown> {
  // vitest's name of a module stands before what is imported from it.
  for (const [path] of code
    .replace(/\b__vi_import_\d+__\./g, '')
    .matchAll(/(?<![.\w$])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/g))
    yield* alongPath(path);
}

function* byEntry(entry: Entry): Generator<unknown> {
  const names = [...String(entry.call ?? '').matchAll(/api\('([^']+)'\)/g)].map(([, name]) => name);
  for (const name of [publicName(entry), ...names]) yield* alongPath(name);
}

/** Classes of layers, of which test/nn/coverage.test.ts says that each has a fixture, and so a leak check. */
function* layers(): Generator<unknown> {
  for (const value of Object.values(nabla.nn))
    if (typeof value === 'function' && value.prototype instanceof nabla.nn.Module) yield value;
}

/**
 * Builders of the models that compareModels runs, and of those that differ from one of them in numbers only
 * (test/models/coverage.test.ts).
 */
function* imageModels(): Generator<unknown> {
  const plain = (name: string): string => name.replaceAll('_', '').toLowerCase();
  const listed = new Set(nabla.models.list().map(plain));
  for (const [name, value] of Object.entries(nabla.models)) if (listed.has(plain(name))) yield value;
}

/** What the makers of modules with fixtures name: `compareModules('nn', { ... })`. */
function* makers(): Generator<unknown> {
  const tests = new URL('..', import.meta.url);
  for (const file of readdirSync(tests, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.test.ts')) continue;
    const text = readFileSync(new URL(file, tests), 'utf8');
    const at = text.indexOf('\ncompareModules(');
    if (at >= 0) yield* namedIn(text.slice(0, text.indexOf('\n});', at)));
  }
}

/** The op's function in whatever namespace it is, and what the call of its spec names. */
async function* bySpecs(): AsyncGenerator<unknown> {
  for (const members of (await specsByFamily()).values())
    for (const { op, spec } of members) {
      for (const space of ['', 'F.', 'linalg.', 'special.']) yield* alongPath(space + op);
      yield* namedIn(String(spec.call));
    }
}

/** Everything that a leak check calls, but for the cases of this folder. */
export async function reached(): Promise<Set<unknown>> {
  const found = new Set<unknown>();
  const add = (values: Iterable<unknown>): void => {
    for (const value of values) if (typeof value === 'function') found.add(value);
  };
  for (const entry of entries.values()) add(byEntry(entry));
  for await (const value of bySpecs()) add([value]);
  add(layers());
  add(imageModels());
  add(makers());
  for (const page of pages) for (const code of blocksOf(textOf(page), ['js', 'javascript'])) add(namedIn(code));
  return found;
}
