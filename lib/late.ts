// How the published library loads what few programs use. scripts/bundle.mjs keeps each such folder of lib/ in a file of its
// own, dist/parts/<folder>.cjs, and makes its namespace here: `models` is there at once, its code when a name of it is used.
// A part is a function of what it imports, so however often it is copied, it has the classes of the library that loads it.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { NablaError } from './errors.js';
import { packageRoot } from './package-root.js';

type Exports = Readonly<Record<string, unknown>>;

/** What a file in dist/parts/ exports. */
interface Part {
  /** The sources it was made from. */
  readonly build: string;
  /** Runs its code once; `here` is the URL of the bundle. Returns the exports of each module, under `models/resnet`. */
  run(require: (id: string) => unknown, here: string): Readonly<Record<string, Exports>>;
}

/** What the bundler knows. */
export interface Bundle {
  readonly url: string;
  readonly build: string;
  /** Exports of the modules in the bundle itself. */
  readonly modules: Readonly<Record<string, Exports>>;
}

/** Modules of the library import each other by such names. */
const OWN = 'nabla:';

/** An application that has been bundled together with nabla has the parts in the installed package only. */
function placeOfParts(url: string): string {
  return existsSync(new URL('./parts', url)) ? url : `${packageRoot()}dist/nabla.js`;
}

/** The function that gives the exports of any module of the library; a part is read when one of its modules is wanted. */
export function moduleLoader({ url, build, modules }: Bundle): (id: string) => Exports {
  const parts = new Map<string, Readonly<Record<string, Exports>>>();
  const load = (name: string): Readonly<Record<string, Exports>> => {
    const place = placeOfParts(url);
    const require = createRequire(place);
    const part = require(`./parts/${name}.cjs`) as Part;
    if (part.build !== build)
      throw new NablaError('import', `${place} belongs to another version of nabla: bundle the application again`);
    const made = part.run((id) => (id.startsWith(OWN) ? moduleOf(id.slice(OWN.length)) : require(id)), url);
    parts.set(name, made);
    return made;
  };
  const moduleOf = (id: string): Exports => {
    const [folder] = id.split('/', 1);
    return modules[id] ?? (parts.get(folder) ?? load(folder))[id];
  };
  return moduleOf;
}

/** A namespace with the given names, whose module is loaded when the first of them is read. */
export function lateNamespace(names: readonly string[], load: () => Exports): Exports {
  const space: Record<string, unknown> = Object.create(null);
  const fill = (): void => {
    const loaded = load();
    for (const name of names) Object.defineProperty(space, name, { value: loaded[name], enumerable: true });
    Object.freeze(space);
  };
  for (const name of names) {
    const get = (): unknown => {
      fill();
      return space[name];
    };
    Object.defineProperty(space, name, { get, enumerable: true, configurable: true });
  }
  Object.defineProperty(space, Symbol.toStringTag, { value: 'Module' });
  return space;
}
