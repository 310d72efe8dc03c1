import { checkOptions } from '../tensor/check.js';
import type { Rename } from './names.js';
import { loadEntries, readHeader, type Safetensors, type Wanted } from './safetensors-read.js';
import { checkedTensors, type NamedTensors, writeTensors } from './safetensors-write.js';
import { loadShards } from './sharded.js';
import { type FileSource, withSource } from './source.js';

/** Options of {@link loadSafetensors}. */
export interface LoadTensorsOptions {
  /** Which tensors, by their names in the file: only their bytes are read. Default: all. */
  names?: readonly string[] | ((name: string) => boolean);
  /** Other names for them: rules `[pattern, replacement]` or a function, see {@link mapNames}. */
  rename?: Rename;
}

/**
 * Loads the tensors of a safetensors file, or of the files that an index (`model.safetensors.index.json`) names. The whole
 * header is checked before the first tensor is made; when reading fails later, the tensors made until then are disposed.
 * Element types that nabla lacks are widened without loss: I16 and U16 to int32, U32 to int64, F8_E4M3 and F8_E5M2 to float16.
 *
 * @param from a path, or the content of a file
 * @throws FormatError when the file is truncated, has bytes too many, or its header is wrong in any way; ArgumentError when
 * a name that was asked for is not there, or two get the same new name
 * @example
 * const { tensors } = await loadSafetensors('model.safetensors');
 * model.loadStateDict(tensors);
 * const { tensors: head } = await loadSafetensors('model.safetensors', { names: (name) => name.startsWith('head.') });
 */
export async function loadSafetensors(from: FileSource, options: LoadTensorsOptions = {}): Promise<Safetensors> {
  const op = 'loadSafetensors';
  checkOptions(op, options);
  const wanted: Wanted = { names: options.names, rename: options.rename };
  if (typeof from === 'string' && from.endsWith('.index.json')) return loadShards(op, from, wanted);
  return withSource(op, from, async (source) => {
    const { header, dataAt } = await readHeader(source);
    const tensors = await loadEntries(source, header.entries, dataAt, wanted);
    return { tensors: Object.fromEntries(tensors), metadata: { ...header.metadata } };
  });
}

/**
 * Saves tensors and text as a safetensors file. The file appears complete or not at all; one that was there before stays
 * until then. Tensors are written in the order of their elements, however they lie in memory; those that share memory are
 * written once each.
 *
 * @param tensors by name, such as a model's `stateDict()`
 * @param metadata text by name
 * @throws ValueError when an operation that a tensor waits for has failed; nothing is written then
 */
export async function saveSafetensors(
  path: string,
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const op = 'saveSafetensors';
  await writeTensors(op, path, checkedTensors(op, tensors, metadata), () => metadata);
}
