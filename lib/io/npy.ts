// numpy's files: one array (.npy), or several in a ZIP archive (.npz).
import { endianness } from 'node:os';
import { writeAtomically } from '../data/files.js';
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import type { DType } from '../tensor/dtype.js';
import { contiguousStrides } from '../tensor/layout.js';
import { type Tensor, viewOf } from '../tensor/tensor.js';
import { tensorOf } from './elements.js';
import { NPY_HEADER_BYTES, npyHeader, parseNpyHeader } from './npy-header.js';
import type { LoadTensorsOptions } from './safetensors.js';
import { chosenNames, gather } from './safetensors-read.js';
import { bytesOf, checkedTensors, type NamedTensors } from './safetensors-write.js';
import { type FileSource, type Source, withSource } from './source.js';
import { ZipReader } from './zip-reader.js';
import { writeZip } from './zip-writer.js';

/** What arrays are called in numpy's files; it has no bfloat16, which becomes float32. */
const DESCRIPTIONS: Readonly<Record<DType, string>> = {
  float32: 'f4',
  float64: 'f8',
  float16: 'f2',
  bfloat16: 'f4',
  int64: 'i8',
  int32: 'i4',
  int8: 'i1',
  uint8: 'u1',
  bool: 'b1',
};

/** The array of a file; `at` is where it begins, null when it was packed. */
function arrayOf(source: Source, bytes: Uint8Array, where: string, at: number | null): Tensor {
  const start = bytes.subarray(0, NPY_HEADER_BYTES);
  const { type, littleEndian, fortranOrder, shape, dataAt } = parseNpyHeader(source, start, bytes.length, where);
  const place = { where: where || 'the array', offset: at === null ? undefined : at + dataAt, littleEndian };
  const data = bytes.subarray(dataAt);
  if (!fortranOrder || shape.length < 2) return tensorOf(source, data, shape, type, place);
  // The transposed array lies in order.
  const reversed = [...shape].reverse();
  const turned = tensorOf(source, data, reversed, type, place);
  const result = viewOf(turned, shape, contiguousStrides(reversed).reverse());
  turned.dispose();
  return result;
}

/**
 * Loads an array of numpy (`np.save`): bool, integers, float16, float32 and float64 in any byte order, in C or Fortran order.
 * int16 and uint16 become int32, uint32 becomes int64; uint64, complex, text, structured and object arrays are refused.
 *
 * @param from a path, or the content of a file
 * @throws FormatError when the file is truncated, has bytes too many, or holds another dtype
 */
export async function loadNpy(from: FileSource): Promise<Tensor> {
  return withSource('loadNpy', from, async (source) => {
    const start = await source.read(0, Math.min(source.size, NPY_HEADER_BYTES));
    parseNpyHeader(source, start, source.size, '');
    return arrayOf(source, await source.read(0, source.size), '', 0);
  });
}

/**
 * Loads the arrays of a numpy archive (`np.savez`, `np.savez_compressed`) by their names, as {@link loadNpy} does each. A packed
 * array that promises more than deflate can hold is refused before memory is taken.
 *
 * @throws FormatError when the archive or an array is damaged, or holds another dtype
 * @example
 * model.loadStateDict(await io.loadNpz('weights.npz'));
 */
export async function loadNpz(from: FileSource, options: LoadTensorsOptions = {}): Promise<Record<string, Tensor>> {
  const op = 'loadNpz';
  checkOptions(op, options);
  return withSource(op, from, async (source) => {
    const zip = await ZipReader.open(source);
    const arrays = new Map([...zip.entries.values()].map((entry) => [entry.name.replace(/\.npy$/, ''), entry]));
    if (arrays.size !== zip.entries.size) throw source.error('two arrays have one name');
    const names = chosenNames(op, [...arrays.keys()], options);
    const tensors = await gather(async (put) => {
      for (const [name, as] of names) {
        const entry = arrays.get(name)!;
        const { bytes, offset } = await zip.read(entry);
        put(as, arrayOf(source, bytes, `${JSON.stringify(name)}: `, entry.deflated ? null : offset));
      }
    });
    return Object.fromEntries(tensors);
  });
}

async function arrayPieces(op: string, tensors: readonly Tensor[]): Promise<Uint8Array[][]> {
  const prefix = endianness() === 'LE' ? '<' : '>';
  const infos = tensors.map(({ dtype, shape }) => ({ dtype, shape }));
  const wide = tensors.map((x) => (x.dtype === 'bfloat16' ? x.to('float32') : x));
  const bytes = await bytesOf(op, wide);
  for (const [i, x] of wide.entries()) if (x !== tensors[i]) x.dispose();
  return infos.map(({ dtype, shape }, i) => {
    const kind = DESCRIPTIONS[dtype];
    return [npyHeader(`${kind.endsWith('1') ? '|' : prefix}${kind}`, shape), bytes[i]];
  });
}

/**
 * Writes a tensor as an array of numpy, completely or not at all. numpy has no bfloat16: such a tensor is written as float32.
 *
 * @throws ValueError when an operation that the tensor waits for has failed; nothing is written then
 */
export async function saveNpy(path: string, x: Tensor): Promise<void> {
  const op = 'saveNpy';
  checkTensor(op, x);
  const [pieces] = await arrayPieces(op, [x]);
  await writeAtomically(path, async (file) => {
    for (const piece of pieces) await file.writeFile(piece);
  });
}

/** Options of {@link saveNpz}. */
export interface SaveNpzOptions {
  /** Pack the arrays, as `np.savez_compressed` does. Default false. */
  compressed?: boolean;
}

/**
 * Writes tensors as an archive that `np.load` reads, completely or not at all. bfloat16 is written as float32.
 *
 * @throws ValueError when an operation that a tensor waits for has failed; nothing is written then
 * @example
 * await io.saveNpz('weights.npz', model.stateDict(), { compressed: true });
 */
export async function saveNpz(path: string, tensors: NamedTensors, options: SaveNpzOptions = {}): Promise<void> {
  const op = 'saveNpz';
  checkOptions(op, options);
  const { compressed = false } = options;
  if (typeof compressed !== 'boolean') {
    throw new ArgumentError(op, `compressed must be true or false, got ${valueText(compressed)}`, compressed);
  }
  const named = checkedTensors(op, tensors, {});
  const pieces = await arrayPieces(
    op,
    named.map(([, x]) => x),
  );
  const files = named.map(([name], i) => ({ name: `${name}.npy`, pieces: pieces[i] }));
  await writeZip(path, files, { deflate: compressed });
}
