import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../errors.js';
import { stack } from '../ops/index.js';
import { tensor } from '../tensor/create.js';
import { sameShape } from '../tensor/layout.js';
import { Tensor } from '../tensor/tensor.js';
import { withSource } from './worker/source.js';

/** What items of type `T` become when they are put together: the same structure with a batch at each place. */
export type Collated<T> = T extends Tensor | number | boolean | bigint
  ? Tensor
  : T extends string
    ? string[]
    : T extends readonly unknown[]
      ? { -readonly [K in keyof T]: Collated<T[K]> }
      : T extends object
        ? { -readonly [K in keyof T]: Collated<T[K]> }
        : never;

/** How items of a class become a batch: a static method of the class. @internal */
export const COLLATE = Symbol('how items become a batch');

interface Collating {
  [COLLATE]?(items: readonly unknown[], together: (parts: readonly unknown[]) => unknown): unknown;
}

/**
 * Puts items together as lists: from `[image, target]` pairs a list of images and a list of targets, as torchvision's
 * scripts do for detection, where images differ in size and in how many objects they show. Works in workers too.
 *
 * @throws ArgumentError unless the items are arrays of one length
 * Source: https://github.com/pytorch/vision/blob/v0.28.0/references/detection/utils.py (collate_fn)
 */
export function collateLists<T extends readonly unknown[]>(items: readonly T[]): { -readonly [K in keyof T]: T[K][] } {
  const length = items[0]?.length;
  const other = items.find((item) => !Array.isArray(item) || item.length !== length);
  if (length === undefined || other !== undefined) {
    throw new ArgumentError('collateLists', `arrays of one length are needed, got ${valueText(other ?? items)}`, other);
  }
  return Array.from({ length }, (_, i) => items.map((item) => item[i])) as { -readonly [K in keyof T]: T[K][] };
}
withSource(collateLists, { module: import.meta.url, export: 'collateLists' });

/**
 * Puts items together into a batch, as PyTorch's `default_collate`: tensors of one shape are stacked, numbers become a
 * tensor (int64 when all are integers, else float32), booleans and bigints too, strings an array; arrays and objects are
 * put together place by place. `Image` and `Mask` of `nabla/vision` are stacked, `BoundingBoxes` become an array of them.
 *
 * @throws ShapeError when tensors differ in shape
 * @throws ArgumentError for items that cannot be put together
 */
export function defaultCollate<T>(items: readonly T[]): Collated<T> {
  return collate(items, '') as Collated<T>;
}

function collate(items: readonly unknown[], place: string): unknown {
  const first = items[0];
  if (first === undefined) throw new ArgumentError('DataLoader', `no items${place}`, items);
  const kind = kindOf(first);
  const other = items.find((item) => kindOf(item) !== kind);
  if (other !== undefined)
    throw new ArgumentError('DataLoader', `items${place} are ${kind} and ${kindOf(other)}`, other);
  switch (kind) {
    case 'Tensor':
      return stackItems(items as readonly Tensor[], place);
    case 'number':
      return fromNumbers(items as readonly number[]);
    case 'boolean':
    case 'bigint':
      return tensor(items as boolean[] | bigint[]);
    case 'string':
      return [...items];
    case 'array':
      return collateArrays(items as readonly (readonly unknown[])[], place);
    case 'object':
      return collateObjects(items as readonly Record<string, unknown>[], place);
    default: {
      const own = ((first as object).constructor as Collating | undefined)?.[COLLATE];
      if (own !== undefined) return own(items, (parts) => collate(parts, place));
      throw new ArgumentError('DataLoader', `items${place} are ${kind}; give a collate function for them`, first);
    }
  }
}

function kindOf(item: unknown): string {
  if (item instanceof Tensor) return 'Tensor';
  if (Array.isArray(item)) return 'array';
  if (item === null) return 'null';
  if (typeof item !== 'object') return typeof item;
  const prototype = Object.getPrototypeOf(item);
  return prototype === Object.prototype || prototype === null ? 'object' : item.constructor.name;
}

function stackItems(items: readonly Tensor[], place: string): Tensor {
  const [first] = items;
  for (const item of items) {
    if (!sameShape(item.shape, first.shape)) {
      const shapes = `${shapeText(first.shape)} and ${shapeText(item.shape)}`;
      throw new ShapeError('DataLoader', `items${place} differ in shape: ${shapes}`, first.shape, item.shape);
    }
    if (item.dtype !== first.dtype) {
      const dtypes = `${first.dtype} and ${item.dtype}`;
      throw new DTypeError('DataLoader', `items${place} differ in dtype: ${dtypes}`, first.dtype, item.dtype);
    }
  }
  return stack(items);
}

function fromNumbers(values: readonly number[]): Tensor {
  if (values.every(Number.isSafeInteger)) return tensor(BigInt64Array.from(values, BigInt));
  return tensor(Float32Array.from(values));
}

function collateArrays(items: readonly (readonly unknown[])[], place: string): unknown[] {
  const { length } = items[0];
  const other = items.find((item) => item.length !== length);
  if (other !== undefined) {
    throw new ArgumentError('DataLoader', `items${place} have ${length} and ${other.length} places`, other);
  }
  return Array.from({ length }, (_, i) =>
    collate(
      items.map((item) => item[i]),
      `${place}[${i}]`,
    ),
  );
}

function collateObjects(items: readonly Record<string, unknown>[], place: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(items[0])) {
    if (!items.every((item) => Object.hasOwn(item, key))) {
      throw new ArgumentError('DataLoader', `not every item${place} has ${JSON.stringify(key)}`, items[0]);
    }
    out[key] = collate(
      items.map((item) => item[key]),
      `${place}.${key}`,
    );
  }
  return out;
}
