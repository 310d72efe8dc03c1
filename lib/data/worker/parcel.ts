// How batches and errors cross from a worker: memory is handed over, or bytes move.
import * as errors from '../../errors.js';
import { fromBytes } from '../../tensor/create.js';
import { type DType, ITEM_SIZES } from '../../tensor/dtype.js';
import { runInFrame } from '../../tensor/frame.js';
import { type HandedTensor, handOver, takeOver } from '../../tensor/handover.js';
import { readBytes } from '../../tensor/read.js';
import { HOLDS } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';

type Path = readonly (string | number)[];

/** A small tensor: its bytes. */
interface BytesOfTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly bytes: Uint8Array;
}

interface PackedTensor {
  /** Every place where it stands. */
  readonly paths: readonly Path[];
  readonly content: BytesOfTensor | HandedTensor;
}

/** A batch whose tensors are taken out. */
export interface Parcel {
  /** The batch in a list of one; `null` where tensors belong. */
  readonly tree: unknown[];
  readonly tensors: readonly PackedTensor[];
}

/** From so many bytes on memory is handed over; a smaller tensor costs less as a part of the message. */
const HANDED = 1 << 16;

const sizeOf = ({ numel, dtype }: Tensor): number => numel * ITEM_SIZES[dtype];

/** A batch as a parcel, and the buffers that go with it. */
export async function pack(batch: unknown, mailbox: number): Promise<{ parcel: Parcel; transfer: ArrayBuffer[] }> {
  const found = new Map<Tensor, Path[]>();
  const buffers = new Set<ArrayBuffer>();
  const tree = strip([batch], [], found, buffers) as unknown[];
  const large = [...found.keys()].filter((tensor) => sizeOf(tensor) >= HANDED);
  const handed = new Map<Tensor, HandedTensor | null>();
  if (large.length > 0) {
    const answers = await handOver(large, mailbox);
    for (const [i, tensor] of large.entries()) handed.set(tensor, answers[i]);
  }
  const tensors = await Promise.all(
    [...found].map(async ([tensor, paths]) => {
      const { shape, dtype } = tensor;
      const content = handed.get(tensor) ?? { shape: [...shape], dtype, bytes: await readBytes(tensor, 'DataLoader') };
      if ('bytes' in content) buffers.add(content.bytes.buffer as ArrayBuffer);
      return { paths, content };
    }),
  );
  return { parcel: { tree, tensors }, transfer: [...buffers] };
}

function strip(value: unknown, path: Path, found: Map<Tensor, Path[]>, buffers: Set<ArrayBuffer>): unknown {
  if (value instanceof Tensor) {
    const paths = found.get(value);
    if (paths) paths.push(path);
    else found.set(value, [path]);
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

/** A batch again, and its tensors, which belong to no scope yet. */
export interface Unpacked {
  readonly batch: unknown;
  readonly tensors: readonly Tensor[];
}

/** The batch of a parcel; the memory that was handed over is taken at once. */
export function unpack({ tree, tensors }: Parcel): Unpacked {
  const made = runInFrame({ scope: null, grad: true }, () => tensors.map(({ content }) => arrived(content)));
  for (const [i, { paths }] of tensors.entries()) {
    for (const path of paths) {
      let place = tree as unknown as Record<string | number, unknown>;
      for (const key of path.slice(0, -1)) place = place[key] as Record<string | number, unknown>;
      place[path[path.length - 1]] = made[i];
    }
  }
  return { batch: tree[0], tensors: made };
}

function arrived(content: BytesOfTensor | HandedTensor): Tensor {
  if ('bytes' in content) return fromBytes(content.bytes, content.shape, content.dtype);
  const tensor = takeOver(content);
  if (tensor === null) throw new errors.NablaError('DataLoader', 'the memory of a batch is gone');
  return tensor;
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
