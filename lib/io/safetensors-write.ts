// The writing half of safetensors files.
import { writeAtomically } from '../data/files.js';
import { ArgumentError } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { type DType, ITEM_SIZES } from '../tensor/dtype.js';
import { readBytes } from '../tensor/read.js';
import { Tensor } from '../tensor/tensor.js';
import { FILE_DTYPES, LENGTH_BYTES } from './safetensors-header.js';

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

const ALIGNMENT = 8;

/** @internal The tensors as a list, after checks of all that is given. */
export function checkedTensors(
  op: string,
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>>,
): [string, Tensor][] {
  checkOptions(op, tensors);
  checkOptions(op, metadata);
  const named = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Readonly<Record<string, Tensor>>);
  for (const [name, value] of named) {
    if (!(value instanceof Tensor)) {
      throw new ArgumentError(op, `${JSON.stringify(name)} is no Tensor but ${typeof value}`, value);
    }
    if (name === '__metadata__') throw new ArgumentError(op, 'a tensor cannot be named __metadata__', name);
  }
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text === 'string') continue;
    throw new ArgumentError(op, `metadata ${JSON.stringify(key)} must be a string, got ${typeof text}`, text);
  }
  return named;
}

/** @internal The bytes of tensors at the moment of the call: a change made after it does not reach them. */
export async function bytesOf(op: string, tensors: readonly Tensor[]): Promise<Uint8Array[]> {
  const settled = await Promise.allSettled(tensors.map((value) => readBytes(value, op)));
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** @internal Saves tensors; the metadata is made of their bytes, which lie in the order of `named`. */
export async function writeTensors(
  op: string,
  path: string,
  named: readonly [string, Tensor][],
  metadataOf: (bytes: readonly Uint8Array[]) => Record<string, string> | Promise<Record<string, string>>,
): Promise<void> {
  const infos = named.map(([name, { dtype, shape, numel }]) => ({ name, dtype, shape, numel }));
  const bytes = await bytesOf(
    op,
    named.map(([, value]) => value),
  );
  const { header, order } = layOut(infos, await metadataOf(bytes));
  await writeAtomically(path, async (file) => {
    await file.writeFile(header);
    for (const i of order) await file.writeFile(bytes[i]);
  });
}

interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly numel: number;
}

/** The header keeps the order of the names; the data goes from wide to narrow elements, so that each lies aligned. */
function layOut(infos: readonly TensorInfo[], metadata: Readonly<Record<string, string>>) {
  const width = (i: number): number => ITEM_SIZES[infos[i].dtype];
  const order = infos.map((_, i) => i).sort((a, b) => width(b) - width(a) || a - b);
  const begins = new Array<number>(infos.length);
  let end = 0;
  for (const i of order) {
    begins[i] = end;
    end += infos[i].numel * width(i);
  }
  const fields = infos.map(({ name, dtype, shape, numel }, i) => {
    const entry = { dtype: FILE_DTYPES[dtype], shape, data_offsets: [begins[i], begins[i] + numel * width(i)] };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (Object.keys(metadata).length > 0) fields.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  return { header: headerBytes(`{${fields.join(',')}}`), order };
}

function headerBytes(json: string): Buffer {
  const length = Math.ceil(Buffer.byteLength(json) / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.alloc(LENGTH_BYTES + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length));
  bytes.write(json, LENGTH_BYTES);
  return bytes;
}
