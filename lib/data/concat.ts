import { ArgumentError, valueText } from '../errors.js';
import { cat, indexSelect } from '../ops/index.js';
import { tensor } from '../tensor/create.js';
import { Tensor } from '../tensor/tensor.js';
import { checkDataset, checkIndex } from './check.js';
import { type BatchDataset, type Dataset, type IterableDataset, makesBatches } from './dataset.js';
import { type ModuleSource, sourceOf } from './worker/source.js';

/**
 * Datasets one behind the other.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.ConcatDataset
 *
 * @example
 * const both = new ConcatDataset([photos, drawings]);
 */
export class ConcatDataset<T> implements Dataset<T> {
  readonly datasets: readonly Dataset<T>[];
  /** Where each dataset ends. */
  readonly cumulativeSizes: readonly number[];

  /** @throws ArgumentError for no dataset at all, or one without items by number */
  constructor(datasets: readonly Dataset<T>[]) {
    checkDatasets('ConcatDataset', datasets);
    this.datasets = [...datasets];
    let end = 0;
    this.cumulativeSizes = datasets.map((dataset) => {
      end += dataset.length;
      return end;
    });
  }

  get length(): number {
    return this.cumulativeSizes[this.cumulativeSizes.length - 1];
  }

  get(index: number): T | Promise<T> {
    const [part, at] = this.locate(index);
    return this.datasets[part].get(at);
  }

  workerSource(): ModuleSource | null {
    return sourceOfParts(import.meta.url, 'concat', this.datasets);
  }

  /** @internal The dataset that has item `index`, and its number there. */
  protected locate(index: number): [part: number, at: number] {
    checkIndex('ConcatDataset', index, this.length);
    const part = this.cumulativeSizes.findIndex((end) => index < end);
    return [part, part === 0 ? index : index - this.cumulativeSizes[part - 1]];
  }
}

/** Datasets one behind the other that make their own batches; so does this. */
export class BatchConcatDataset<T, B> extends ConcatDataset<T> implements BatchDataset<T, B> {
  declare readonly datasets: readonly BatchDataset<T, B>[];

  constructor(datasets: readonly BatchDataset<T, B>[]) {
    super(datasets);
  }

  async batch(indices: ArrayLike<number>): Promise<B> {
    const items = this.datasets.map(() => [] as number[]);
    const places = this.datasets.map(() => [] as number[]);
    for (let i = 0; i < indices.length; i++) {
      const [part, at] = this.locate(indices[i]);
      items[part].push(at);
      places[part].push(i);
    }
    const used = items.flatMap((list, part) => (list.length > 0 ? [part] : []));
    if (used.length < 2) return this.datasets[used[0] ?? 0].batch(items[used[0] ?? 0]);
    const batches = await Promise.all(used.map((part) => this.datasets[part].batch(items[part])));
    const order = new Int32Array(indices.length);
    for (const [row, place] of used.flatMap((part) => places[part]).entries()) order[place] = row;
    return join(batches, order, '') as B;
  }
}

/** The datasets one behind the other. Keeps the fast path of datasets that make their own batches. */
export function concat<T, B>(datasets: readonly BatchDataset<T, B>[]): BatchConcatDataset<T, B>;
export function concat<T>(datasets: readonly Dataset<T>[]): ConcatDataset<T>;
export function concat<T, B>(datasets: readonly Dataset<T>[] | readonly BatchDataset<T, B>[]): ConcatDataset<T> {
  checkDatasets('concat', datasets);
  const fast = datasets.every((dataset) => makesBatches(dataset));
  return fast ? new BatchConcatDataset(datasets as readonly BatchDataset<T, B>[]) : new ConcatDataset(datasets);
}

/** Batches of equal structure as one, its rows in the order that `order` names. */
function join(parts: readonly unknown[], order: Int32Array, place: string): unknown {
  const [first] = parts;
  if (first instanceof Tensor) {
    const rows = tensor(order);
    const all = cat(parts as Tensor[]);
    const joined = indexSelect(all, 0, rows);
    rows.dispose();
    all.dispose();
    return joined;
  }
  if (Array.isArray(first)) {
    const isTuple = first.some((item) => typeof item === 'object' && item !== null);
    if (!isTuple) return Array.from(order, (row) => (parts as unknown[][]).flat()[row]);
    const column = (i: number): unknown[] => (parts as unknown[][]).map((part) => part[i]);
    return first.map((_, i) => join(column(i), order, `${place}[${i}]`));
  }
  if (typeof first !== 'object' || first === null) {
    throw new ArgumentError('ConcatDataset', `batches${place} of several datasets are ${valueText(first)}`, first);
  }
  const fields = parts as Record<string, unknown>[];
  const column = (key: string): unknown[] => fields.map((part) => part[key]);
  return Object.fromEntries(Object.keys(first).map((key) => [key, join(column(key), order, `${place}.${key}`)]));
}

/**
 * Streams one behind the other.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.ChainDataset
 */
export class ChainDataset<T> implements AsyncIterable<T> {
  readonly datasets: readonly IterableDataset<T>[];

  /** @throws ArgumentError for a dataset that cannot be looped over */
  constructor(datasets: readonly IterableDataset<T>[]) {
    const wrong = Array.isArray(datasets) ? datasets.findIndex((dataset) => !isIterable(dataset)) : 0;
    if (wrong >= 0) throw new ArgumentError('ChainDataset', `dataset ${wrong} cannot be looped over`, datasets);
    this.datasets = [...datasets];
  }

  /** The items of all datasets; undefined unless each of them knows how many it has. */
  get length(): number | undefined {
    return this.datasets.reduce<number | undefined>((sum, { length }) => {
      return sum === undefined || length === undefined ? undefined : sum + length;
    }, 0);
  }

  /** Tells every dataset that has a `setEpoch`. */
  setEpoch(epoch: number): void {
    for (const dataset of this.datasets) dataset.setEpoch?.(epoch);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (const dataset of this.datasets) yield* dataset;
  }

  workerSource(): ModuleSource | null {
    return sourceOfParts(import.meta.url, 'ChainDataset', this.datasets);
  }
}

const isIterable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);

/** The names of the parts of an item, each with its dataset's item. */
type Stacked<D> = { -readonly [K in keyof D]: D[K] extends Dataset<infer T> ? T : never };

/**
 * Datasets side by side: an item has one of each, as a tuple or, for an object of datasets, by name.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.StackDataset
 *
 * @example
 * new StackDataset([images, captions]).get(0); // [image, caption]
 * new StackDataset({ image: images, caption: captions }).get(0); // { image, caption }
 */
export class StackDataset<const D extends readonly Dataset<unknown>[] | Readonly<Record<string, Dataset<unknown>>>>
  implements Dataset<Stacked<D>>
{
  readonly datasets: D;
  readonly length: number;

  /** @throws ArgumentError for no dataset at all, or datasets of different length */
  constructor(datasets: D) {
    const parts: unknown = typeof datasets === 'object' && datasets !== null ? Object.values(datasets) : datasets;
    checkDatasets('StackDataset', parts);
    const all = parts as readonly Dataset<unknown>[];
    const other = all.find(({ length }) => length !== all[0].length);
    if (other !== undefined) {
      throw new ArgumentError('StackDataset', `datasets have ${all[0].length} and ${other.length} items`, datasets);
    }
    this.datasets = datasets;
    this.length = all[0].length;
  }

  get(index: number): Stacked<D> | Promise<Stacked<D>> {
    checkIndex('StackDataset', index, this.length);
    const names = Object.keys(this.datasets);
    const items = Object.values(this.datasets).map((dataset: Dataset<unknown>) => dataset.get(index));
    const build = (values: unknown[]): Stacked<D> =>
      (Array.isArray(this.datasets)
        ? values
        : Object.fromEntries(names.map((name, i) => [name, values[i]]))) as Stacked<D>;
    return items.some((item) => item instanceof Promise) ? Promise.all(items).then(build) : build(items);
  }

  workerSource(): ModuleSource | null {
    const names = Object.keys(this.datasets);
    const sources = Object.values(this.datasets).map(sourceOf);
    if (sources.includes(null)) return null;
    const datasets = Array.isArray(this.datasets)
      ? sources
      : Object.fromEntries(names.map((name, i) => [name, sources[i]]));
    return { module: import.meta.url, export: 'StackDataset', args: [datasets] };
  }
}

function sourceOfParts(module: string, name: string, parts: readonly object[]): ModuleSource | null {
  const sources = parts.map(sourceOf);
  return sources.includes(null) ? null : { module, export: name, args: [sources] };
}

function checkDatasets(op: string, datasets: unknown): asserts datasets is readonly Dataset<unknown>[] {
  if (!Array.isArray(datasets) || datasets.length === 0) {
    throw new ArgumentError(op, `at least one dataset is needed, got ${valueText(datasets)}`, datasets);
  }
  for (const [i, dataset] of datasets.entries()) checkDataset(op, dataset, `dataset ${i}`);
}
