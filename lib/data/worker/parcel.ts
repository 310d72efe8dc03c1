// How batches and errors cross from a worker: bytes move, they are not copied.
import * as errors from '../../errors.js';
import { fromBytes } from '../../tensor/create.js';
import type { DType } from '../../tensor/dtype.js';
import { readBytes } from '../../tensor/read.js';
import { HOLDS } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';

type Path = readonly (string | number)[];

interface PackedTensor {
  readonly path: Path;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly bytes: Uint8Array;
}

/** A batch whose tensors are bytes. */
export interface Parcel {
  /** The batch in a list of one; `null` where tensors belong. */
  readonly tree: unknown[];
  readonly tensors: readonly PackedTensor[];
}

/** A batch as a parcel, and the buffers that go with it. */
export async function pack(batch: unknown): Promise<{ parcel: Parcel; transfer: ArrayBuffer[] }> {
  const found: { path: Path; tensor: Tensor }[] = [];
  const buffers = new Set<ArrayBuffer>();
  const tree = strip([batch], [], found, buffers) as unknown[];
  const tensors = await Promise.all(
    found.map(async ({ path, tensor: { shape, dtype }, tensor }) => {
      const bytes = await readBytes(tensor, 'DataLoader');
      buffers.add(bytes.buffer as ArrayBuffer);
      return { path, shape: [...shape], dtype, bytes };
    }),
  );
  return { parcel: { tree, tensors }, transfer: [...buffers] };
}

function strip(
  value: unknown,
  path: Path,
  found: { path: Path; tensor: Tensor }[],
  buffers: Set<ArrayBuffer>,
): unknown {
  if (value instanceof Tensor) {
    found.push({ path, tensor: value });
    return null;
  }
  if (Array.isArray(value)) return value.map((item, i) => strip(item, [...path, i], found, buffers));
  if (ArrayBuffer.isView(value)) return ownedView(value, buffers);
  if (typeof value !== 'object' || value === null) return value;
  if (HOLDS in value) {
    const { name } = value.constructor;
    throw new errors.ArgumentError('DataLoader', `${name} cannot cross threads: put its tensor into the batch`, value);
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, strip(item, [...path, key], found, buffers)]);
  return Object.fromEntries(entries) as unknown;
}

/** A view whose buffer can move: a part of a larger buffer is copied, because the rest belongs to somebody else. */
function ownedView(view: ArrayBufferView, buffers: Set<ArrayBuffer>): ArrayBufferView {
  if (view.buffer instanceof SharedArrayBuffer) return view;
  if (view.byteLength !== view.buffer.byteLength) return ownedView(sliceOf(view), buffers);
  buffers.add(view.buffer as ArrayBuffer);
  return view;
}

function sliceOf(view: ArrayBufferView): ArrayBufferView {
  if (view instanceof DataView) {
    return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  }
  return (view as Uint8Array).slice();
}

/** The batch of a parcel. Its tensors belong to the scope of the caller. */
export function unpack({ tree, tensors }: Parcel): unknown {
  for (const { path, shape, dtype, bytes } of tensors) {
    let place = tree as unknown as Record<string | number, unknown>;
    for (const key of path.slice(0, -1)) place = place[key] as Record<string | number, unknown>;
    place[path[path.length - 1]] = fromBytes(bytes, shape, dtype);
  }
  return tree[0];
}

/** An error as plain data. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Its own fields, as far as they can be posted. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause: PackedError | null;
}

export function packError(error: unknown, depth = 3): PackedError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: errors.valueText(error), stack: undefined, fields: {}, cause: null };
  }
  const { name, message, stack, cause } = error;
  const fields = Object.entries(error).filter(([key, value]) => key !== 'cause' && isPlain(value));
  const inner = cause === undefined || depth === 0 ? null : packError(cause, depth - 1);
  return { name, message, stack, fields: Object.fromEntries(fields), cause: inner };
}

const isPlain = (value: unknown): boolean =>
  ['string', 'number', 'boolean', 'undefined', 'bigint'].includes(typeof value) ||
  value === null ||
  (Array.isArray(value) && value.every(isPlain));

/** The error again; one of nabla's classes where it was one. */
export function unpackError({ name, message, stack, fields, cause }: PackedError): Error {
  const error = new Error(message, cause === null ? undefined : { cause: unpackError(cause) });
  const Class = (errors as Record<string, unknown>)[name];
  if (typeof Class === 'function' && Class.prototype instanceof Error) Object.setPrototypeOf(error, Class.prototype);
  Object.assign(error, fields);
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  if (stack !== undefined) Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true });
  return error;
}
