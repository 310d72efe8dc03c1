import { checkFunction } from '../tensor/check.js';
import { checkDataset } from './check.js';
import type { Dataset } from './dataset.js';
import { type ModuleSource, sourceOf } from './worker/source.js';

/**
 * A dataset whose items are changed when they are taken: augmentation, a choice of fields.
 *
 * @example
 * const pairs = new MappedDataset(photos, ({ image, label }) => [augment(image), label] as const);
 */
export class MappedDataset<T, U> implements Dataset<U> {
  readonly dataset: Dataset<T>;
  private readonly fn: (item: T, index: number) => U | Promise<U>;

  /** @param fn gets an item and its number; may be async. For workers it needs {@link withSource}. */
  constructor(dataset: Dataset<T>, fn: (item: T, index: number) => U | Promise<U>) {
    checkDataset('MappedDataset', dataset);
    checkFunction('MappedDataset', fn);
    this.dataset = dataset;
    this.fn = fn;
  }

  get length(): number {
    return this.dataset.length;
  }

  get(index: number): U | Promise<U> {
    const item = this.dataset.get(index);
    return item instanceof Promise ? item.then((value) => this.fn(value, index)) : this.fn(item, index);
  }

  workerSource(): ModuleSource | null {
    const sources = [this.dataset, this.fn].map(sourceOf);
    return sources.includes(null) ? null : { module: import.meta.url, export: 'MappedDataset', args: sources };
  }
}
