// Reading values: waits for the stream. `await t.data()` leaves the event loop free, `t.dataSync()` blocks it.
import { ShapeError, ValueError } from '../errors.js';
import { type NativeError, native } from '../native.js';
import { ITEM_SIZES, isNarrow, newTypedArray, type TypedArray } from './dtype.js';
import { emptyContiguous, Tensor } from './tensor.js';

/** Nested arrays as `toArray()` returns them; a plain value for a 0-d tensor. */
export type NestedArray = number | bigint | boolean | NestedArray[];

declare module './tensor.js' {
  interface Tensor {
    /**
     * All elements in row-major order, once the operations before have run. bool reads as 0 and 1, int64 as bigint,
     * bfloat16 and float16 as the same numbers in float32 (their bits: `x.view('uint8')`).
     */
    data(): Promise<TypedArray>;
    /** {@link data}, blocking: for scripts and workers. */
    dataSync(): TypedArray;
    /** The value of a tensor with one element. */
    item(): Promise<number>;
    /** {@link item}, blocking. */
    itemSync(): number;
    /** Nested arrays of the tensor's shape: numbers, booleans for bool, bigints for int64. */
    toArray(): Promise<NestedArray>;
    /** {@link toArray}, blocking. */
    toArraySync(): NestedArray;
  }
}

function fail(error: NativeError): never {
  throw new ValueError(error.op, error.message);
}

// Waiting in slices, each in a call of its own: that is where V8 looks whether the worker is being terminated.
const SLICE_MS = 20;
const slice = (position: number): boolean => native.wait(position, SLICE_MS);

/** Blocks until everything queued so far has run. */
export function drain(): void {
  const position = native.position();
  while (!slice(position));
}

/** Queues a read of the elements in a type that JavaScript has an array for. */
function withReadable<R>(tensor: Tensor, op: string, queue: (id: number) => R): R {
  const id = tensor._handle(op);
  if (!isNarrow(tensor.dtype)) return queue(id);
  const wide = emptyContiguous(tensor.shape, 'float32');
  native.copy(wide._id, id);
  const queued = queue(wide._id);
  wide.dispose();
  return queued;
}

/** @internal All elements in row-major order, blocking; `op` goes into errors. */
export function readSync(tensor: Tensor, op: string): TypedArray {
  const into = newTypedArray(tensor.dtype, tensor.numel);
  const cell = withReadable(tensor, op, (id) => native.beginRead(id, into));
  drain();
  const error = native.readResult(cell);
  if (error) fail(error);
  return into;
}

/** @internal All elements in row-major order. */
export async function read(tensor: Tensor, op: string): Promise<TypedArray> {
  const into = newTypedArray(tensor.dtype, tensor.numel);
  const error = await withReadable(tensor, op, (id) => native.read(id, into));
  if (error) fail(error);
  return into;
}

/** @internal All elements in row-major order, as the processor stores them. */
export async function readBytes(tensor: Tensor, op: string): Promise<Uint8Array> {
  const into = new Uint8Array(tensor.numel * ITEM_SIZES[tensor.dtype]);
  const error = await native.read(tensor._handle(op), into);
  if (error) fail(error);
  return into;
}

function checkOne(tensor: Tensor, op: string): void {
  if (tensor.numel !== 1) {
    throw new ShapeError(
      op,
      `a tensor with one element is needed, got shape [${tensor.shape.join(', ')}]`,
      tensor.shape,
    );
  }
}

function toNumber(value: number | bigint, op: string): number {
  if (typeof value === 'number') return value;
  const n = Number(value);
  if (!Number.isSafeInteger(n)) throw new ValueError(op, `${value} does not fit a number exactly; use data()`);
  return n;
}

function nest(tensor: Tensor, data: TypedArray): NestedArray {
  const { shape, dtype } = tensor;
  let at = 0;
  const build = (axis: number): NestedArray => {
    if (axis === shape.length) return dtype === 'bool' ? data[at++] !== 0 : data[at++];
    return Array.from({ length: shape[axis] }, () => build(axis + 1));
  };
  return build(0);
}

Tensor.prototype.data = function () {
  return read(this, 'data');
};
Tensor.prototype.dataSync = function () {
  return readSync(this, 'dataSync');
};
Tensor.prototype.item = async function () {
  checkOne(this, 'item');
  return toNumber((await read(this, 'item'))[0], 'item');
};
Tensor.prototype.itemSync = function () {
  checkOne(this, 'itemSync');
  return toNumber(readSync(this, 'itemSync')[0], 'itemSync');
};
Tensor.prototype.toArray = async function () {
  return nest(this, await read(this, 'toArray'));
};
Tensor.prototype.toArraySync = function () {
  return nest(this, readSync(this, 'toArraySync'));
};

/** Resolves when everything queued so far has run; rejects with the first error that no read has reported. */
export async function synchronize(): Promise<void> {
  await native.synchronize();
  const error = native.takeError();
  if (error) fail(error);
}

/** {@link synchronize}, blocking. */
export function synchronizeSync(): void {
  drain();
  const error = native.takeError();
  if (error) fail(error);
}
