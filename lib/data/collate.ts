import { ArgumentError, DTypeError, ShapeError, shapeText } from '../errors.js';
import { stack } from '../ops/index.js';
import { tensor } from '../tensor/create.js';
import { sameShape } from '../tensor/layout.js';
import { Tensor } from '../tensor/tensor.js';

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

/**
 * Puts items together into a batch, as PyTorch's `default_collate`: tensors of one shape are stacked, numbers become a
 * tensor (int64 when all are integers, else float32), booleans and bigints too, strings an array; arrays and objects are
 * put together place by place.
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
    default:
      throw new ArgumentError('DataLoader', `items${place} are ${kind}; give a collate function for them`, first);
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
