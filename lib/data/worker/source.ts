import { ArgumentError, valueText } from '../../errors.js';

/**
 * Where a worker finds a dataset or a function: those cannot cross threads, so a worker imports the module and makes
 * its own. A class is made with `new`, a function with arguments is called, anything else is taken as it is.
 */
export interface ModuleSource {
  /** The module: a URL such as `new URL('./photos.ts', import.meta.url)`, or a package. */
  readonly module: string | URL;
  /** The name of the export; dots reach into it: `Photos.open`. Default `default`. */
  readonly export?: string;
  /** What the class or function gets. Plain data, buffers, and module sources, which the worker replaces by what they name. */
  readonly args?: readonly unknown[];
}

/** A dataset that tells workers how to make it again. */
export interface WorkerDataset {
  /** Where a worker finds the class or function that makes this dataset again; null: nowhere, it cannot be sent. */
  workerSource(): ModuleSource | null;
}

/** What {@link withSource} was told. */
const known = new WeakMap<object, ModuleSource>();

/** @internal How a worker makes a dataset or a function; null where it cannot. */
export function sourceOf(value: object): ModuleSource | null {
  const own = known.get(value);
  if (own !== undefined) return own;
  const { workerSource } = value as Partial<WorkerDataset>;
  return typeof workerSource === 'function' ? (workerSource.call(value) as ModuleSource | null) : null;
}

/**
 * Notes where workers find a dataset or a function, and returns it. A dataset class can have a method `workerSource()`
 * instead.
 *
 * @example
 * export const collate = withSource((items: Item[]) => pad(items), { module: import.meta.url, export: 'collate' });
 */
export function withSource<T extends object>(value: T, source: ModuleSource): T {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    throw new ArgumentError('withSource', `an object or a function is needed, got ${valueText(value)}`, value);
  }
  checkSource('withSource', source);
  known.set(value, source);
  return value;
}

function checkSource(op: string, source: unknown): asserts source is ModuleSource {
  if (isModuleSource(source)) return;
  throw new ArgumentError(op, `{ module, export, args } is needed, got ${valueText(source)}`, source);
}

/** @internal Whether `value` names a module; a `URL` alone does not. */
export function isModuleSource(value: unknown): value is ModuleSource {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  const { module, export: name, args, ...rest } = value as Record<string, unknown>;
  if (typeof module !== 'string' && !(module instanceof URL)) return false;
  return ['undefined', 'string'].includes(typeof name) && (args === undefined || Array.isArray(args)) && isEmpty(rest);
}

const isEmpty = (object: object): boolean => Object.keys(object).length === 0;

/** @internal With URLs as text, so that it can be posted. */
export function postable(source: ModuleSource): ModuleSource {
  const walk = (value: unknown): unknown => {
    if (isModuleSource(value)) return postable(value);
    if (Array.isArray(value)) return value.map(walk);
    const plain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
    return plain ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item)])) : value;
  };
  return { module: String(source.module), export: source.export ?? 'default', args: source.args?.map(walk) };
}

/**
 * Makes a dataset (or takes a function) from its module, here as workers do: a DataLoader with workers can use it.
 *
 * @throws ArgumentError when the module has no such export; what the import throws
 * @example
 * const photos = await importSource<Photos>({ module: new URL('./photos.js', import.meta.url), export: 'Photos', args: [folder] });
 * const loader = new DataLoader(photos, { batchSize: 32, numWorkers: 2 });
 */
export async function importSource<T extends object>(source: ModuleSource): Promise<T> {
  checkSource('importSource', source);
  return withSource((await resolveSource(source)) as T, source);
}

/** @internal What a source names. */
export async function resolveSource(source: ModuleSource): Promise<unknown> {
  const name = source.export ?? 'default';
  const module: unknown = await import(String(source.module));
  let owner: unknown = module;
  let value: unknown = module;
  for (const part of name.split('.')) {
    owner = value;
    value = (value as Record<string, unknown> | null | undefined)?.[part];
  }
  if (value === undefined || value === null) {
    const exported = Object.keys(module as object).join(', ') || 'nothing';
    throw new ArgumentError('DataLoader', `${source.module} has no export ${name}; it exports ${exported}`, source);
  }
  if (typeof value !== 'function') return value;
  const args = await Promise.all((source.args ?? []).map(resolveArgument));
  if (/^class\b/.test(Function.prototype.toString.call(value))) return Reflect.construct(value, args);
  return source.args === undefined ? value : await Reflect.apply(value, owner, args);
}

async function resolveArgument(value: unknown): Promise<unknown> {
  if (isModuleSource(value)) return resolveSource(value);
  if (Array.isArray(value)) return Promise.all(value.map(resolveArgument));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Object.entries(value).map(async ([key, item]) => [key, await resolveArgument(item)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
