// A model in several safetensors files with an index, as Hugging Face writes large ones.
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeAtomically } from '../data/files.js';
import { ArgumentError, FormatError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { ITEM_SIZES } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { findDuplicateKey, parseBounded } from './json-keys.js';
import { MAX_HEADER_BYTES } from './safetensors-header.js';
import { chosenNames, gather, loadEntries, readHeader, type Safetensors, type Wanted } from './safetensors-read.js';
import { checkedTensors, type NamedTensors, writeTensors } from './safetensors-write.js';
import { type Source, withSource } from './source.js';

/** @internal Reads JSON that must be one object without double keys. */
export async function readJson(op: string, path: string): Promise<Record<string, unknown>> {
  return withSource(op, path, async (source) => {
    if (source.size > MAX_HEADER_BYTES) throw source.error(`${source.size} bytes are too much for a JSON file`);
    const bytes = await source.read(0, source.size);
    let text: string;
    let value: unknown;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      value = parseBounded(text);
    } catch (error) {
      throw source.error(`is not JSON in UTF-8: ${(error as Error).message}`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw source.error('is no JSON object');
    const duplicate = findDuplicateKey(text);
    if (duplicate !== null) throw source.error(`has the key ${JSON.stringify(duplicate.key)} twice`);
    return value as Record<string, unknown>;
  });
}

/** Names of tensors by the file of the index's folder that holds them. */
async function readIndex(op: string, path: string): Promise<Map<string, string[]>> {
  const { weight_map: map } = await readJson(op, path);
  const fail = (reason: string): never => {
    throw new FormatError(op, path, reason);
  };
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return fail('has no weight_map');
  const files = new Map<string, string[]>();
  for (const [name, file] of Object.entries(map as Record<string, unknown>)) {
    // A path could lead out of the folder.
    if (typeof file !== 'string' || !/^[^/\\:\0]+$/.test(file) || /^\.+$/.test(file)) {
      return fail(`${JSON.stringify(name)} is in ${valueText(file)}, which is no name of a file beside the index`);
    }
    const names = files.get(file);
    if (names) names.push(name);
    else files.set(file, [name]);
  }
  return files;
}

/** @internal Loads what an index names; the metadata of the files is put together. */
export async function loadShards(op: string, path: string, wanted: Wanted): Promise<Safetensors> {
  const files = await readIndex(op, path);
  const names = chosenNames(op, [...files.values()].flat(), wanted);
  const metadata = new Map<string, string>();
  const tensors = await gather(async (put) => {
    for (const [file, inside] of files) {
      const here = inside.filter((name) => names.has(name));
      if (here.length === 0) continue;
      await withSource(op, join(dirname(path), file), async (source) => {
        const { header, dataAt } = await readHeader(source);
        requireNames(source, path, inside, new Set(header.entries.map(({ name }) => name)));
        for (const [key, text] of Object.entries(header.metadata)) metadata.set(key, text);
        const rename = (name: string): string | null => names.get(name) ?? null;
        for (const [name, tensor] of await loadEntries(source, header.entries, dataAt, { names: here, rename })) {
          put(name, tensor);
        }
      });
    }
  });
  return { tensors: Object.fromEntries(tensors), metadata: Object.fromEntries(metadata) };
}

function requireNames(source: Source, index: string, names: readonly string[], there: ReadonlySet<string>): void {
  const missing = names.find((name) => !there.has(name));
  if (missing !== undefined) {
    throw source.error(`has no tensor ${JSON.stringify(missing)}, which ${basename(index)} says is there`);
  }
}

/** Options of {@link saveSharded}. */
export interface SaveShardedOptions {
  /** Bytes of tensors in one file; a larger tensor gets a file of its own. Default 5e9. */
  maxShardSize?: number;
  /** Text by name, written into each file. Default `{ format: 'pt' }`, which Hugging Face's loaders ask for. */
  metadata?: Readonly<Record<string, string>>;
  /** How the files are called. Default `model`. */
  name?: string;
}

/**
 * Saves tensors as `model.safetensors`, or, when they are more than `maxShardSize` bytes, as `model-00001-of-0000N.safetensors`
 * with `model.safetensors.index.json`: what Hugging Face's libraries read. The index is written last, and each file complete
 * or not at all. Files of an older save that would be found instead of the new ones are removed; its index goes, once all new
 * files are written, before they take the places of old ones, so that no index names files of two saves.
 *
 * @returns the path to load: of the index, or of the only file
 * @example
 * const path = await io.saveSharded('my-model', model.stateDict(), { maxShardSize: 1e9 });
 * const { tensors } = await io.loadSafetensors(path);
 */
export async function saveSharded(
  folder: string,
  tensors: NamedTensors,
  options: SaveShardedOptions = {},
): Promise<string> {
  const op = 'saveSharded';
  checkOptions(op, options);
  const { maxShardSize = 5e9, metadata = { format: 'pt' }, name = 'model' } = options;
  if (typeof maxShardSize !== 'number' || !(maxShardSize > 0)) {
    throw new ArgumentError(op, `maxShardSize must be above 0, got ${valueText(maxShardSize)}`, maxShardSize);
  }
  if (typeof name !== 'string' || !/^[^/\\:\0]+$/.test(name)) {
    throw new ArgumentError(op, `${valueText(name)} is no name of a file`, name);
  }
  const shards = split(checkedTensors(op, tensors, metadata), maxShardSize);
  const single = join(folder, `${name}.safetensors`);
  const index = `${single}.index.json`;
  const fileOf = (i: number): string =>
    shards.length === 1 ? `${name}.safetensors` : `${name}-${padded(i + 1)}-of-${padded(shards.length)}.safetensors`;
  // All reads are queued before the first file is written, so the files show one moment.
  const write = (file: string, i: number) => writeTensors(op, join(folder, file), shards[i], () => metadata);
  if (shards.length === 1) {
    await write(fileOf(0), 0);
    await rm(index, { force: true });
    return single;
  }
  const parts = shards.map((_, i) => `.${fileOf(i)}.new`);
  const written = await Promise.allSettled(parts.map(write));
  const failed = written.find((one) => one.status === 'rejected');
  if (failed) {
    await Promise.all(parts.map((part) => rm(join(folder, part), { force: true })));
    throw failed.reason;
  }
  // From here to the new index there is none: shards of two saves are never taken for one.
  await rm(index, { force: true });
  for (const [i, part] of parts.entries()) await rename(join(folder, part), join(folder, fileOf(i)));
  const map = shards.flatMap((shard, i) => shard.map(([key]): [string, string] => [key, fileOf(i)]));
  const total = shards.flat().reduce((sum, [, x]) => sum + bytesOfTensor(x), 0);
  const json = { metadata: { total_size: total }, weight_map: Object.fromEntries(map) };
  await writeAtomically(index, (file) => file.writeFile(`${JSON.stringify(json, null, 2)}\n`));
  await rm(single, { force: true });
  return index;
}

const padded = (n: number): string => String(n).padStart(5, '0');
const bytesOfTensor = (x: Tensor): number => x.numel * ITEM_SIZES[x.dtype];

/** Fills one shard after the other, in the order of the names; at least one, which may be empty. */
function split(named: readonly [string, Tensor][], most: number): [string, Tensor][][] {
  const shards: [string, Tensor][][] = [[]];
  let filled = 0;
  for (const item of named) {
    const bytes = bytesOfTensor(item[1]);
    if (filled > 0 && filled + bytes > most) {
      shards.push([]);
      filled = 0;
    }
    shards[shards.length - 1].push(item);
    filled += bytes;
  }
  return shards;
}
